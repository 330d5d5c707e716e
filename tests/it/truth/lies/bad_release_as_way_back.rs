//! The lie: a bad release is the one to roll back to.

use super::behaving;
use crate::truth::told::Truth;
use crate::world::Behaviour;

#[test]
fn bad_release_as_way_back() {
    let truth = Truth {
        exit: 6,
        screen: &["undo: none: every other release", "undo none: every other release"],
        json: &[("/marks/0/release", "1.1.0"), ("/marks/0/mark", "bad")],
        report: &["1.1.0 is marked bad"],
        alerts: &["rolled back automatically"],
        never: &["undo to 1.1.0", "undo: B to 1.1.0", "warm until"],
    };
    truth.holds(&behaving(Behaviour::Alternates(5)));
}
