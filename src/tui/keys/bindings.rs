//! Key bindings: the defaults of the command table, changed by the config.

use std::collections::BTreeMap;

use super::commands::{COMMANDS, Command, Danger, Row};
use crate::tui::panes::Pane;

/// The keys of every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindings(Vec<(Command, Option<Pane>, Vec<String>)>);

/// The effect of a key sequence: a command, the start of a longer sequence, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Command(Command),
    Prefix,
    Nothing,
}

impl Default for Bindings {
    fn default() -> Self {
        let keys = |row: &Row| row.keys.iter().map(|key| (*key).to_owned()).collect();
        Self(COMMANDS.iter().map(|row| (row.command, row.pane, keys(row))).collect())
    }
}

/// A bad rebinding: the command's name in the config, and the reason.
pub type Wrong = (String, String);

impl Bindings {
    /// The default keys, replaced by the config's keys for the commands that it
    /// names. The error lists every invalid binding.
    pub fn with(own: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<Wrong>> {
        let mut bindings = Self::default();
        let mut wrong = Vec::new();
        for (name, keys) in own {
            let Some(row) = COMMANDS.iter().find(|row| row.name == name) else {
                let near = COMMANDS
                    .iter()
                    .max_by(|a, b| {
                        let like = |row: &Row| strsim::jaro_winkler(row.name, name);
                        like(a).total_cmp(&like(b))
                    })
                    .map_or("", |row| row.name);
                wrong.push((
                    name.clone(),
                    format!("there is no command {name:?}; did you mean {near:?}?"),
                ));
                continue;
            };
            wrong.extend(
                keys.iter().filter_map(|key| refused(row, key)).map(|why| (name.clone(), why)),
            );
            for (command, _, bound) in &mut bindings.0 {
                if *command == row.command {
                    bound.clone_from(keys);
                }
            }
        }
        wrong.extend(bindings.twice(own));
        if wrong.is_empty() { Ok(bindings) } else { Err(wrong) }
    }

    /// Finds keys that are bound to two commands in the same pane. Each is
    /// reported under the command that the config names.
    fn twice(&self, own: &BTreeMap<String, Vec<String>>) -> Vec<Wrong> {
        let name = |command: Command| super::commands::row_of(command).name;
        let mut wrong = Vec::new();
        for (at, (one, pane, keys)) in self.0.iter().enumerate() {
            for (other, elsewhere, others) in &self.0[at + 1..] {
                let together = pane.is_none() || elsewhere.is_none() || pane == elsewhere;
                let clash = |key: &&String| {
                    others.iter().any(|o| o == *key || begins(o, key) || begins(key, o))
                };
                if let Some(key) = keys.iter().find(clash).filter(|_| together) {
                    let (one, other) = (name(*one), name(*other));
                    let told = if own.contains_key(one) { one } else { other };
                    wrong.push((
                        told.to_owned(),
                        format!("{key:?} is a key of {one} and of {other}"),
                    ));
                }
            }
        }
        wrong
    }

    /// The effect of a key sequence in a pane.
    pub fn meaning(&self, sequence: &str, pane: Pane) -> Meaning {
        let here = || self.0.iter().filter(|(_, only, _)| only.is_none_or(|only| only == pane));
        for (command, _, keys) in here() {
            if keys.iter().any(|key| key == sequence) {
                return Meaning::Command(*command);
            }
        }
        let more = here().any(|(_, _, keys)| keys.iter().any(|key| begins(key, sequence)));
        if more { Meaning::Prefix } else { Meaning::Nothing }
    }

    /// The keys of a command. Hints show the first one.
    pub fn keys(&self, command: Command) -> &[String] {
        self.0.iter().find(|(c, _, _)| *c == command).map_or(&[], |(_, _, keys)| keys.as_slice())
    }

    /// The keys that may follow a prefix, with their commands.
    pub fn after(&self, prefix: &str, pane: Pane) -> Vec<(String, Command)> {
        let here = self.0.iter().filter(|(_, only, _)| only.is_none_or(|only| only == pane));
        here.flat_map(|(command, _, keys)| keys.iter().map(move |key| (key, *command)))
            .filter_map(|(key, command)| {
                Some((key.strip_prefix(prefix)?.strip_prefix(' ')?.to_owned(), command))
            })
            .collect()
    }
}

/// Whether `whole` is a longer sequence that starts with `prefix`.
fn begins(whole: &str, prefix: &str) -> bool {
    whole.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(' '))
}

/// The letters whose Ctrl keys belong to tmux, screen, zellij or flow control.
const TAKEN: &str = "abgoqstw";

fn refused(row: &Row, key: &str) -> Option<String> {
    if key.split(' ').any(|part| !is_key(part)) {
        return Some(format!(
            "{key:?} is no key: write D, Ctrl-x, F2, Enter, PgUp, or two of them: g d"
        ));
    }
    let ctrl = key.strip_prefix("Ctrl-").and_then(|rest| rest.chars().next());
    if ctrl.is_some_and(|letter| TAKEN.contains(letter)) {
        return Some(format!("{key} belongs to tmux, screen, zellij or the terminal"));
    }
    let capital = key.len() == 1 && key.chars().all(|c| c.is_ascii_uppercase());
    (row.danger == Danger::Asks && !capital).then(|| {
        format!("{} changes a deployment: its key must be a capital letter, not {key:?}", row.name)
    })
}

fn is_key(part: &str) -> bool {
    let named = [
        "Enter",
        "Esc",
        "Tab",
        "Shift-Tab",
        "Backspace",
        "Delete",
        "Up",
        "Down",
        "Left",
        "Right",
        "Home",
        "End",
        "PgUp",
        "PgDn",
        "Space",
    ];
    let rest = part.strip_prefix("Ctrl-").or_else(|| part.strip_prefix("Alt-")).unwrap_or(part);
    let function = rest.strip_prefix('F').and_then(|n| n.parse::<u8>().ok());
    rest.chars().count() == 1
        || named.contains(&rest)
        || function.is_some_and(|n| (1..=12).contains(&n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &[&str])]) -> Result<Bindings, Vec<Wrong>> {
        let keys = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect();
        Bindings::with(&pairs.iter().map(|(name, k)| ((*name).to_owned(), keys(k))).collect())
    }

    #[test]
    fn config_rebinds_keys_and_prefixes() {
        let bindings = with(&[("zoom", &["Z"]), ("goto logs", &["3", "Ctrl-x l"])]).unwrap();
        assert_eq!(bindings.meaning("Z", Pane::Deploy), Meaning::Command(Command::Zoom));
        assert_eq!(bindings.meaning("z", Pane::Deploy), Meaning::Nothing);
        assert_eq!(bindings.meaning("Ctrl-x", Pane::Deploy), Meaning::Prefix);
        assert_eq!(bindings.meaning("Ctrl-x l", Pane::Deploy), Meaning::Command(Command::Logs));
        assert_eq!(bindings.meaning("w", Pane::Deploy), Meaning::Nothing);
        assert_eq!(bindings.meaning("w", Pane::Logs), Meaning::Command(Command::Wrap));
    }

    #[test]
    fn refuses_dangerous_or_ambiguous_bindings() {
        let why = |pairs: &[(&str, &[&str])]| format!("{:?}", with(pairs).unwrap_err());
        assert!(why(&[("deploy", &["d"])]).contains("must be a capital letter"));
        assert!(why(&[("deploy", &["Ctrl-x"])]).contains("must be a capital letter"));
        assert!(why(&[("zoom", &["Ctrl-b"])]).contains("belongs to tmux"));
        assert!(why(&[("zoom", &["D"])]).contains("is a key of"));
        assert!(why(&[("zoom", &["g"])]).contains("is a key of"));
        assert!(why(&[("zooom", &["Z"])]).contains("did you mean \\\"zoom\\\""));
        assert!(why(&[("zoom", &["Nope"])]).contains("is no key"));
    }
}
