//! Reading the config file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::{Finding, Findings};
use super::node::{MOST_BYTES, Node, Place, parse};
use super::schema::{Config, json_schema};
use super::{check, rules};

/// A config that was read and found right.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// The folder that its relative paths start from.
    pub folder: PathBuf,
    /// What was read, for telling where something stands.
    source: Arc<Source>,
}

#[derive(Debug)]
struct Source {
    file: PathBuf,
    text: String,
    node: Node,
}

impl Loaded {
    /// What another room finds wrong, each with the path of its keys.
    pub fn refused<'a, const N: usize>(
        &self,
        wrong: impl IntoIterator<Item = ([&'a str; N], String)>,
    ) -> Findings {
        self.found(wrong, Finding::new)
    }

    /// Like [`Self::refused`], of what is only odd.
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

/// Reads and checks a file. The error holds everything that is wrong with it.
pub fn load(file: &Path) -> Result<Loaded, Findings> {
    let start = Place { line: 0, column: 0 };
    let refuse = |message: String| Findings {
        file: file.to_owned(),
        text: String::new(),
        findings: vec![Finding::new(start, message)],
    };
    let size = std::fs::metadata(file).map_err(|e| refuse(format!("cannot be read: {e}")))?.len();
    if size > MOST_BYTES as u64 {
        return Err(refuse(format!("is {size} bytes; a config has at most {MOST_BYTES}")));
    }
    let text = pointsman_source::text(file).map_err(|e| refuse(format!("cannot be read: {e}")))?;
    load_text(&text, file)
}

/// The same for a text; relative paths start from the file's folder.
pub fn load_text(text: &str, file: &Path) -> Result<Loaded, Findings> {
    let refuse = |mut findings: Vec<Finding>| {
        findings.sort_by_key(|f| (f.line, f.column));
        Findings { file: file.to_owned(), text: text.to_owned(), findings }
    };
    let node = parse(text).map_err(|finding| refuse(vec![finding]))?;
    super::secrets::note(&node);
    let schema = json_schema();
    let (mut findings, mended) = check::against_schema(&schema, &node);
    // A link to a config elsewhere is that config: its paths begin where it lies.
    let real = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = match real.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    if findings.is_empty() {
        let config: Config =
            serde_yaml::from_str(text).map_err(|e| refuse(vec![typed_error(&e, &node)]))?;
        findings.extend(rules::problems(&config, &node, &folder));
        return if findings.is_empty() {
            let source = Source { file: file.to_owned(), text: text.to_owned(), node };
            Ok(Loaded { config, folder, source: Arc::new(source) })
        } else {
            Err(refuse(findings))
        };
    }
    // A wrong shape must not hide a wrong meaning. A semantic finding at a place that was repaired
    // is about the repair, so it is left out.
    if let Ok(config) = serde_json::from_value::<Config>(mended) {
        let told: Vec<usize> = findings.iter().map(|f| f.line).collect();
        let about_mending =
            |f: &Finding| told.contains(&f.line) || f.message.contains(check::STAND_IN);
        let meant = rules::problems(&config, &node, &folder);
        findings.extend(meant.into_iter().filter(|f| !about_mending(f)));
    }
    Err(refuse(findings))
}

fn typed_error(error: &serde_yaml::Error, root: &Node) -> Finding {
    let place =
        error.location().map_or(root.place, |l| Place { line: l.line(), column: l.column() });
    Finding::new(place, error.to_string())
}
