//! The lie: a cache answers with the healthy answer that it once got, and the release is healthy.

use super::town::Town;
use crate::stand_in::Reply;
use crate::truth::told::Truth;

#[test]
fn cached_health() {
    let town = Town::new();
    let (port, mut kept) = (town.sandbox().app, None);
    town.answers(move |asked| {
        if kept.is_none() {
            let answer = String::from_utf8(asked.forward(port)).unwrap();
            let green = answer.contains("1.1.0");
            kept = green.then(|| answer.split_once("\r\n\r\n").unwrap().1.to_owned());
            return Some(Reply::Raw(answer.into_bytes()));
        }
        let headers = "content-type: application/json\r\nage: 7\r\n".to_owned();
        Some(Reply::Says(200, headers, kept.clone().unwrap()))
    });
    let truth = Truth {
        exit: 5,
        screen: &["a cache answered"],
        json: &[("/outcome", "failed"), ("/failure/class", "inconclusive"), ("/marks", "[]")],
        report: &["a cache answered"],
        alerts: &["a cache answered"],
        never: &["soak passed", "is marked stable", "is marked bad", "1.1.0 was live"],
    };
    truth.holds(&town.deploys());
}
