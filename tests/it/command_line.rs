//! Rules that apply to every command.

use std::fmt::Write as _;
use std::process::Command as Process;

use clap::Command;
use pointsman::cli::help;
use serde_json::Value;

use super::sandbox::Sandbox;

fn verbs() -> Vec<Command> {
    let mut command = help::command();
    command.build();
    let visible = |verb: &&Command| !verb.is_hide_set() && verb.get_name() != "help";
    command.get_subcommands().filter(visible).cloned().collect()
}

#[test]
fn every_verb_is_in_one_group_of_the_help() {
    let mut grouped: Vec<_> =
        help::GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
    grouped.sort_unstable();
    let verbs = verbs();
    let mut known: Vec<_> = verbs.iter().map(Command::get_name).collect();
    known.sort_unstable();
    assert_eq!(grouped, known);
}

#[test]
fn options_of_every_command_are_listed_once() {
    let sandbox = Sandbox::new();
    let whole = sandbox.run(&["--help"]).exits(0).out;
    assert!(
        whole.contains("--theme") && whole.contains("Deploy:\n") && whole.contains("  rollback ")
    );
    for verb in verbs() {
        let help = sandbox.run(&[verb.get_name(), "--help"]).exits(0).out;
        assert!(!help.contains("--theme") && !help.contains("--state-dir"), "{help}");
        assert!(help.contains("Options of every command: pointsman --help"), "{help}");
    }
}

/// Every command and subcommand that takes an environment, with its required options.
fn lines_with_environment() -> Vec<Vec<String>> {
    fn walk(command: &Command, before: &[String], lines: &mut Vec<Vec<String>>) {
        let mut line = before.to_vec();
        line.push(command.get_name().to_owned());
        let positional: Vec<_> = command.get_positionals().collect();
        let first = positional.first().map(|one| one.get_id().as_str());
        if matches!(first, Some("environment" | "of")) && line != ["schema"] {
            let mut line = line.clone();
            line.push("nowhere".to_owned());
            for option in command.get_arguments().filter(|one| one.is_required_set()) {
                if let Some(long) = option.get_long() {
                    line.extend([format!("--{long}"), "1.0.0".to_owned()]);
                }
            }
            lines.push(line);
        }
        for below in command.get_subcommands().filter(|one| one.get_name() != "help") {
            walk(below, &line, lines);
        }
    }
    let mut lines = Vec::new();
    for verb in &verbs() {
        walk(verb, &[], &mut lines);
    }
    lines
}

#[test]
fn unknown_environments_exit_with_2_everywhere() {
    let sandbox = Sandbox::new();
    let lines = lines_with_environment();
    assert!(lines.len() >= 15, "{lines:?}");
    for line in lines {
        let words: Vec<_> = line.iter().map(String::as_str).chain(["--json"]).collect();
        let ended = sandbox.run(&words);
        assert_eq!(ended.code, 2, "{line:?}: {}", ended.err);
        let json: Value =
            serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        assert_eq!(json["error"]["code"], "PM0103", "{line:?}: {json}");
    }
}

#[test]
fn json_flag_prints_only_json() {
    let sandbox = Sandbox::new();
    // These print formats of other programs.
    let others = ["completions", "man"];
    for verb in verbs().iter().filter(|verb| !others.contains(&verb.get_name())) {
        let mut lines = vec![vec![verb.get_name()]];
        lines.extend(verb.get_subcommands().map(|below| vec![verb.get_name(), below.get_name()]));
        for line in lines {
            for more in [&[][..], &["development"], &["1"], &["last"], &["config"]] {
                if line == ["emulator", "serve"] || line[0] == "init" {
                    continue;
                }
                let words: Vec<_> = line.iter().chain(more).copied().chain(["--json"]).collect();
                let out = sandbox.run(&words).out;
                let whole = serde_json::from_str::<Value>(&out).is_ok();
                let each = out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok());
                assert!(whole || each, "{words:?} printed {out}");
            }
        }
    }
    sandbox.run(&["emulator", "stop"]);
}

#[test]
fn runs_are_named_by_number_last_and_environment() {
    let sandbox = super::golden::opened();
    let run = |word: &str| sandbox.run(&["verify", word, "--json"]).exits(0).json()["run"].clone();
    let history = sandbox.run(&["history", "--json"]).exits(0).json();
    let latest = &history[0];
    assert_eq!(run("last"), latest["run"]);
    assert_eq!(run("@"), latest["run"]);
    let environment = latest["environment"].as_str().unwrap();
    assert_eq!(run(&format!("@{environment}")), latest["run"]);
    assert!(sandbox.run(&["verify", "@nowhere"]).exits(2).err.contains("there is no environment"));
    let told = sandbox.run(&["verify", "latest"]).exits(2).err;
    assert!(told.contains("write 128, '#128', last, or @ENVIRONMENT"), "{told}");
    let empty = Sandbox::new();
    assert!(empty.run(&["report", "last"]).exits(2).err.contains("there is no run yet"));
}

#[test]
fn config_is_found_in_parent_folders_of_the_repository() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path();
    let inner = folder.join("apps/web");
    std::fs::create_dir_all(&inner).unwrap();
    let check = || {
        let mut command = Process::new(env!("CARGO_BIN_EXE_pointsman"));
        command.arg("check").current_dir(&inner).env_remove("POINTSMAN_CONFIG").output().unwrap()
    };
    let outside = String::from_utf8(check().stderr).unwrap();
    assert!(outside.contains("PM0101") && outside.contains("pointsman init"), "{outside}");
    std::fs::create_dir(folder.join(".git")).unwrap();
    let inside = check();
    assert_eq!(inside.status.code(), Some(0), "{}", String::from_utf8_lossy(&inside.stderr));
}

/// The completions for the last word of a line.
fn offered(sandbox: &Sandbox, line: &[&str]) -> String {
    let output = Process::new(env!("CARGO_BIN_EXE_pointsman"))
        .args([&["--", "pointsman"], line].concat())
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", line.len().to_string())
        .env("_CLAP_IFS", "\n")
        .env("POINTSMAN_CONFIG", sandbox.folder.path().join("config.yaml"))
        .env("POINTSMAN_STATE_DIR", sandbox.state())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn completions_offer_names_of_the_config_and_the_store() {
    let sandbox = super::golden::opened();
    let wants = |line: &[&str], name: &str| {
        let all = offered(&sandbox, line);
        assert!(all.lines().any(|one| one == name), "{line:?}: {all}");
    };
    wants(&["deploy", ""], "development");
    wants(&["deploy", "development", "--release", ""], "1.0.0");
    wants(&["deploy", "development", "--service", ""], "toto-app");
    wants(&["report", ""], "last");
    wants(&["report", ""], "12");
    wants(&["dep"], "deploy");
    assert_eq!(offered(&Sandbox::new(), &["report", "9"]), "");
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(&["completions", shell]).exits(0).out;
        assert!(script.contains("COMPLETE") && script.contains("pointsman"), "{script}");
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path().join("man");
    sandbox.run(&["man", "--dir", folder.to_str().unwrap()]).exits(0);
    for verb in verbs() {
        let page = folder.join(format!("pointsman-{}.1", verb.get_name()));
        assert!(page.is_file(), "{}", page.display());
    }
    assert!(std::fs::read_to_string(folder.join("pointsman.1")).unwrap().contains("state\\-dir"));
}

#[test]
fn errors_are_explained_by_their_code() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["status", "nowhere"]).exits(2).err;
    assert!(refused.starts_with("error[PM0103]: there is no environment"), "{refused}");
    let page = sandbox.run(&["explain", "pm0103"]).exits(0).out;
    assert!(page.contains("There is no such environment") && page.contains("Remedy"), "{page}");
    assert!(sandbox.run(&["explain"]).exits(0).out.contains("PM0999"));
    sandbox.run(&["explain", "PM4242"]).exits(2);
    sandbox.run(&["explain", "nonsense"]).exits(2);
    let key = sandbox.run(&["config", "explain", "environments.production.deploy.soak.for"]);
    assert!(key.exits(0).out.contains("default: 2m"));
    assert!(sandbox.run(&["config", "explain", "services.web"]).exits(0).out.contains("backend"));
    sandbox.run(&["config", "explain", "nosuch"]).exits(2);
}

#[test]
fn findings_with_one_cause_are_reported_once() {
    let sandbox = Sandbox::new();
    let names: Vec<_> = (1..=40).map(|n| format!("service-{n}")).collect();
    let (mut services, mut placed) = (String::new(), String::new());
    for (name, port) in names.iter().zip(4000..) {
        writeln!(services, "  {name}: {{ root: ., backend: {name} }}").unwrap();
        writeln!(placed, "      {name}: {{ url: \"http://localhost:{port}\" }}").unwrap();
    }
    let config = format!(
        "version: 1\nservices:\n{services}environments:\n  development:\n    protection: open\n    platform: \
         {{ kind: app-hosting, endpoint: emulator, project: demo-x, location: us-central1 }}\n    services:\n{placed}\
         releases: {{ kind: list, labels: [a] }}\n"
    );
    std::fs::write(sandbox.folder.path().join("config.yaml"), config).unwrap();
    let told = sandbox.run(&["check"]).exits(2).err;
    assert_eq!(told.matches("must tell its release").count(), 1, "{told}");
    assert!(told.contains("the same in 39 more places: line "), "{told}");
    assert!(told.ends_with("40 problems, 1 cause\n"), "{told}");
    let json = sandbox.run(&["check", "--json"]).exits(2).json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 40, "scripts get each");
    // Distinct causes are shown in full up to a limit; the rest are counted.
    let keys = (0..30).map(|n| format!("unknown{n}: 1")).collect::<Vec<_>>().join("\n");
    std::fs::write(sandbox.folder.path().join("config.yaml"), keys).unwrap();
    let told = sandbox.run(&["check"]).exits(2).err;
    assert!(told.contains("findings with another cause; --json lists each"), "{told}");
    assert_eq!(told.matches("error: ").count(), 20, "{told}");
}

#[test]
fn version_names_the_build() {
    let sandbox = Sandbox::new();
    let json = sandbox.run(&["--version", "--json"]).exits(0).json();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json.as_object().unwrap().contains_key("commit"));
    assert!(sandbox.run(&["--version"]).exits(0).out.starts_with("pointsman "));
}

#[test]
fn demos_are_listed_and_each_is_in_the_manual() {
    let sandbox = Sandbox::new();
    let listed = sandbox.run(&["--demo", "help", "--json"]).exits(0);
    let listed: Vec<Value> = serde_json::from_str(&listed.out).unwrap();
    assert!(listed.len() > 5, "{listed:?}");
    let manual = include_str!("../../docs/guides/screen.md");
    for demo in &listed {
        let name = demo["demo"].as_str().unwrap();
        assert!(manual.contains(&format!("| `{name}` |")), "{name} is not in the manual");
    }
    assert!(sandbox.run(&["--demo", "help"]).exits(0).out.contains("schema"));
}
