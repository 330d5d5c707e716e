//! The lie: a release is deployed again, and its label proves that the new build answers.

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

fn the_same_label_again() -> Told {
    let bench = Bench::new();
    bench.world.hides_revisions();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.drive(&deploy_plan("1.0.0"));
    told(&bench, &view)
}

#[test]
fn same_label_again() {
    let truth = Truth {
        exit: 5,
        screen: &["the build that answers for toto-bo is unknown", "may report the same version"],
        json: &[("/failure/class", "inconclusive"), ("/failure/step", "attest")],
        report: &["the switch of toto-bo and toto-app may be unverifiable"],
        alerts: &["the build that answers for toto-bo is unknown"],
        never: &["is marked stable", "marked bad"],
    };
    truth.holds(&the_same_label_again());
}
