//! 64 connections of wrk to a public address, while traffic moves back and forth.

use std::process::{Child, Command, Stdio};

use super::sandbox::{Sandbox, wait_until};

/// wrk, which asks until it is stopped.
pub(crate) struct Load(Child);

impl Load {
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let script = sandbox.folder.path().join("bad.lua");
        // wrk counts the errors itself and prints them in its summary.
        std::fs::write(
            &script,
            "done = function(s) print(string.format('bad=%d requests=%d', s.errors.status + s.errors.connect + \
             s.errors.read + s.errors.write + s.errors.timeout, s.requests)) end\n",
        )
        .unwrap();
        let wrk = Command::new("wrk")
            .args(["-t2", "-c64", "-d600s", "--timeout", "20s", "-s"])
            .arg(&script)
            .arg(format!("http://127.0.0.1:{}/", sandbox.app))
            .stdout(Stdio::piped())
            .spawn();
        Self(wrk.unwrap())
    }

    /// Stops it. Returns the number of bad answers and of requests.
    pub(crate) fn stop(mut self) -> (u32, u32) {
        // wrk prints its summary when it is interrupted.
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        wait_until("wrk has summed up", || self.0.try_wait().unwrap().is_some());
        let text = String::from_utf8(self.0.wait_with_output().unwrap().stdout).unwrap();
        let number = |word: &str| {
            let rest = text.split(word).nth(1).unwrap();
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        (number("bad="), number("requests="))
    }
}

/// Rolls back and forth between 1.0.0 and 1.1.0, which both were live.
pub(crate) fn back_and_forth(sandbox: &Sandbox, switches: usize) {
    for n in 0..switches {
        let to = if n % 2 == 0 { "1.0.0" } else { "1.1.0" };
        let back = ["rollback", "development", "--to", to, "--yes", "--override", "bad=load test"];
        let _ = sandbox.run(&back).exits(0);
    }
}
