//! The lie: the reply to the switch is lost, and the switch failed.

use super::town::Town;
use crate::misbehaving::{rolls_out, times};
use crate::stand_in::Reply;
use crate::truth::told::Truth;

#[test]
fn lost_reply() {
    let town = Town::new();
    let port = town.platform.port;
    town.platform.misbehaves(times(1, rolls_out, move |asked| {
        asked.forward(port);
        Reply::Cut
    }));
    let truth = Truth {
        exit: 0,
        screen: &["PROMOTED", "live 1.1.0"],
        json: &[("/outcome", "promoted"), ("/customers", "When it ended, 1.1.0 was live.")],
        report: &["promoted"],
        alerts: &["promoted"],
        never: &["ended: failed", "✗ FAILED", "ROLLED BACK"],
    };
    truth.holds(&town.deploys());
}
