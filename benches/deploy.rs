//! Compares a deploy with the same commands in a shell script, in one run: what Pointsman adds to the steps themselves.
//! Needs curl.
//!
//! `cargo bench --bench deploy`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program for a terminal"
)]

mod figure;
#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;

use std::process::Command;
use std::time::Instant;

use figure::{Goal, judged, median, seen};
use sandbox::Sandbox;

const ROUNDS: usize = 5;

/// The waits that both obey. They are those of the shipped config, with a shorter soak.
const POLICY: &str = "health: { attempts: 20, interval: 500ms, timeout: 2s, consecutive: 3 }
    attest: { consecutive: 30, interval: 100ms, within: 60s }
    soak: { for: 5s, interval: 1s, failures: 3 }";

/// A deploy as a careful person would script it: the same requests, the same number of answers in a row, and the same
/// pauses. It reads JSON with `grep`, as such scripts do.
const SCRIPT: &str = r#"set -eu
api() { curl -sS --fail -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' "$@"; }
answers() { curl -sS --fail "$1/api/health" | grep "$RELEASE" >/dev/null; }
in_a_row() { n=0; while [ $n -lt "$2" ]; do answers "$1"; n=$((n + 1)); [ $n -eq "$2" ] || sleep "$3"; done; }
backends=$API/v1/projects/demo-toto/locations/us-central1/backends
for s in toto-bo toto-app; do
  api "$backends/$s" >/dev/null; api "$backends/$s/traffic" >/dev/null
done
for s in toto-bo toto-app; do
  api -X POST "$backends/$s/builds?buildId=$BUILD" -d "{\"source\":{\"archive\":{\"userStorageUri\":\"file://$TOTO/$s\"}},\"annotations\":{\"pointsman.dev/release\":\"$RELEASE\"}}" >/dev/null
done
for s in toto-bo toto-app; do
  until api "$backends/$s/builds/$BUILD" | grep -q '"state": *"READY"'; do sleep 0.05; done
done
for s in toto-bo toto-app; do
  preview=$(api "$backends/$s/builds/$BUILD" | grep -o 'http://127.0.0.1:[0-9]*' | head -1)
  in_a_row "$preview" 3 0.5 & all="${all:-} $!"
done
for one in $all; do wait "$one"; done
for s in toto-bo toto-app; do
  api -X PATCH "$backends/$s/traffic?updateMask=target" -d "{\"target\":{\"splits\":[{\"build\":\"projects/demo-toto/locations/us-central1/backends/$s/builds/$BUILD\",\"percent\":100}]}}" >/dev/null
  until api "$backends/$s/traffic" | grep -q "builds/$BUILD"; do sleep 0.05; done
done
both() { in_a_row "http://127.0.0.1:$BO" "$1" "$2" & one=$!; in_a_row "http://127.0.0.1:$APP" "$1" "$2"; wait "$one"; }
both 30 0.1
both 6 1
"#;

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn script(sandbox: &Sandbox, release: &str, build: &str) {
    let api = sandbox.emulator()["url"].as_str().unwrap().to_owned();
    let token = sandbox.run(&["emulator", "token"]).exits(0).out;
    let said = Command::new("sh")
        .args(["-c", SCRIPT])
        .env("API", api)
        .env("TOKEN", token.trim())
        .env("RELEASE", release)
        .env("BUILD", build)
        .env("TOTO", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/toto"))
        .env("APP", sandbox.app.to_string())
        .env("BO", sandbox.bo.to_string())
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

fn main() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl is needed");
        return;
    }
    let sandbox = Sandbox::with_deploy(POLICY);
    sandbox.deploy("1.0.0").exits(0);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (release, other) = (format!("1.{}.0", round + 1), format!("2.{round}.0"));
        ours.push(seconds(|| drop(sandbox.deploy(&release).exits(0))));
        theirs.push(seconds(|| script(&sandbox, &other, &format!("b-script-{round}"))));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let of = format!("{ours:.2} s : {theirs:.2} s, median of {ROUNDS}");
    let what = "a deploy of two services beyond the same commands in a shell script";
    let allowed = theirs * 1000.0 * 0.02 + 100.0;
    judged(what, (ours - theirs) * 1000.0, "ms", Goal::AtMost(allowed), &of);
    // Two pauses between three answers, 29 between 30, and the soak.
    let pauses = 2.0 * 0.5 + 29.0 * 0.1 + 5.0;
    seen("its time beyond the pauses that the policy asks for", (ours - pauses) * 1000.0, "ms", "");
}
