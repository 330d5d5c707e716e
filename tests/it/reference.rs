//! The generated pages of the manual match the code that they describe. `UPDATE_DOCS=1` writes them.

use std::fmt::Write as _;
use std::fs;

use clap::{Arg, Command};
use pointsman::cli::help;
use pointsman::config::{config_keys, theme_schema};
use pointsman::domain::code::EXPLANATIONS;
use serde_json::Value;

use super::docs::{generated, root};

#[test]
fn page_of_the_config_is_current() {
    let mut page = "# Config\n\nGenerated from the JSON Schema of `config.yaml` (`pointsman schema config`). Names in capitals \
                    are names that you choose. `pointsman config explain KEY` prints one key, and \
                    [`examples/complete/config.yaml`](../../examples/complete/config.yaml) uses every key.\n\n\
                    | key | type | default | |\n|---|---|---|---|\n"
        .to_owned();
    for key in config_keys() {
        let default = match &key.default {
            _ if key.required => "required".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            Some(other) => format!("`{other}`"),
            None => String::new(),
        };
        let same = key.same_as.map_or(String::new(), |path| format!(" Keys as in `{path}`."));
        let said = format!("{}{same}", key.description).replace('|', "\\|");
        writeln!(page, "| `{}` | {} | {default} | {said} |", key.path, key.kind).unwrap();
    }
    generated("config.md", &page);
}

#[test]
fn every_key_of_the_config_is_described() {
    for key in config_keys() {
        let said = key.description.trim();
        assert!(said.len() > 4 && said.ends_with('.'), "{}: {said:?}", key.path);
    }
}

/// Whether a value has a path: capitals match any name, `[]` any entry.
fn has(value: &Value, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    match value {
        Value::Object(entries) if first.chars().all(|c| c.is_ascii_uppercase()) => {
            entries.values().any(|entry| has(entry, rest))
        }
        Value::Object(entries) => entries.get(*first).is_some_and(|entry| has(entry, rest)),
        Value::Array(entries) if *first == "[]" => entries.iter().any(|entry| has(entry, rest)),
        _ => false,
    }
}

#[test]
fn every_key_of_the_config_has_an_example() {
    let file = root().join("examples/complete/config.yaml");
    let state = tempfile::tempdir().unwrap();
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .arg("--config")
        .arg(&file)
        .arg("--state-dir")
        .arg(state.path())
        .arg("check")
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let text = fs::read_to_string(&file).unwrap();
    let example: Value = serde_yaml::from_str(&text).unwrap();
    let missing: Vec<_> = config_keys()
        .into_iter()
        .map(|key| key.path)
        .filter(|path| {
            let words = path.replace("[]", ".[]");
            // The lists have the same keys, and some evidence exists only after the switch.
            let after = words.replace("checklists.deploy", "checklists.post");
            let given = |words: &str| has(&example, &words.split('.').collect::<Vec<_>>());
            // The general rules have the same keys as an environment's, and some fit only one kind of platform.
            let own = words.starts_with("deploy.") && given(&format!("environments.ENV.{words}"));
            !given(&words) && !given(&after) && !own
        })
        .collect();
    assert_eq!(missing, [] as [String; 0]);
}

#[test]
fn page_of_error_codes_is_current() {
    let mut page = "# Troubleshooting\n\nGenerated from `crates/core/src/code.rs`. Errors are printed with a code, such as \
                    `error[PM0501]`; `pointsman explain PM0501` prints the same text.\n"
        .to_owned();
    for row in EXPLANATIONS {
        let (code, title) = (row.code, row.title);
        writeln!(page, "\n## {code}: {title}\n\n{}\n\n**Now:** {}", row.cause, row.remedy).unwrap();
    }
    generated("troubleshooting.md", &page);
}

#[test]
fn every_error_code_is_used() {
    let folders = ["src", "crates"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| super::house::files(folder, &["rs"]));
    let used: String = files
        .filter(|file| !file.ends_with("core/src/code.rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let table = fs::read_to_string(root().join("crates/core/src/code.rs")).unwrap();
    let names = table.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let constants = names.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    let unused: Vec<_> =
        constants.filter(|name| !used.contains(&format!("Code::{name}"))).collect();
    assert_eq!(unused, [] as [&str; 0]);
}

fn options<'a>(page: &mut String, all: impl Iterator<Item = &'a Arg>) {
    for option in all.filter(|option| !option.is_hide_set()) {
        let name = match (option.get_short(), option.get_long()) {
            (_, Some("help" | "version")) => continue,
            (_, Some(long)) => format!("--{long}"),
            _ => String::new(),
        };
        let takes = option.get_action().takes_values();
        let values = option.get_value_names().filter(|_| takes).unwrap_or_default();
        let values: Vec<_> = values.iter().map(|value| format!("{value}")).collect();
        let shown = format!("{name} {}", values.join(" "));
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let env = option.get_env().map(|name| format!(" Variable: `{}`.", name.to_string_lossy()));
        let help = help.replace('|', "\\|");
        writeln!(page, "| `{}` | {help}{} |", shown.trim(), env.unwrap_or_default()).unwrap();
    }
}

fn verb(page: &mut String, name: &str, command: &Command) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(page, "\n### {name}\n\n{about}.\n").unwrap();
    let mut rows = String::new();
    options(&mut rows, command.get_arguments());
    if !rows.is_empty() {
        write!(page, "| | |\n|---|---|\n{rows}").unwrap();
    }
    let below =
        command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help");
    for one in below {
        verb(page, &format!("{name} {}", one.get_name()), one);
    }
}

#[test]
fn page_of_the_command_line_is_current() {
    let mut page = "# Command line\n\nGenerated from the program's own help. `pointsman VERB --help` prints the same.\n".to_owned();
    let command = help::command();
    for (group, verbs) in help::GROUPS {
        writeln!(page, "\n## {group}").unwrap();
        for name in verbs {
            verb(&mut page, name, command.find_subcommand(name).unwrap());
        }
    }
    page.push_str("\n## Options of every command\n\n| | |\n|---|---|\n");
    options(&mut page, help::program().get_arguments());
    generated("cli.md", &page);
}

/// The doc comments of an enum's variants, by the variants' names, as its source has them.
fn variants(source: &str, name: &str) -> Vec<(String, String)> {
    let body = source.split(&format!("pub enum {name} {{\n")).nth(1).unwrap();
    let body = body.split("\n}\n").next().unwrap();
    let mut found = Vec::new();
    let mut doc = Vec::new();
    for line in body.lines().filter(|line| !line.starts_with("     ")) {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push(text);
        } else if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
            found.push((name, std::mem::take(&mut doc).join(" ")));
        }
    }
    found
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[test]
fn page_of_fact_kinds_is_current() {
    let source = fs::read_to_string(root().join("crates/core/src/event.rs")).unwrap();
    let mut page = "# Facts\n\nGenerated from `crates/core/src/event.rs`. A run is the list of its facts; `pointsman events RUN --json` prints \
                    them. Kinds are added and never changed. Each fact has `run`-wide fields: `seq`, `at`, `elapsed_ms`, `actor`, `step`, \
                    `kind`, `data`, `prev` and `hash`.\n\n| kind | |\n|---|---|\n"
        .to_owned();
    let kinds = variants(&source, "Event");
    assert!(kinds.len() > 30, "{kinds:?}");
    for (name, doc) in kinds {
        assert!(!doc.is_empty(), "{name} is not described");
        writeln!(page, "| `{}` | {doc} |", kebab(&name)).unwrap();
    }
    generated("facts.md", &page);
}

#[test]
fn page_of_themes_is_current() {
    let schema = theme_schema();
    let mut page = "# Themes\n\nGenerated from the JSON Schema of a theme (`pointsman schema theme`). A theme is a file in `themes` beside the \
                    config or in the XDG config folder; `pointsman theme check FILE` measures its contrast.\n\n| key | |\n|---|---|\n"
        .to_owned();
    let mut rows = 0;
    for (name, property) in schema["properties"].as_object().unwrap() {
        let said = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        writeln!(page, "| `{name}` | {said} |").unwrap();
        rows += 1;
    }
    assert!(rows > 3);
    let shipped = super::house::files(&root().join("themes"), &["yaml"]);
    let mut names: Vec<_> = shipped
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    writeln!(page, "\nShipped: {}.", names.join(", ")).unwrap();
    generated("themes.md", &page);
}
