//! The lie: the answer does not say which build it is of, and that is a match.

use super::behaving;
use crate::truth::told::Truth;
use crate::world::Behaviour;

#[test]
fn missing_revision() {
    let truth = Truth {
        exit: 6,
        screen: &["the answer has no revision, wanted b-1-1-0"],
        json: &[("/outcome", "rolled_back"), ("/failure/step", "attest")],
        report: &["the answer has no revision, wanted b-1-1-0"],
        alerts: &["the answer has no revision, wanted b-1-1-0"],
        never: &["5 answers in a row: 5 × 1.1.0"],
    };
    truth.holds(&behaving(Behaviour::Nameless));
}
