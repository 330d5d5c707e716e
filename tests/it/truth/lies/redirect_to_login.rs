//! The lie: the public address sends everyone to a login page, which answers 200, and the release is live.

use super::town::Town;
use crate::stand_in::Reply;
use crate::truth::told::Truth;

#[test]
fn redirect_to_login() {
    let town = Town::new();
    town.answers(|asked| {
        let login = "location: /login\r\n".to_owned();
        let page = "<h1>Sign in</h1>".to_owned();
        Some(match asked.path.as_str() {
            "/login" => Reply::Says(200, String::new(), page),
            _ => Reply::Says(302, login, String::new()),
        })
    });
    let truth = Truth {
        exit: 1,
        screen: &[
            "sends to /login",
            "had all traffic again, but the public address did not confirm it.",
        ],
        json: &[("/outcome", "failed"), ("/marks", "[]")],
        report: &["/login"],
        alerts: &["had all traffic again, but the public address did not confirm it."],
        never: &["soak passed", "is marked bad", "was live again"],
    };
    truth.holds(&town.deploys());
}
