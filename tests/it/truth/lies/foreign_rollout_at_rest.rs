//! The lie: another build took the traffic after the run, and the promoted release is live.

use crate::truth::drift::build;
use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

/// A foreign rollout after a run that was promoted.
fn a_foreign_rollout_at_rest() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.drive(&deploy_plan("1.1.0"));
    bench.world.give_traffic("toto-app", &build("b-foreign"));
    told(&bench, &view)
}

#[test]
fn foreign_rollout_at_rest() {
    let truth = Truth {
        exit: 0,
        screen: &["▲ drift: toto-app b-foreign", "drift toto-app b-foreign"],
        json: &[("/customers", "When it ended, 1.1.0 was live.")],
        report: &["customers: When it ended, 1.1.0 was live."],
        alerts: &["ended: promoted"],
        never: &["Customers are on"],
    };
    truth.holds(&a_foreign_rollout_at_rest());
}
