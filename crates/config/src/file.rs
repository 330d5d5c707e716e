//! Reads and checks the config file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calendar::Calendars;
use super::finding::{Finding, Findings};
use super::node::{MOST_BYTES, Node, Place, parse};
use super::schema::{Config, json_schema};
use super::{check, rules, secrets};

/// A valid config.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// The base of its relative paths.
    pub folder: PathBuf,
    /// The parsed text, for the places of findings.
    source: Arc<Source>,
    /// What was read of its calendars.
    pub(super) calendars: Calendars,
}

#[derive(Debug)]
struct Source {
    file: PathBuf,
    text: String,
    node: Node,
}

impl Loaded {
    /// Errors that another module found in the config (key bindings, for example), each with the path of its key.
    pub fn refused<'a, const N: usize>(
        &self,
        wrong: impl IntoIterator<Item = ([&'a str; N], String)>,
    ) -> Findings {
        self.found(wrong, Finding::new)
    }

    /// Like [`Self::refused`], for warnings.
    pub fn warned<'a, const N: usize>(
        &self,
        odd: impl IntoIterator<Item = ([&'a str; N], String)>,
    ) -> Findings {
        self.found(odd, Finding::warning)
    }

    fn found<'a, const N: usize>(
        &self,
        all: impl IntoIterator<Item = ([&'a str; N], String)>,
        finding: impl Fn(Place, String) -> Finding,
    ) -> Findings {
        let Source { file, text, node } = self.source.as_ref();
        let placed = all.into_iter().map(|(path, why)| finding(node.place_of(&path), why));
        let mut findings: Vec<_> = placed.collect();
        findings.sort_by_key(|f| (f.line, f.column));
        Findings { file: file.clone(), text: text.clone(), findings }
    }
}

/// A config file, parsed once. Parsing registers the secrets that it names for redaction, even if the config is
/// invalid otherwise.
#[derive(Debug)]
pub struct Document(Result<Arc<Source>, Findings>);

impl Document {
    /// Reads a file.
    pub fn read(file: &Path) -> Self {
        let text = readable(file).map_err(|message| Findings {
            file: file.to_owned(),
            text: String::new(),
            findings: vec![Finding::new(Place { line: 0, column: 0 }, message)],
        });
        Self(text.and_then(|text| Self::parse(text, file).0))
    }

    /// Parses the text of a file. Relative paths start from the file's folder.
    pub fn parse(text: String, file: &Path) -> Self {
        let file = file.to_owned();
        let node = match parse(&text) {
            Ok(node) => node,
            Err(finding) => return Self(Err(Findings { file, text, findings: vec![finding] })),
        };
        secrets::note(&node);
        Self(Ok(Arc::new(Source { file, text, node })))
    }

    /// The parsed text, if it is YAML.
    pub(super) fn node(&self) -> Option<&Node> {
        self.0.as_ref().ok().map(|source| &source.node)
    }

    /// Checks the config. The error holds all findings.
    pub fn check(&self) -> Result<Loaded, Findings> {
        let source = self.0.as_ref().map_err(Clone::clone)?;
        let Source { file, text, node } = source.as_ref();
        let refuse = |mut findings: Vec<Finding>| {
            findings.sort_by_key(|f| (f.line, f.column));
            Findings { file: file.clone(), text: text.clone(), findings }
        };
        let (mut findings, whole) = check::against_schema(&json_schema(), node);
        let folder = folder_of(file);
        // Run the semantic rules even after schema errors, so that one pass reports both. A semantic finding at a
        // repaired place is about the placeholder, so it is dropped.
        let repaired: HashSet<usize> = findings.iter().map(|f| f.line).collect();
        let about_repair =
            |f: &Finding| repaired.contains(&f.line) || f.message.contains(check::STAND_IN);
        match serde_path_to_error::deserialize::<_, Config>(whole) {
            Ok(config) => {
                let meant = rules::problems(&config, node, &folder);
                findings.extend(meant.into_iter().filter(|f| !about_repair(f)));
                if findings.is_empty() {
                    let (source, calendars) = (source.clone(), Calendars::default());
                    return Ok(Loaded { config, folder, source, calendars });
                }
            }
            Err(error) if findings.is_empty() => findings.push(typed_error(&error, node)),
            Err(_) => {}
        }
        Err(refuse(findings))
    }
}

/// The text of a config file. The error says why it cannot be read.
fn readable(file: &Path) -> Result<String, String> {
    let size = std::fs::metadata(file).map_err(|e| format!("cannot be read: {e}"))?.len();
    if size > MOST_BYTES as u64 {
        return Err(format!("is {size} bytes; a config has at most {MOST_BYTES}"));
    }
    pointsman_source::text(file).map_err(|e| format!("cannot be read: {e}"))
}

/// The base of relative paths. Symbolic links are resolved: a link to a config uses the folder of its target.
fn folder_of(file: &Path) -> PathBuf {
    let real = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = match real.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Reads and checks a config file. The error holds all findings.
pub fn load(file: &Path) -> Result<Loaded, Findings> {
    Document::read(file).check()
}

/// Parses the text of a file. Relative paths start from the file's folder.
pub fn load_text(text: &str, file: &Path) -> Result<Loaded, Findings> {
    Document::parse(text.to_owned(), file).check()
}

/// A deserialization error, at the place of its value.
fn typed_error(error: &serde_path_to_error::Error<serde_json::Error>, root: &Node) -> Finding {
    use serde_path_to_error::Segment;
    let path: Vec<String> = error.path().iter().map(Segment::to_string).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    Finding::new(root.place_of(&path), error.inner().to_string())
}
