//! The lie: our own name server does not answer, and the release is down.

use super::town::Town;
use crate::truth::told::Truth;

#[test]
fn silent_name_server() {
    let town = Town::new();
    let config = town.sandbox().folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let from = text.find("toto-app: { url: '").unwrap() + "toto-app: { url: '".len();
    let to = from + text[from..].find('\'').unwrap();
    let text = format!("{}http://app.invalid{}", &text[..from], &text[to..]).replace(
        "protection: open",
        "protection: open\n    control: ['tcp://control.invalid:443']",
    );
    std::fs::write(&config, text).unwrap();
    let truth = Truth {
        exit: 5,
        screen: &["could not ask"],
        json: &[("/failure/class", "inconclusive"), ("/marks", "[]")],
        report: &["could not ask"],
        alerts: &["could not ask"],
        never: &["is marked bad", "is marked stable", "soak passed", "1.1.0 was live."],
    };
    truth.holds(&town.deploys());
}
