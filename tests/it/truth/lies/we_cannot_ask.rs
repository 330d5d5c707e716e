//! The lie: our own network is down, and the release is bad.

use super::behaving;
use crate::truth::told::Truth;
use crate::world::Behaviour;

#[test]
fn we_cannot_ask() {
    let truth = Truth {
        exit: 5,
        screen: &["not known to be healthy", "could not ask", "It moved no traffic"],
        json: &[("/failure/class", "inconclusive"), ("/marks", "[]")],
        report: &["not known to be healthy"],
        alerts: &["ended: failed. It moved no traffic: 1.0.0 stayed live"],
        never: &["is not healthy", "marked bad"],
    };
    truth.holds(&behaving(Behaviour::Blind));
}
