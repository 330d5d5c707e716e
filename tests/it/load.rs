//! Switches under load: 64 connections of wrk, 20 rollbacks back and forth, and every answer is 2xx.

use std::process::Command;

use super::sandbox::Sandbox;
use super::switches_under_load::{Load, back_and_forth};

#[test]
fn switches_under_load_lose_no_request() {
    if Command::new("wrk").arg("-v").output().is_err() {
        println!("skipped: wrk is not installed (apt-get install wrk)");
        assert!(std::env::var_os("CI").is_none(), "CI installs wrk and must not skip this");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let load = Load::start(&sandbox);
    back_and_forth(&sandbox, 20);
    let (bad, requests) = load.stop();
    assert_eq!(bad, 0, "of {requests}");
    assert!(requests > 1000, "{requests}");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.1.0");
}
