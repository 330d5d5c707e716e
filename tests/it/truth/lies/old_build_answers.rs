//! The lie: the platform says that the switch is done, and the old build still answers.

use super::town::Town;
use crate::stand_in::Reply;
use crate::truth::told::Truth;

#[test]
fn old_build_answers() {
    let town = Town::new();
    let status = town.sandbox().emulator();
    let services = status["services"].as_array().unwrap();
    let app = services.iter().find(|s| s["service"] == "toto-app").unwrap();
    let old = u16::try_from(app["slots"][0]["port"].as_u64().unwrap()).unwrap();
    town.answers(move |asked| Some(Reply::Raw(asked.forward(old))));
    let truth = Truth {
        exit: 6,
        screen: &["ROLLED BACK", "version is 1.0.0, wanted 1.1.0"],
        json: &[("/outcome", "rolled_back"), ("/marks", "[]")],
        report: &["version is 1.0.0, wanted 1.1.0"],
        alerts: &["version is 1.0.0, wanted 1.1.0"],
        never: &["soak passed", "is marked stable", "is marked bad"],
    };
    truth.holds(&town.deploys());
}
