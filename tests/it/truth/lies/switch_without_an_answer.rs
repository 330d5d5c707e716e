//! The lie: the platform never answers a switch, and the old release is still live.

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

fn a_switch_without_an_answer() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let (mut hung, world) = (false, bench.world.clone());
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        let switching = view.services.values().any(|s| s.switch_asked);
        if switching && !std::mem::replace(&mut hung, true) {
            world.hang("traffic");
            world.hang("set_active");
        }
    });
    told(&bench, &view)
}

#[test]
fn switch_without_an_answer() {
    let truth = Truth {
        exit: 7,
        screen: &["The live build is unknown: ", "toto-bo unknown: not read after the last switch"],
        json: &[
            ("/services/0/serving", "null"),
            ("/services/0/traffic", "unknown"),
            ("/may_be_split", "true"),
        ],
        report: &["customers: The live build is unknown: "],
        alerts: &["ended: failed. The live build is unknown: "],
        never: &[
            "1.0.0 was live again",
            "1.1.0 was live.",
            "Now: pointsman status shows which build is live; then retry or roll back. Now:",
        ],
    };
    truth.holds(&a_switch_without_an_answer());
}
