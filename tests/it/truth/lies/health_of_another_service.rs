//! The lie: the public address is routed to another service, whose health is good.

use super::town::Town;
use crate::stand_in::Reply;
use crate::truth::told::Truth;

#[test]
fn health_of_another_service() {
    let town = Town::new();
    let other = town.sandbox().bo;
    town.answers(move |asked| Some(Reply::Raw(asked.forward(other))));
    let truth = Truth {
        exit: 1,
        screen: &["had all traffic again, but the public address did not confirm it."],
        json: &[("/marks", "[]")],
        report: &["wanted 1.1.0"],
        alerts: &["had all traffic again, but the public address did not confirm it."],
        never: &["soak passed", "is marked stable", "is marked bad", "was live again"],
    };
    truth.holds(&town.deploys());
}
