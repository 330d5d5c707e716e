//! The lie: the health page answers 200 and says in its body that the service is broken.

use super::town::Town;
use crate::truth::told::Truth;
use serde_json::json;

#[test]
fn word_of_a_good_status() {
    let town = Town::new();
    let port = town.sandbox().app;
    town.answers(move |asked| {
        Town::changed(asked, port, |health| {
            if health["version"] == "1.1.0" {
                health["status"] = json!("error");
            }
        })
    });
    let truth = Truth {
        exit: 6,
        screen: &["ROLLED BACK"],
        json: &[("/outcome", "rolled_back")],
        report: &["status"],
        alerts: &["status"],
        never: &["soak passed", "is marked stable"],
    };
    truth.holds(&town.deploys());
}
