//! Every command that a text prints is one that can be typed.

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use pointsman::cli::args::Arguments;

use super::sandbox::Sandbox;

/// Every text of ours that a person may read.
fn texts() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs" || end == "md") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    walk(&root.join("src"), &mut files);
    walk(&root.join("examples"), &mut files);
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
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

/// Whether a word stands for what a person puts in, or is a flag: none of these is prose.
fn is_argument(word: &str) -> bool {
    let capitals = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    word.starts_with("--") || word.contains('{') || word.contains('|') || capitals
}

/// What a person would put in.
fn filled(word: &str, run: bool) -> String {
    let both = if run { "1" } else { "development" };
    match word {
        "ENV" | "{environment}" => "development".to_owned(),
        "RUN" | "{run}" => "1".to_owned(),
        "not|half|fully" => "half".to_owned(),
        "{}" | "{of}" => both.to_owned(),
        "{only}" => String::new(),
        word if word.ends_with('=') => format!("{word}x"),
        word if word.starts_with("--") => word.to_owned(),
        word if is_argument(word) || word == "R" || word == "V" => "1.0.0".to_owned(),
        word => word.to_owned(),
    }
}

fn can_be_typed(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    // What follows an argument that a sentence cuts off (`--reason "…"`).
    let cut = words.last().is_some_and(|last| *last == "--reason" || *last == "tick");
    [true, false].into_iter().any(|run| {
        (1..=words.len()).rev().any(|length| {
            let tail = &words[length..];
            if tail.iter().any(|word| is_argument(word)) {
                return false;
            }
            let mut line = vec!["pointsman".to_owned()];
            line.extend(words[..length].iter().map(|word| filled(word, run)));
            if cut && length == words.len() {
                line.push("x".to_owned());
            }
            line.retain(|word| !word.is_empty());
            Arguments::try_parse_from(line).is_ok()
        })
    })
}

#[test]
fn every_printed_command_is_one() {
    let verbs: Vec<_> =
        Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (path, text) in texts() {
        for command in printed(&text, &verbs) {
            seen += 1;
            if !can_be_typed(&command) {
                wrong.push(format!("{}: pointsman {command}", path.display()));
            }
        }
    }
    assert!(seen > 80, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rollback_passes_a_persons_lock_by_name_and_its_holder_is_told() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    sandbox.run(&["lock", "development", "take", "--reason", "demo at noon"]).exits(0);
    let refused = sandbox.run(&["rollback", "development", "--yes"]).exits(4);
    assert!(refused.err.contains("demo at noon"), "{}", refused.err);
    assert!(refused.err.contains("--override lock"), "{}", refused.err);
    // A deploy never passes it.
    let deploy = ["deploy", "development", "--release", "1.0.0", "--yes", "--override", "lock=x"];
    sandbox.run(&deploy).exits(4);
    // The way that the card prints.
    let card = sandbox.run(&["card", "2"]).exits(0).out;
    let line = card.lines().find(|line| line.contains("--override lock=")).unwrap();
    let words = line.split("rollback ").nth(1).unwrap().split(' ');
    let way: Vec<_> = ["rollback"].into_iter().chain(words).collect();
    sandbox.run(&way).exits(0);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
    let lock = sandbox.run(&["lock", "development"]).exits(0).out;
    assert!(lock.contains("run #3 passed it: rollback 1.0.0 by ana: incident"), "{lock}");
}
