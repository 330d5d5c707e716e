//! The lie: the machine's clock jumps an hour during the soak, and the soak took an hour, or no time at all.

use std::time::Duration;

use super::one_minute;
use crate::truth::told::{Truth, told};
use crate::world::{Bench, deploy_plan};

#[test]
fn clock_that_jumps() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut jumped = false;
    let view = bench.drive_with(&one_minute("1.1.0"), |view, _| {
        let soaks = view.state.step().is_some_and(|step| step.as_str() == "soak");
        if soaks && !std::mem::replace(&mut jumped, true) {
            bench.clock_jumps(Duration::from_hours(1));
        }
    });
    let truth = Truth {
        exit: 0,
        screen: &["PROMOTED", "1:0"],
        json: &[("/outcome", "promoted")],
        report: &["monitored 1m"],
        alerts: &["ended: promoted"],
        never: &["61m", "monitored 1h"],
    };
    truth.holds(&told(&bench, &view));
    assert!(jumped && view.elapsed_ms < 120_000, "{}", view.elapsed_ms);
}
