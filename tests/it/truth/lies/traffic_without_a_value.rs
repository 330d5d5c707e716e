//! The lie: the platform answers with an empty object, and no build has traffic.

use super::town::Town;
use crate::misbehaving::rolls_out;
use crate::stand_in::Reply;
use crate::truth::told::Truth;
use serde_json::json;

#[test]
fn traffic_without_a_value() {
    let town = Town::new();
    let mut switched = false;
    town.platform.misbehaves(move |asked| {
        switched |= rolls_out(asked);
        let looks = switched && asked.is("GET", "toto-app/traffic");
        looks.then(|| Reply::json(200, &json!({})))
    });
    let truth = Truth {
        exit: 7,
        screen: &["The live build is unknown: "],
        json: &[("/marks", "[]")],
        report: &["unknown"],
        alerts: &["unknown"],
        never: &["1.1.0 was live", "1.0.0 was live", "stayed live"],
    };
    truth.holds(&town.deploys());
}
