//! The lie: half of the answers of a soak are bad, and the release is promoted.

use super::behaving;
use crate::truth::told::Truth;
use crate::world::Behaviour;

#[test]
fn half_of_the_answers_are_bad() {
    let truth = Truth {
        exit: 6,
        screen: &["ROLLED BACK", "answers bad (5", "more than 1 %", "1.0.0 was live again"],
        json: &[("/outcome", "rolled_back"), ("/failure/step", "soak"), ("/marks/0/mark", "bad")],
        report: &["rolled back automatically", "answers bad", "1.1.0 is marked bad"],
        alerts: &["ended: rolled back automatically. When it ended, 1.0.0 was live again."],
        never: &["soak passed", "1.1.0 is marked stable"],
    };
    truth.holds(&behaving(Behaviour::Alternates(5)));
}
