//! The lie: a team's own command exits with 0 without doing anything, and traffic has moved.

use super::town::Receiver;
use crate::command_platform::Platform;
use crate::truth::told::Truth;

#[test]
fn exit_status() {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    let _ = sandbox.deploy("1.0.0").exits(0);
    let receiver = Receiver::of(sandbox);
    std::fs::write(platform.file("lies"), "").unwrap();
    let said = sandbox.deploy("1.1.0");
    let truth = Truth {
        exit: 5,
        screen: &["traffic did not follow"],
        json: &[("/marks", "[]")],
        report: &["traffic did not follow"],
        alerts: &["traffic did not follow"],
        never: &["1.1.0 was live", "is marked bad", "is marked stable"],
    };
    truth.holds(&receiver.told(sandbox, &said));
}
