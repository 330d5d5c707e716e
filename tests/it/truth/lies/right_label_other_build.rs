//! The lie: the public address names the right release, of another build, and that proves the switch.

use super::town::Town;
use crate::truth::told::Truth;
use serde_json::json;

#[test]
fn right_label_other_build() {
    let town = Town::new();
    let port = town.sandbox().app;
    town.answers(move |asked| {
        Town::changed(asked, port, |health| health["revision"] = json!("b-other"))
    });
    let truth = Truth {
        exit: 1,
        screen: &["b-other"],
        json: &[("/marks", "[]")],
        report: &["b-other"],
        alerts: &["had all traffic again, but the public address did not confirm it."],
        never: &["soak passed", "is marked stable", "is marked bad", "was live again"],
    };
    truth.holds(&town.deploys());
}
