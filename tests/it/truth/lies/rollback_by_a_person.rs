//! The lie: a person rolls back, and the soak failed.

use pointsman::domain::command::Command;

use super::interrupted;
use crate::truth::told::Truth;

#[test]
fn rollback_by_a_person() {
    let truth = Truth {
        exit: 1,
        screen: &["■", "rolled back: rolled back by ben"],
        json: &[("/undone_because", "rolled back by ben"), ("/failure/class", "cancelled")],
        report: &["rolled back by a person: rolled back by ben"],
        alerts: &[
            "ended: rolled back by a person. When it ended, 1.0.0 was live again. | rolled back by ben",
        ],
        never: &["became unhealthy", "waits for a person", "automatically"],
    };
    truth.holds(&interrupted(&Command::Rollback));
}
