//! The lie: a captive portal answers 200 to every request, and the platform said yes.

use super::town::Town;
use crate::misbehaving::rolls_out;
use crate::stand_in::Reply;
use crate::truth::told::Truth;

#[test]
fn captive_portal() {
    let town = Town::new();
    let mut captured = false;
    town.platform.misbehaves(move |asked| {
        captured |= rolls_out(asked);
        let page = "<html>Welcome to the lounge</html>".to_owned();
        captured.then(|| Reply::Says(200, "content-type: text/html\r\n".to_owned(), page))
    });
    let truth = Truth {
        exit: 7,
        screen: &["The live build is unknown: "],
        json: &[("/services/0/traffic", "unknown"), ("/marks", "[]")],
        report: &["customers: The live build is unknown: "],
        alerts: &["The live build is unknown: "],
        never: &["1.1.0 was live", "1.0.0 was live", "stayed live", "is marked"],
    };
    truth.holds(&town.deploys());
}
