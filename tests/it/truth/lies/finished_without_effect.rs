//! The lie: the platform says that its operation is done, and its traffic never moved.

use super::town::Town;
use crate::misbehaving::rolls_out;
use crate::stand_in::Reply;
use crate::truth::told::Truth;
use serde_json::json;

#[test]
fn finished_without_effect() {
    let town = Town::new();
    town.platform.misbehaves(|asked| {
        let (done, state) = (
            json!({"name": "projects/x/operations/y", "done": true}),
            json!({"state": "SUCCEEDED"}),
        );
        if rolls_out(asked) {
            return Some(Reply::json(200, &done));
        }
        asked.is("GET", "toto-app/rollouts/").then(|| Reply::json(200, &state))
    });
    let truth = Truth {
        exit: 5,
        screen: &["SUCCEEDED, but traffic did not follow"],
        json: &[("/marks", "[]")],
        report: &["SUCCEEDED, but traffic did not follow"],
        alerts: &["SUCCEEDED, but traffic did not follow"],
        never: &["1.1.0 was live", "is marked bad", "soak passed"],
    };
    truth.holds(&town.deploys());
}
