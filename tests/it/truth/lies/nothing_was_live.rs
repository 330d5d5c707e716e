//! The lie: the first deploy fails, and the old release stays live.

use crate::truth::told::{Told, Truth, told};
use crate::world::{Behaviour, Bench, deploy_plan};

/// Nothing was live before.
fn a_first_build_that_fails() -> Told {
    let bench = Bench::new();
    bench.world.behave("1.0.0", Behaviour::DoesNotBuild);
    let view = bench.drive(&deploy_plan("1.0.0"));
    told(&bench, &view)
}

#[test]
fn nothing_was_live() {
    let truth = Truth {
        exit: 1,
        screen: &["It moved no traffic, and no build was live. Nothing to undo."],
        json: &[("/customers", "It moved no traffic, and no build was live.")],
        report: &["customers: It moved no traffic, and no build was live."],
        alerts: &["ended: failed. It moved no traffic, and no build was live."],
        never: &["stayed live", "was not read"],
    };
    truth.holds(&a_first_build_that_fails());
}
