//! The lie: another build takes the traffic after the switch, and one of the two that we know is live.

use super::foreign;
use crate::truth::drift::{build, part};
use crate::truth::told::Truth;

#[test]
fn foreign_build() {
    let truth = Truth {
        exit: 1,
        screen: &[
            "No release has all traffic: toto-app b-foreign",
            "live toto-bo 1.1.0, toto-app b-foreign",
        ],
        json: &[("/services/1/serving", "b-foreign"), ("/failure/class", "drift")],
        report: &["| `b-foreign` |"],
        alerts: &["ended: failed. No release has all traffic: toto-app b-foreign"],
        never: &["marked bad", "1.0.0 was live again"],
    };
    truth.holds(&foreign(|_| vec![part(&build("b-foreign"), 100)]));
}
