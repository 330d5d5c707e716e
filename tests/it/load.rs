//! Switches under load: 64 connections of wrk, 20 rollbacks back and forth, and every answer is 2xx.

use std::process::{Command, Stdio};

use super::sandbox::{Sandbox, wait_until};

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
    let script = sandbox.folder.path().join("bad.lua");
    // wrk counts the errors itself and prints them in its summary.
    std::fs::write(
        &script,
        "done = function(s) print(string.format('bad=%d requests=%d', s.errors.status + s.errors.connect + \
         s.errors.read + s.errors.write + s.errors.timeout, s.requests)) end\n",
    )
    .unwrap();
    let mut load = Command::new("wrk")
        .args(["-t2", "-c64", "-d600s", "--timeout", "20s", "-s"])
        .arg(&script)
        .arg(format!("http://127.0.0.1:{}/", sandbox.app))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for n in 0..20 {
        let to = if n % 2 == 0 { "1.0.0" } else { "1.1.0" };
        let to_bad = ["--override", "bad=load test"];
        let back = ["rollback", "development", "--to", to, "--yes"];
        sandbox.run(&[&back[..], &to_bad].concat()).exits(0);
    }
    // wrk prints its summary when it is interrupted.
    let pid = load.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    wait_until("wrk has summed up", || load.try_wait().unwrap().is_some());
    let output = load.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("bad=0 "), "{text}");
    let requests = text.split("requests=").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(requests.parse::<u64>().unwrap() > 1000, "{text}");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.1.0");
}
