//! A platform other than App Hosting, driven by commands. A short script plays it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use super::sandbox::{Sandbox, wait_until};
use super::stand_in::{Reply, StandIn};

/// A platform in a folder: the file `live` names the live build, `builds/ID` holds the release and state of a build.
const PLATFORM: &str = r#"#!/bin/sh
set -e
cd "$(dirname "$0")/$POINTSMAN_SERVICE"
echo "$POINTSMAN_VERB $*" >> ../calls
case "$POINTSMAN_VERB" in
  traffic)
    [ -e garbage ] && { echo "<html>"; exit 0; }
    [ -s live ] && printf '{"live": "%s"}' "$(cat live)" || printf '{"live": null}' ;;
  builds)
    sep=""; printf '{"builds": ['
    for file in builds/*; do
      [ -e "$file" ] || continue
      read -r release state < "$file"
      printf '%s{"id": "%s", "state": "%s", "release": "%s", "problem": "npm ci failed"}' \
        "$sep" "$(basename "$file")" "$state" "$release"; sep=","
    done; printf ']}' ;;
  create_build)
    state=ready; case "$POINTSMAN_RELEASE" in *nobuild*) state=failed;; esac
    [ -e busy ] && { rm busy; echo "try later" >&2; exit 75; }
    # The shell ends, what it started goes on and holds the pipes.
    [ -e leaves ] && { (while [ -e lives ]; do sleep 0.05; done) & echo $! > left; exit 0; }
    [ -e hangs ] && { echo $$ > hung; while [ -e hangs ]; do sleep 0.05; done; }
    echo "$POINTSMAN_RELEASE $state" > "builds/$1" ;;
  set_active)
    [ -e lies ] && exit 0
    [ -e refuses ] && { echo "the cluster says no" >&2; exit 3; }
    printf %s "$1" > live ;;
  delete_build) rm "builds/$1" ;;
  log) echo "line of $1" ;;
esac
"#;

pub(crate) struct Platform {
    pub(crate) sandbox: Sandbox,
    folder: PathBuf,
    _answers: StandIn,
}

impl Platform {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        let folder = sandbox.folder.path().join("platform");
        fs::create_dir_all(folder.join("toto-app/builds")).unwrap();
        let script = folder.join("verb");
        fs::write(&script, PLATFORM).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        // The service reports its release: the live build, or the one named in the request.
        let inside = folder.join("toto-app");
        let answers = StandIn::new(move |asked, _| {
            let live = fs::read_to_string(inside.join("live")).unwrap_or_default();
            let green = asked.path.strip_prefix("/green/").and_then(|rest| rest.split('/').next());
            let build = green.unwrap_or(&live);
            let of = fs::read_to_string(inside.join("builds").join(build)).unwrap_or_default();
            let release = of.split(' ').next().unwrap_or_default();
            Reply::json(200, &serde_json::json!({"status": "ok", "version": release}))
        });
        let config = sandbox.folder.path().join("config.yaml");
        let text = fs::read_to_string(&config).unwrap();
        let script = script.display();
        let verbs = ["traffic", "builds", "create_build", "set_active", "delete_build", "log"]
            .map(|verb| match verb {
                "traffic" | "builds" => format!("{verb}: ['{script}']"),
                _ => format!("{verb}: ['{script}', '{{build}}']"),
            })
            .join(", ");
        let from = text.find("    platform:").unwrap();
        let to = text.find("  production:").unwrap();
        let place = format!(
            "    platform: {{ kind: command, verbs: {{ {verbs} }} }}\n    services: {{ toto-app: {{ url: '{url}', \
             green_url: '{url}/green/{{build}}' }} }}\n",
            url = answers.url()
        );
        let text = format!("{}{place}{}", &text[..from], &text[to..]);
        let text = text.replace("order: [toto-bo, toto-app]", "order: [toto-app]");
        fs::write(&config, text).unwrap();
        Self { sandbox, folder: folder.join("toto-app"), _answers: answers }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn live(&self) -> String {
        fs::read_to_string(self.file("live")).unwrap_or_default()
    }

    fn calls(&self, verb: &str) -> usize {
        let calls = fs::read_to_string(self.folder.join("../calls")).unwrap_or_default();
        calls.lines().filter(|line| line.starts_with(verb)).count()
    }

    fn status(&self) -> Value {
        self.sandbox.run(&["status", "development", "--json"]).exits(0).json()
    }
}

#[test]
fn command_platform_deploys_rolls_back_and_cleans_up() {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    sandbox.run(&["check"]).exits(0);
    fs::write(platform.file("busy"), "").unwrap();
    let first = sandbox.deploy("1.0.0").exits(0);
    // GREEN was probed at the address that `green_url` gives for its build.
    assert!(first.err.contains("without traffic"), "{}", first.err);
    assert!(first.err.contains("/green/b-1-0-0"), "{}", first.err);
    assert!(platform.live().starts_with("b-1-0-0"), "{}", platform.live());
    assert_eq!(platform.calls("create_build"), 2, "75 is tried again");
    sandbox.deploy("1.1.0").exits(0);
    let status = platform.status();
    assert_eq!(status["services"][0]["live"]["release"], "1.1.0", "{status}");
    assert_eq!(status["services"][0]["rollback"]["target"], "1.0.0", "{status}");
    let card = sandbox.run(&["card", "2"]).exits(0).out;
    assert!(card.contains("POINTSMAN_BUILD='b-1-0-0"), "{card}");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert!(platform.live().starts_with("b-1-0-0"), "{}", platform.live());
    sandbox.run(&["cleanup", "development", "--yes", "--reason", "checked it"]).exits(0);
}

#[test]
fn exit_status_is_not_a_state() {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    sandbox.deploy("1.0.0").exits(0);
    let before = platform.live();

    let failed = sandbox.deploy("1.1.0-nobuild").exits(1);
    assert!(failed.err.contains("npm ci failed"), "{}", failed.err);

    fs::write(platform.file("refuses"), "").unwrap();
    let refused = sandbox.deploy("1.2.0").exits(6);
    assert!(refused.err.contains("the cluster says no"), "{}", refused.err);
    fs::remove_file(platform.file("refuses")).unwrap();

    fs::write(platform.file("garbage"), "").unwrap();
    let unread = sandbox.deploy("1.3.0");
    assert!(unread.code != 0 && unread.err.contains("<html>"), "{}", unread.err);
    fs::remove_file(platform.file("garbage")).unwrap();
    assert_eq!(platform.live(), before);

    // The platform reports success without switching traffic.
    fs::write(platform.file("lies"), "").unwrap();
    let lied = sandbox.deploy("1.4.0");
    assert!(lied.code != 0, "{}", lied.out);
    assert!(lied.err.contains("traffic did not follow"), "{}", lied.err);
    assert_eq!(platform.live(), before);
}

/// Whether a process runs. Zombies do not count.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.contains(" Z "))
}

#[test]
#[cfg(target_os = "linux")]
fn leftovers_of_a_killed_runner_are_ended_first() {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    fs::write(platform.file("hangs"), "").unwrap();
    let deploy = ["deploy", "development", "--release", "1.0.0", "--yes"];
    let mut runner = sandbox.command(&deploy).spawn().unwrap();
    wait_until("a verb hangs", || platform.file("hung").exists());
    let hung = fs::read_to_string(platform.file("hung")).unwrap();
    // Another pointsman process does not end a program whose runner is alive.
    sandbox.run(&["check"]).exits(0);
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(runs(&hung), "it outlives its parent, and would build once it continues");
    let shown = sandbox.run(&["resume", "1"]).exits(7);
    assert!(shown.out.contains("build"), "{}", shown.out);
    assert!(runs(&hung), "looking changes nothing");
    fs::remove_file(platform.file("hung")).unwrap();

    // The second program hangs too, so only the takeover can have ended the first one.
    let mut resumed = sandbox.command(&["resume", "1", "--yes"]).spawn().unwrap();
    wait_until("it is tried again", || platform.file("hung").exists());
    assert!(!runs(&hung), "{hung} still runs");
    fs::remove_file(platform.file("hangs")).unwrap();
    assert_eq!(resumed.wait().unwrap().code(), Some(0));
    assert_eq!(platform.calls("create_build"), 2);
    let log = fs::read_to_string(sandbox.state().join("runs/1/log.jsonl")).unwrap();
    assert!(log.contains("the process that began it is gone"), "{log}");
    assert_eq!(fs::read_dir(sandbox.state().join("groups/runs/development")).unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn only_leftovers_of_the_same_purpose_are_ended() {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    for name in ["leaves", "lives"] {
        fs::write(platform.file(name), "").unwrap();
    }
    let deploy = ["deploy", "development", "--release", "1.0.0", "--yes"];
    let mut runner = sandbox.command(&deploy).spawn().unwrap();
    wait_until("a verb left something", || {
        fs::read_to_string(platform.file("left")).is_ok_and(|pid| pid.ends_with('\n'))
    });
    let left = fs::read_to_string(platform.file("left")).unwrap();
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(runs(&left));
    // A custom command does not end programs that a run started.
    let config = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let says = "commands: [{ name: says, run: [echo, hello], environment: development }]";
    fs::write(&config, format!("{text}{says}\n")).unwrap();
    sandbox.run(&["commands", "run", "says", "--yes"]).exits(0);
    assert!(runs(&left));
    fs::remove_file(platform.file("leaves")).unwrap();
    sandbox.run(&["resume", "1", "--yes"]).exits(0);
    assert!(!runs(&left));
}

#[test]
fn command_platform_config_errors_have_places() {
    let sandbox = Sandbox::new();
    let config = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let place = "platform: { kind: command, verbs: { traffic: [x], builds: [], swich: [z, --password=hunter2hunter2] } }";
    let from = text.find("platform:").unwrap();
    let to = text[from..].find('\n').unwrap() + from;
    fs::write(&config, format!("{}{place}{}", &text[..from], &text[to..])).unwrap();
    let told = sandbox.run(&["check"]).exits(2);
    for words in [
        "needs the verb create_build",
        "needs the verb set_active",
        "builds runs nothing",
        "there is no verb \"swich\"",
        "looks like a secret",
    ] {
        assert!(told.err.contains(words), "{words}: {}", told.err);
    }
}
