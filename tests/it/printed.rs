//! Every command in a printed text can be typed as it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use pointsman::cli::args::Arguments;

use super::house::files;
use super::sandbox::Sandbox;
use super::stand_in::{Reply, StandIn};

/// All texts of the project that users may read.
fn texts() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["docs", "src", "crates", "examples"];
    let below = folders.iter().flat_map(|folder| files(&root.join(folder), &["rs", "md"]));
    let all = [root.join("README.md")].into_iter().chain(below);
    all.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The commands in a text: from `pointsman` and the name of a verb to the end of the sentence.
fn printed(text: &str, verbs: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("pointsman ") {
        let rest = &text[at + "pointsman ".len()..];
        let end = rest.find(|c: char| ";`\",()\n\\".contains(c)).unwrap_or(rest.len());
        let words = rest[..end].split(" #").next().unwrap_or_default().trim().trim_end_matches('.');
        let verb = words.split(' ').next().unwrap_or_default();
        if verbs.iter().any(|known| known == verb) {
            found.push(words.to_owned());
        }
    }
    found
}

/// Whether a word is a placeholder or a flag, and so not prose.
fn is_argument(word: &str) -> bool {
    let capitals = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    word.starts_with("--") || word.contains('{') || word.contains('|') || capitals
}

/// Replaces a placeholder with a real value, depending on the word before it. Environments and releases of the
/// documentation become those of the test.
fn filled(word: &str, before: &str, run: bool) -> String {
    let word = match (word, before) {
        ("{}" | "$GITHUB_SHA", "--release" | "--to") | ("1.5.0" | "R" | "V", _) => "1.0.0",
        ("ENV" | "{environment}" | "production" | "staging", _) => "development",
        ("{}" | "{of}", _) => return if run { "7" } else { "development" }.to_owned(),
        ("RUN" | "{run}" | "128" | "2", _) => "7",
        ("NAME" | "{name}", _) => "nord",
        ("FILE", _) => "scheme.yaml",
        ("ITEM" | "TEXT" | "{id}", _) => "x",
        ("not|half|fully", _) => "half",
        ("{only}", _) => "",
        (word, _) if word.ends_with('=') => return format!("{word}x"),
        (word, _) if is_argument(word) && !word.starts_with("--") => "1.0.0",
        (word, _) => word,
    };
    word.to_owned()
}

/// The line that a user would type for a printed command. `None` if it is not a valid command.
fn typed(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    // Fill in an argument that the sentence cuts off (`--reason "…"`).
    let cut = words.last().is_some_and(|last| *last == "--reason" || *last == "tick");
    for (run, length) in
        [false, true].into_iter().flat_map(|run| (1..=words.len()).rev().map(move |n| (run, n)))
    {
        if words[length..].iter().any(|word| is_argument(word)) {
            continue;
        }
        let before = std::iter::once(&"").chain(&words);
        let pairs = words[..length].iter().zip(before);
        let mut line: Vec<_> = pairs.map(|(word, before)| filled(word, before, run)).collect();
        if cut && length == words.len() {
            line.push("x".to_owned());
        }
        line.retain(|word| !word.is_empty());
        let whole = std::iter::once("pointsman".to_owned()).chain(line.iter().cloned());
        if Arguments::try_parse_from(whole).is_ok() {
            return Some(line.join(" "));
        }
    }
    None
}

/// All command lines in the texts, and the invalid ones with their files.
fn lines() -> (BTreeSet<String>, Vec<String>) {
    let verbs: Vec<_> =
        Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let (mut lines, mut wrong) = (BTreeSet::new(), Vec::new());
    for (path, text) in texts() {
        for command in printed(&text, &verbs) {
            match typed(&command) {
                Some(line) => drop(lines.insert(line)),
                None => wrong.push(format!("{}: pointsman {command}", path.display())),
            }
        }
    }
    (lines, wrong)
}

/// Each printed line, its exit code here (-1: not run) and a part of its output, in an order in which the lines work.
/// Commands that act also get `--yes`.
const DONE: [(&str, i32, &str); 97] = [
    ("check", 0, "nothing is wrong"),
    ("init", 1, "never changes"),
    ("init --yes", 1, "never changes"),
    ("explain", 0, "PM0999"),
    ("explain PM0501", 0, "Remedy"),
    ("config explain 1.0.0", 2, "no key"),
    ("config explain", 0, "environments"),
    ("lint", 0, ""),
    ("lint --between development development", 0, "same configuration"),
    ("doctor", 1, "gcloud auth"),
    ("doctor development", 0, "development"),
    ("schema config", 0, "$schema"),
    ("schema migration", 0, "$schema"),
    ("schema theme", 0, "$schema"),
    ("theme list", 0, "nord"),
    ("theme check nord", 0, ""),
    ("theme check scheme.yaml", 2, ""),
    ("theme import base16 scheme.yaml", 0, ""),
    ("emulator start", 0, "127.0.0.1"),
    ("migrate status development", 0, ""),
    ("migrate baseline development --to 1.0.0 --reason x", 0, ""),
    ("migrate status development --json", 0, "1.0.0"),
    ("migrate up development --dry-run", 0, "1.1.0"),
    ("migrate up development", 0, "migrated"),
    ("migrate down development --to 1.0.0", 0, "migrated"),
    ("migrate up development --yes", 0, "migrated"),
    ("migrate down development --to 1.0.0 --yes", 0, "migrated"),
    ("migrate baseline development --to 1.1.0 --reason x", 0, ""),
    (
        "migrate export development --to gs://BUCKET/FOLDER --yes --confirm development",
        0,
        "exported to gs://",
    ),
    ("migrate export development --follow 1.0.0", 5, "is not known"),
    ("migrate repair development", 0, "schema 1.1.0"),
    ("migrate repair development --as fully --reason x", 3, ""),
    ("migrate repair development --as half --reason x", 3, ""),
    ("plan development --release 1.0.0", 0, "Switch"),
    ("plan development --release 1.1.0", 0, "Switch"),
    ("deploy development --release 1.0.0 --override freeze=x", 0, "promoted"),
    ("deploy development --release 1.1.0", 0, "promoted"),
    ("rollback development", 0, "rolled back"),
    ("allow-rollouts development", 0, "no run left"),
    ("status", 0, "development"),
    ("status development", 0, "1.0.0"),
    ("history", 0, "rollback"),
    ("history development", 0, "rollback"),
    ("events 7", 0, ""),
    ("logs 7", 0, ""),
    ("logs --live development --follow", -1, ""),
    ("report 7", 0, "# Run"),
    ("report @staging", 2, "there is no environment"),
    ("card 7", 0, ""),
    ("verify 7", 0, ""),
    ("store", 0, "this machine only"),
    ("store push", 3, "no shared store"),
    ("store export", 0, "run-started"),
    ("store verify", 3, "no shared store"),
    ("attach 7", 0, "ended"),
    ("attach 7 --plain", 0, "ended"),
    ("checklist 7", 0, ""),
    ("checklist 7 tick x", 0, ""),
    ("checklist development --release 1.0.0", 0, "X"),
    ("checklist development --release 1.0.0 tick x", 0, ""),
    ("approve 7", 3, "ended"),
    ("approve 7 --note x", 3, "ended"),
    ("approve 7 --plan 1.0.0", 2, "too short"),
    ("extend 7", 3, "ended"),
    ("claim 7", 3, "ended"),
    ("offer 7", 3, "ended"),
    ("accept 7", 3, "ended"),
    ("abort 7", 3, "ended"),
    ("resume 7", 3, ""),
    ("lock development release --reason x", 0, ""),
    ("alerts", 0, ""),
    ("alerts silence --for 2h --reason x", 0, ""),
    ("alerts test", 0, ""),
    ("health development", 1, "stripe"),
    ("health development --mute stripe --for 2h --reason x", 0, ""),
    ("commands", 0, "nord"),
    ("commands run nord", 0, ""),
    ("commands log 1", 0, ""),
    ("commands stop 7", 1, ""),
    ("handover", 0, "DEVELOPMENT"),
    ("events 7 --json", 0, "prev"),
    ("man --dir ~/.local/share/man/man1", 0, "wrote"),
    ("emulator status", 0, "live"),
    ("pipeline development", 5, ""),
    ("rollback development --to 1.0.0", 3, "live already"),
    ("cleanup development", 0, "cleaned up"),
    ("deploy development --release 1.2.0", 0, "promoted"),
    ("deploy development --release 1.2.1 --at-once", 0, "promoted"),
    ("deploy development --release 1.0.0", 0, "promoted"),
    ("deploy development --release 1.0.0 --yes --confirm development --json", 0, "promoted"),
    ("emulator stop", 0, "stopped"),
    // These run until they are stopped; `health` and `command_platform` test them.
    ("health development --watch --json", -1, ""),
    ("sample-app", -1, ""),
    ("emulator serve", -1, ""),
    ("runner 7", -1, ""),
    // These are the beginning of a sentence.
    ("status shows", -1, ""),
    ("migrate up or", -1, ""),
];

#[test]
fn printed_commands_work() {
    let (lines, wrong) = lines();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<_> = DONE.iter().map(|(line, _, _)| (*line).to_owned()).collect();
    let untried: Vec<_> = lines.difference(&known).collect();
    assert!(untried.is_empty(), "printed, and not tried below: {untried:?}");
    let gone: Vec<_> = known.difference(&lines).collect();
    assert!(gone.is_empty(), "no text prints these any more: {gone:?}");

    let hook = StandIn::new(|_, _| Reply::Says(200, String::new(), String::new()));
    let sandbox = place(&hook.url());
    for (line, code, says) in DONE.iter().filter(|(_, code, _)| *code >= 0) {
        let mut words: Vec<_> = line.split(' ').collect();
        let with_yes = [&["pointsman"], &words[..], &["--yes"]].concat();
        if Arguments::try_parse_from(&with_yes).is_ok() && !words.contains(&"--yes") {
            words.push("--yes");
        }
        let home = sandbox.folder.path().join("home");
        let mut command = sandbox.command(&words);
        command.env("XDG_CONFIG_HOME", home).current_dir(sandbox.folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(*code), "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
    }
}

/// A sandbox in which each of these lines has something to do.
fn place(hook: &str) -> Sandbox {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 100ms, timeout: 2s, consecutive: 3 }\n    \
         attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
         soak: { for: 300ms, interval: 100ms, failures: 2 }\n    keep_blue: 1ms",
    );
    let folder = sandbox.folder.path();
    let file = folder.join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/migrations");
    let place = format!(
        "    databases: {{ main: {{ kind: firestore, project: demo-toto, endpoint: emulator, migrations: {} }} }}\n    \
         probes: [ {{ name: stripe, url: 'http://localhost:1/', interval: 1s }} ]\n    \
         pipeline: {{ kind: local, jobs: {{ test: {{ steps: [[echo, tested]] }} }} }}\n  production:",
        migrations.display()
    );
    let more = format!(
        "checklists: {{ pre: [ {{ text: X }} ] }}\ncommands: [ {{ name: nord, run: [echo, done], environment: development }} ]\n\
         notify: {{ webhook: {{ url: '{hook}' }}, on: [failed] }}\n"
    );
    let text = text.replacen("  production:", &place, 1);
    std::fs::write(&file, format!("{text}{more}")).unwrap();
    let colour = |n: u32| format!("base0{n:X}: \"{:02x}{:02x}{:02x}\"\n", n * 16, n * 15, n * 14);
    let scheme: String = (0..16).map(colour).collect();
    std::fs::write(folder.join("scheme.yaml"), format!("scheme: Own\n{scheme}")).unwrap();
    sandbox
}

#[test]
fn rollback_overrides_a_manual_lock_and_names_its_holder() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    sandbox.run(&["lock", "development", "take", "--reason", "demo at noon"]).exits(0);
    let refused = sandbox.run(&["rollback", "development", "--yes"]).exits(4);
    assert!(refused.err.contains("demo at noon"), "{}", refused.err);
    assert!(refused.err.contains("--override lock"), "{}", refused.err);
    // A deploy cannot override the lock.
    let deploy = ["deploy", "development", "--release", "1.0.0", "--yes", "--override", "lock=x"];
    sandbox.run(&deploy).exits(4);
    // The rollback command on the incident card overrides it.
    let card = sandbox.run(&["card", "2"]).exits(0).out;
    let line = card.lines().find(|line| line.contains("--override lock=")).unwrap();
    let words = line.split("rollback ").nth(1).unwrap().split(' ');
    let way: Vec<_> = ["rollback"].into_iter().chain(words).collect();
    sandbox.run(&way).exits(0);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
    let lock = sandbox.run(&["lock", "development"]).exits(0).out;
    assert!(
        lock.contains("run #3 overrode it: rollback 1.0.0 by ana@laptop-1 (local): incident"),
        "{lock}"
    );
}
