//! The lie: the traffic is removed after the switch, and the release is live.

use super::foreign;
use crate::truth::told::Truth;

#[test]
fn removed_traffic() {
    let truth = Truth {
        exit: 1,
        screen: &["No release has all traffic: toto-app no build"],
        json: &[("/services/1/serving", "null"), ("/services/1/traffic", "none")],
        report: &["| no build |"],
        alerts: &["ended: failed. No release has all traffic: toto-app no build"],
        never: &["marked bad", "1.1.0 was live."],
    };
    truth.holds(&foreign(|_| Vec::new()));
}
