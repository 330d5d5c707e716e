//! The lie: the platform refuses a switch, and the release is bad.

use pointsman::domain::step::Failure;

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, Fault, deploy_plan};

/// The platform refuses a call during the switch for good.
fn a_switch_that_is_refused() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    for at in 0..40 {
        bench.world.fail(Some(Fault { at, class: Failure::Lasting, acts: false, lasts: false }));
        let view = bench.drive(&deploy_plan("1.1.0"));
        bench.world.fail(None);
        if view.undo.is_some() {
            return told(&bench, &view);
        }
        if view.exit_code() == 0 {
            bench.drive(&deploy_plan("1.0.0"));
        }
    }
    unreachable!("some call is one after the first switch")
}

#[test]
fn switch_refused() {
    let truth = Truth {
        exit: 6,
        screen: &["the platform refused", "1.0.0 was live again"],
        json: &[("/marks", "[]"), ("/failure/step", "switch:toto-bo")],
        report: &["rolled back automatically: the platform refused"],
        alerts: &["ended: rolled back automatically"],
        never: &["marked bad"],
    };
    truth.holds(&a_switch_that_is_refused());
}
