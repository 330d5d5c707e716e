//! The lie: a run fails, and everything is as before, although automatic rollouts are still disabled.

use super::behaving;
use crate::truth::told::Truth;
use crate::world::Behaviour;

#[test]
fn rollouts_left_disabled() {
    let truth = Truth {
        exit: 1,
        screen: &[
            "the build failed",
            "It moved no traffic: 1.0.0 stayed live",
            "rollouts DISABLED, P enables",
        ],
        json: &[("/services/0/rollouts_held", "true"), ("/outcome", "failed")],
        report: &["automatic rollouts of toto-app, toto-bo were left DISABLED"],
        alerts: &["ended: failed. It moved no traffic: 1.0.0 stayed live"],
        never: &["marked bad", "- rolled back"],
    };
    truth.holds(&behaving(Behaviour::DoesNotBuild));
}
