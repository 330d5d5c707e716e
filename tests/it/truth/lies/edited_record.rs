//! The lie: a record of a run was edited, and the run was promoted as it says.

use super::town::{Receiver, screen};
use crate::sandbox::Sandbox;
use crate::truth::told::{Told, Truth};

#[test]
fn edited_record() {
    let sandbox = Sandbox::new();
    let receiver = Receiver::of(&sandbox);
    let _ = sandbox.deploy("1.0.0-broken");
    let last = sandbox.deploy("1.1.0").exits(0);
    let alerts = receiver.told(&sandbox, &last).alerts;
    let store = rusqlite::Connection::open(sandbox.state().join("store.db")).unwrap();
    let edit = "UPDATE facts SET data = replace(data, 'failed', 'promoted') WHERE run = 1";
    assert!(store.execute(edit, []).unwrap() > 0);
    let verified = sandbox.run(&["verify", "1"]);
    let report = sandbox.run(&["report", "1"]);
    let history = sandbox.run(&["history"]).exits(0);
    let told = Told {
        exit: u8::try_from(verified.code).unwrap(),
        screen: screen(&sandbox, "run #1 is damaged"),
        json: sandbox.run(&["status", "development", "--json"]).exits(0).json(),
        report: [verified.err, report.out, report.err, history.out, history.err].concat(),
        alerts,
    };
    let truth = Truth {
        exit: 1,
        screen: &["run #1 is damaged"],
        json: &[("/damaged/0", "run #1 is damaged and left out")],
        report: &["run #1 is damaged and left out"],
        alerts: &["ended: failed", "ended: promoted"],
        never: &["deploy 1.0.0-broken on development: promoted"],
    };
    truth.holds(&told);
}
