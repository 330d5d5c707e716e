//! The lie: a person aborts, and the release is bad.

use pointsman::domain::command::Command;

use super::interrupted;
use crate::truth::told::Truth;

#[test]
fn abort_by_a_person() {
    let truth = Truth {
        exit: 1,
        screen: &["rolled back: aborted after traffic moved"],
        json: &[("/undone_because", "aborted after traffic moved"), ("/marks", "[]")],
        report: &["rolled back by a person: aborted after traffic moved"],
        alerts: &["ended: rolled back by a person"],
        never: &["became unhealthy", "waits for a person", "marked bad"],
    };
    truth.holds(&interrupted(&Command::Abort { now: true }));
}
