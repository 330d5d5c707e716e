//! The lie: another person moves a tenth of the traffic after the switch, and the release has all of it.

use super::foreign;
use crate::truth::drift::{build, part};
use crate::truth::told::Truth;

#[test]
fn foreign_split() {
    let truth = Truth {
        exit: 1,
        screen: &[
            "No release has all traffic: toto-app b-1-1-0",
            "90 %, b-foreign 10 %",
            "toto-app SPLIT",
        ],
        json: &[
            ("/services/1/serving", "null"),
            ("/services/1/traffic", "split"),
            ("/failure/class", "drift"),
        ],
        report: &["customers: No release has all traffic: ", "90 %, b-foreign 10 % |"],
        alerts: &["ended: failed. No release has all traffic: "],
        never: &[
            "marked bad",
            "PROMOTED 01-01 00:00 development deploy 1.0.0 → 1.1.0",
            "live build is unknown",
        ],
    };
    truth.holds(&foreign(|green| vec![part(green, 90), part(&build("b-foreign"), 10)]));
}
