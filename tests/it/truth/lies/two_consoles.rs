//! The lie: two people answer the same question on two consoles, and both answers counted.

use pointsman::domain::command::Command;
use pointsman::domain::step::StepKind;

use crate::truth::told::{Truth, told};
use crate::world::{Bench, deploy_plan};

#[test]
fn two_consoles() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut answered = false;
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| {
        if view.gate() == Some(&StepKind::GateSwitch) && !std::mem::replace(&mut answered, true) {
            bench.send_as("ana", view, &Command::Abort { now: false });
            bench.send_as("ben", view, &Command::approve());
        }
    });
    let truth = Truth {
        exit: 1,
        screen: &["ABORTED"],
        json: &[("/outcome", "aborted")],
        report: &["aborted"],
        alerts: &["waits for approval"],
        never: &[
            "approved by ben",
            "ended: promoted",
            "✓ PROMOTED 01-01 00:00 development deploy 1.0.0 → 1.1.0",
        ],
    };
    truth.holds(&told(&bench, &view));
}
