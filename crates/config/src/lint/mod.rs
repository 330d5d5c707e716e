//! Lints `apphosting.yaml` as Google's own checker does: whatever it rejects is an error. What a later stage
//! rejects or ignores is a warning; the rest is a note.

mod between;
mod form;
mod network;
mod variables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings};
use super::node::{Node, Place, Value, parse};
pub use between::{Difference, between};
use pointsman_core::apphosting::{AppHostingYaml, RunConfig, reserved};

/// A file with its text, or the reason why it cannot be read.
pub type Text = (PathBuf, Result<String, String>);

/// The base file that all environments inherit from.
const BASE: &str = "apphosting.yaml";

/// Reads and lints files.
pub fn lint(files: &[PathBuf]) -> Vec<Findings> {
    lint_texts(texts(files.iter().cloned()))
}

/// Lints files and returns the findings in the given order. Files of one folder are a base and its environments. Their
/// merged limits are checked too: Google's checker does not do this, and only Cloud Run rejects invalid ones.
pub fn lint_texts(files: impl IntoIterator<Item = Text>) -> Vec<Findings> {
    let mut read: Vec<_> = files.into_iter().map(|(file, text)| Read::new(file, text)).collect();
    let bases: Vec<_> = read.iter().filter(|read| read.is(BASE)).map(Read::limits).collect();
    for file in read.iter_mut().filter(|read| !read.is(BASE) && !local(&read.file)) {
        let base = bases.iter().find(|(folder, _)| Some(folder.as_path()) == file.file.parent());
        if let Some((_, base)) = base {
            file.together(*base);
        }
    }
    read.into_iter().map(Read::findings).collect()
}

/// The names of all variables that the files declare, without those that Cloud Run removes.
pub fn declared(files: &[Text]) -> BTreeSet<String> {
    let texts = files.iter().filter_map(|(_, text)| text.as_ref().ok());
    let nodes: Vec<Node> = texts.filter_map(|text| parse(text).ok()).collect();
    let all = nodes.iter().flat_map(variables::variables);
    all.map(|variable| variable.name).filter(|n| !n.is_empty() && !reserved(n)).collect()
}

/// The merged limits of files, base first. `None` without files, or if one of them cannot be read: the effective limits
/// are then unknown.
pub fn limits(files: &[Text]) -> Option<RunConfig> {
    let read = |(_, text): &Text| parse(text.as_ref().ok()?).ok().map(|node| run_config(&node));
    let all = files.iter().map(read).collect::<Option<Vec<_>>>().filter(|all| !all.is_empty());
    Some(all?.into_iter().fold(RunConfig::default(), RunConfig::overridden_by))
}

/// Merges files by App Hosting's rules, base first. `None` if one of them cannot be read.
pub fn merged(files: &[Text]) -> Option<AppHostingYaml> {
    let read = |(_, text): &Text| serde_yaml::from_str::<AppHostingYaml>(text.as_ref().ok()?).ok();
    let all = files.iter().map(read).collect::<Option<Vec<_>>>()?;
    Some(all.into_iter().reduce(AppHostingYaml::overridden_by).unwrap_or_default())
}

/// Reads files: each with its text, or the reason why it cannot be read.
pub fn texts(files: impl IntoIterator<Item = PathBuf>) -> Vec<Text> {
    let read = |file: PathBuf| {
        let text = pointsman_source::text(&file).map_err(|error| error.to_string());
        (file, text)
    };
    files.into_iter().map(read).collect()
}

/// The named files that exist in a folder, in the order of `names`.
pub fn named_in(folder: &Path, names: &[String]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.join(name)).filter(|file| file.exists()).collect()
}

/// The files of a folder that App Hosting reads, the base first.
pub fn files_of(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == BASE || (name.starts_with("apphosting.") && name.ends_with(".yaml")) {
            files.push(path);
        }
    }
    files.sort_by_key(|file| (!file.ends_with(BASE), file.clone()));
    Ok(files)
}

/// A file with its parsed content and its findings.
struct Read {
    file: PathBuf,
    text: String,
    node: Option<Node>,
    found: Vec<Finding>,
}

impl Read {
    fn new(file: PathBuf, text: Result<String, String>) -> Self {
        let mut found = Vec::new();
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let findings = Findings::unread(&file, &error).findings;
                return Self { file, text: String::new(), node: None, found: findings };
            }
        };
        let start = Place { line: 1, column: 1 };
        if let Some(environment) = unread_environment(&file) {
            let why = format!("App Hosting reads no file of an environment called {environment:?}");
            let finding = Finding::warning(start, why);
            found.push(finding.hint("names of environments have a to z, 0 to 9 and _"));
        }
        let node = match parse(&text) {
            Ok(node) => node,
            Err(finding) => {
                found.push(finding);
                return Self { file, text, node: None, found };
            }
        };
        form::look(&form::FILE, &node, "the file", &mut found);
        if let Some(broken) = run_config(&node).broken() {
            let place = node.place_of(&["runConfig", broken.key]);
            found.push(Finding::new(place, broken.why));
        }
        if let Some(access) = node.get("runConfig").and_then(|run| run.get("vpcAccess")) {
            network::network(access, &mut found);
        }
        let variables = variables::variables(&node);
        variables::look(&variables, local(&file), &mut found);
        let text = masked(&text, &variables::secrets(&variables));
        Self { file, text, node: Some(node), found }
    }

    fn is(&self, name: &str) -> bool {
        self.file.file_name().is_some_and(|own| own == name)
    }

    fn limits(&self) -> (PathBuf, RunConfig) {
        let folder = self.file.parent().unwrap_or(Path::new("")).to_owned();
        (folder, self.node.as_ref().map(run_config).unwrap_or_default())
    }

    /// Checks the limits of this file merged over the base, if each of the two is valid alone.
    fn together(&mut self, base: RunConfig) {
        let Some(node) = &self.node else { return };
        let own = run_config(node);
        if base.broken().is_some() || own.broken().is_some() {
            return;
        }
        if let Some(broken) = base.overridden_by(own).broken() {
            let why = format!("over {BASE} this cannot be deployed: {}", broken.why);
            let place = node.place_of(&["runConfig", broken.key]);
            self.found.push(Finding::warning(place, why));
        }
    }

    fn findings(self) -> Findings {
        let Self { file, text, mut found, .. } = self;
        found.sort_by_key(|finding| (finding.line, finding.column));
        Findings { file, text, findings: found }
    }
}

/// Whether only emulators read the file.
fn local(file: &Path) -> bool {
    file.ends_with("apphosting.emulator.yaml") || file.ends_with("apphosting.local.yaml")
}

/// The environment in a file's name, if App Hosting ignores the file: it only reads
/// `^apphosting(\.[a-z0-9_]+)?\.yaml$`.
fn unread_environment(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let environment = name.strip_prefix("apphosting.")?.strip_suffix(".yaml")?;
    let found = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (environment.is_empty() || !environment.chars().all(found)).then(|| environment.to_owned())
}

fn run_config(file: &Node) -> RunConfig {
    let whole = |key: &str| match file.get("runConfig")?.get(key)?.value {
        Value::Whole(number) => i64::try_from(number).ok(),
        // The checker truncates decimals too.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float is cut to the nearest there is"
        )]
        Value::Real(number) => Some(number as i64),
        _ => None,
    };
    let cpu = file.get("runConfig").and_then(|run| match run.get("cpu")?.value {
        #[expect(clippy::cast_precision_loss, reason = "processors are few")]
        Value::Whole(number) => Some(number as f64),
        Value::Real(number) => Some(number),
        _ => None,
    });
    RunConfig {
        cpu,
        memory: whole("memoryMiB"),
        concurrency: whole("concurrency"),
        min_instances: whole("minInstances"),
        max_instances: whole("maxInstances"),
    }
}

/// A scalar as text, converted as the checker does.
fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Whole(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Truth(truth) => Some(truth.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// Masks secrets in the text, because reports quote its lines.
fn masked(text: &str, secrets: &[(Place, usize)]) -> String {
    let hide = |(at, line): (usize, &str)| {
        let mut line: Vec<char> = line.chars().collect();
        for (place, length) in secrets.iter().filter(|(place, _)| place.line == at + 1) {
            let from = place.column.saturating_sub(1).min(line.len());
            let to = (from + length).min(line.len());
            line[from..to].iter_mut().filter(|c| !c.is_whitespace()).for_each(|c| *c = '*');
        }
        line.into_iter().collect::<String>()
    };
    text.split_inclusive('\n').enumerate().map(hide).collect()
}
