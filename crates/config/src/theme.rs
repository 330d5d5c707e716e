//! A theme file: its schema and its schema errors. `tui::theme` resolves the colours and checks their contrast.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check;
use super::finding::{Finding, Findings};
use super::node::{Node, Place, parse};

/// Whether a theme is made for a dark or a light terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ThemeKind {
    /// Light text on a dark ground.
    Dark,
    /// Dark text on a light ground.
    Light,
}

/// A theme file (`docs/internals/screen.md`, Themes).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemeFile {
    /// Its name; the file's, without `.yaml`.
    pub name: String,
    pub kind: ThemeKind,
    /// A theme whose colours and roles it starts from.
    #[serde(default)]
    pub inherits: Option<String>,
    /// Promises that ok, warning and failed can be told apart with any colour vision.
    #[serde(default)]
    pub colour_blind: bool,
    #[serde(default)]
    pub palette: BTreeMap<String, String>,
    /// The styles of roles. A missing role uses the one before its last dot.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleStyle>,
}

/// How a role is drawn. Colours are `#rrggbb`, `256:n`, `ansi:name`, `default`, or a name of the
/// palette.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoleStyle {
    /// Drawn as this other role.
    pub link: Option<String>,
    /// The colour of letters.
    pub fg: Option<String>,
    /// The colour behind them.
    pub bg: Option<String>,
    pub mods: Vec<Mod>,
    /// Instead, on a terminal of 16 colours; computed where it is left out.
    pub ansi16: Option<Ansi16>,
}

/// Text attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mod {
    Bold,
    Dim,
    Italic,
    Underline,
    Reverse,
}

/// Colours for a terminal of 16.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ansi16 {
    /// The colour of letters.
    pub fg: Option<String>,
    /// The colour behind them.
    pub bg: Option<String>,
}

/// The JSON Schema (draft 2020-12) of a theme file.
pub fn theme_schema() -> serde_json::Value {
    schemars::schema_for!(ThemeFile).to_value()
}

/// A parsed theme with the places of its values.
#[derive(Debug, Clone)]
pub struct ThemeText {
    pub theme: ThemeFile,
    path: PathBuf,
    text: String,
    node: Node,
}

impl ThemeText {
    /// Parses a theme. The error holds all schema errors.
    pub fn read(text: &str, path: &Path) -> Result<Self, Findings> {
        let refuse = |mut findings: Vec<Finding>| {
            findings.sort_by_key(|f| (f.line, f.column));
            Findings { file: path.to_owned(), text: text.to_owned(), findings }
        };
        let node = parse(text).map_err(|finding| refuse(vec![finding]))?;
        let (findings, _) = check::against_schema(&theme_schema(), &node);
        if !findings.is_empty() {
            return Err(refuse(findings));
        }
        let theme = serde_yaml::from_str(text).map_err(|error| {
            let place = error
                .location()
                .map_or(node.place, |l| Place { line: l.line(), column: l.column() });
            refuse(vec![Finding::new(place, error.to_string())])
        })?;
        Ok(Self { theme, path: path.to_owned(), text: text.to_owned(), node })
    }

    /// An error at a path in the theme.
    pub fn finding(&self, at: &[&str], message: String) -> Finding {
        Finding::new(self.node.place_of(at), message)
    }

    /// An error about an unknown word, with a hint if a known one is similar.
    pub fn unknown(&self, at: &[&str], message: String, word: &str, known: &[&str]) -> Finding {
        let finding = self.finding(at, message);
        match check::nearest(word, known) {
            Some(near) => finding.hint(format!("did you mean {near:?}?")),
            None => finding,
        }
    }

    /// Findings with the theme's text, in the order of their places.
    pub fn findings(&self, mut findings: Vec<Finding>) -> Findings {
        findings.sort_by_key(|f| (f.line, f.column));
        Findings { file: self.path.clone(), text: self.text.clone(), findings }
    }
}
