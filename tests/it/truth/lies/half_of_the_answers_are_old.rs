//! The lie: half of the answers of a soak are the old build's, and the switch is complete.

use super::behaving;
use crate::truth::told::Truth;
use crate::world::Behaviour;

#[test]
fn half_of_the_answers_are_old() {
    let truth = Truth {
        exit: 6,
        screen: &["ROLLED BACK", "version is 1.0.0, wanted 1.1.0"],
        json: &[("/outcome", "rolled_back"), ("/failure/step", "soak"), ("/marks", "[]")],
        report: &["version is 1.0.0, wanted 1.1.0"],
        alerts: &["version is 1.0.0, wanted 1.1.0"],
        never: &["soak passed", "is marked bad"],
    };
    truth.holds(&behaving(Behaviour::OldAnswers(5)));
}
