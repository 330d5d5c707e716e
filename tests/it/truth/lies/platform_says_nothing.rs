//! The lie: the platform does not answer at all, and no build is live.

use pointsman::domain::step::Failure;

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, Fault, deploy_plan};

/// The platform says nothing at all.
fn a_run_that_could_not_look() -> Told {
    let bench = Bench::new();
    bench.world.fail(Some(Fault { at: 0, class: Failure::Lasting, acts: false, lasts: true }));
    let view = bench.drive(&deploy_plan("1.0.0"));
    bench.world.fail(None);
    told(&bench, &view)
}

#[test]
fn platform_says_nothing() {
    let truth = Truth {
        exit: 1,
        screen: &["It moved no traffic; which build is live was not read."],
        json: &[("/customers", "It moved no traffic; which build is live was not read.")],
        report: &[
            "customers: It moved no traffic; which build is live was not read.",
            "| not read |",
        ],
        alerts: &["ended: failed. It moved no traffic; which build is live was not read."],
        never: &["stayed live", "after the last switch", "no build was live"],
    };
    truth.holds(&a_run_that_could_not_look());
}
