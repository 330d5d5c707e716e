//! The lie: the store was restored from a copy, and what it says last is live.

use std::fs;

use super::town::{Receiver, screen};
use crate::sandbox::Sandbox;
use crate::truth::told::{Told, Truth};

#[test]
fn store_from_yesterday() {
    let sandbox = Sandbox::new();
    let receiver = Receiver::of(&sandbox);
    let _ = sandbox.deploy("1.0.0").exits(0);
    let file = |name: &str| sandbox.state().join(name);
    let yesterday = file("yesterday.db");
    let store = rusqlite::Connection::open(file("store.db")).unwrap();
    store.execute("VACUUM INTO ?1", [yesterday.to_string_lossy()]).unwrap();
    drop(store);
    let today = sandbox.deploy("1.1.0").exits(0);
    let alerts = receiver.told(&sandbox, &today).alerts;
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(file(name));
    }
    fs::rename(&yesterday, file("store.db")).unwrap();
    let status = sandbox.run(&["status", "development"]);
    let told = Told {
        exit: u8::try_from(status.code).unwrap(),
        screen: screen(&sandbox, "drift"),
        json: sandbox.run(&["status", "development", "--json"]).exits(0).json(),
        report: [status.out, status.err, sandbox.run(&["report", "1"]).exits(0).out].concat(),
        alerts,
    };
    let truth = Truth {
        exit: 0,
        screen: &["drift", "When it ended, 1.0.0 was live."],
        json: &[("/services/0/live/release", "1.1.0")],
        report: &["DRIFT", "When it ended, 1.0.0 was live."],
        alerts: &["ended: promoted", "ended: promoted"],
        never: &["Customers are on 1.0.0"],
    };
    truth.holds(&told);
}
