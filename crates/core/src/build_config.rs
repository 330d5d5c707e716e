//! What a build carries besides its code: variables, secrets, limits and where each came from. Two builds of the same
//! commit can differ in all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::apphosting::hidden;
use super::redact::redacted;

/// The names of the limits.
pub const CPU: &str = "cpu";
pub const MEMORY: &str = "memory MiB";
pub const CONCURRENCY: &str = "concurrency";
pub const MIN_INSTANCES: &str = "minimum instances";
pub const MAX_INSTANCES: &str = "maximum instances";
/// The value of a limit that is not set.
pub const DEFAULT: &str = "the default";

/// The configuration of a build as the platform reports it. What it does not report is absent, and never compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildConfig {
    /// Limits and sources by name, such as `cpu` or `root directory`.
    pub settings: BTreeMap<String, String>,
    /// The variables by name. `None`: the platform does not tell.
    pub variables: Option<BTreeMap<String, Variable>>,
}

/// A variable of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub bound: Bound,
    /// Whether it was set on the backend or for this build, and not by a file.
    pub overridden: bool,
    /// The file that it came from, such as `apphosting.production.yaml`, if the platform tells.
    pub file: Option<String>,
}

/// What a variable is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    Text(String),
    Secret(SecretRef),
    /// The platform names the variable and nothing more.
    Untold,
}

/// A secret and its version. The value is never read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretRef {
    /// The project that is written in its name, if one is.
    pub project: Option<String>,
    pub name: String,
    /// `None`: the latest at the time of the build.
    pub version: Option<String>,
}

impl SecretRef {
    /// Parses `S`, `S@N`, `projects/P/secrets/S` or that with `/versions/V`.
    pub fn parse(text: &str) -> Option<Self> {
        super::apphosting::version(text)?;
        let parts: Vec<&str> = text.split('/').collect();
        let (project, name, version) = match parts[..] {
            [one] => match one.split_once('@') {
                Some((name, version)) => (None, name, Some(version)),
                None => (None, one, None),
            },
            ["projects", project, "secrets", name] => (Some(project), name, None),
            ["projects", project, "secrets", name, "versions", version] => {
                (Some(project), name, Some(version))
            }
            _ => return None,
        };
        Some(Self {
            project: project.map(str::to_owned),
            name: name.to_owned(),
            version: version.filter(|version| *version != "latest").map(str::to_owned),
        })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "secret {} version {version}", self.name),
            None => write!(f, "secret {}, latest version", self.name),
        }
    }
}

/// One difference between two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChange {
    /// The variable or the setting.
    pub item: String,
    /// What it was; `None`: it was not there.
    pub from: Option<String>,
    /// What it is; `None`: it is gone.
    pub to: Option<String>,
}

impl fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (None, Some(to)) => write!(f, "+ {}: {to}", self.item),
            (Some(from), None) => write!(f, "- {}: {from}", self.item),
            (from, to) => {
                let text = |side: &Option<String>| side.clone().unwrap_or_default();
                write!(f, "{}: {} → {}", self.item, text(from), text(to))
            }
        }
    }
}

/// The changes in one line: `API_URL, stripe-key and 2 more`, or that there are none.
pub fn summary(changes: &[ConfigChange]) -> String {
    const NAMED: usize = 3;
    let names: Vec<_> = changes.iter().take(NAMED).map(|change| change.item.as_str()).collect();
    match changes.len() {
        0 => "nothing but code changes".to_owned(),
        many if many > NAMED => {
            format!("besides code: {} and {} more", names.join(", "), many - NAMED)
        }
        _ => format!("besides code: {}", names.join(", ")),
    }
}

/// Maximum characters of a shown value.
const SHOWN: usize = 60;

/// Whether a plain value must not be shown: its name, its form, or both together are those of a secret.
fn is_secret(name: &str, text: &str) -> bool {
    let named = format!("{name}={text}");
    // What a browser gets is public, whatever it is called.
    let public = name.to_ascii_uppercase().starts_with("NEXT_PUBLIC_");
    let by_name = ["KEY", "PASS", "PWD", "CREDENTIAL", "AUTH"];
    let upper = name.to_ascii_uppercase();
    let by_name = !public && by_name.iter().any(|word| upper.contains(word));
    hidden(name) || by_name || redacted(text) != *text || (!public && redacted(&named) != named)
}

impl Variable {
    /// The value as it may be shown: never one that is, or looks like, a secret.
    fn shown(&self, name: &str) -> String {
        match &self.bound {
            Bound::Untold => "a value that is not told".to_owned(),
            Bound::Secret(secret) => secret.to_string(),
            Bound::Text(text) => {
                if is_secret(name, text) {
                    return "a value that is not shown".to_owned();
                }
                let cut: String = text.chars().take(SHOWN).collect();
                if cut.len() < text.len() { format!("{cut}…") } else { cut }
            }
        }
    }

    fn differs(&self, other: &Self) -> bool {
        match (&self.bound, &other.bound) {
            // Without a version it is the latest at the time of the build, which is not known yet.
            (Bound::Secret(one), Bound::Secret(two)) => {
                let same =
                    one.version == two.version || one.version.is_none() || two.version.is_none();
                let projects = one.project.as_ref().zip(two.project.as_ref());
                one.name != two.name || !same || projects.is_some_and(|(one, two)| one != two)
            }
            (Bound::Untold, _) | (_, Bound::Untold) => false,
            (one, two) => one != two,
        }
    }
}

impl BuildConfig {
    /// Without what was set on the backend or for the build: no file of the team says that.
    #[must_use]
    pub fn of_files(mut self) -> Self {
        self.variables.iter_mut().for_each(|all| all.retain(|_, variable| !variable.overridden));
        self
    }

    /// The names of the variables, if the platform tells them.
    pub fn bound(&self) -> Option<BTreeSet<String>> {
        self.variables.as_ref().map(|all| all.keys().cloned().collect())
    }

    /// The secrets that the build reads.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let variables = self.variables.iter().flat_map(BTreeMap::values);
        let secret =
            |variable: &'_ Variable| -> bool { matches!(variable.bound, Bound::Secret(_)) };
        let mut all: Vec<&SecretRef> = variables
            .filter(|variable| secret(variable))
            .filter_map(|variable| match &variable.bound {
                Bound::Secret(secret) => Some(secret),
                Bound::Text(_) | Bound::Untold => None,
            })
            .collect();
        all.sort();
        all.dedup();
        all
    }

    /// The variables that did not come from a file although it declares them. `None`: the platform does not tell where
    /// any variable came from.
    pub fn not_from(&self, file: &str, declared: &BTreeSet<String>) -> Option<Vec<String>> {
        let variables = self.variables.as_ref()?;
        if variables.values().all(|variable| variable.file.is_none()) {
            return None;
        }
        let elsewhere = |name: &&String| {
            variables.get(*name).is_none_or(|variable| {
                !variable.overridden && variable.file.as_deref() != Some(file)
            })
        };
        Some(declared.iter().filter(elsewhere).cloned().collect())
    }
}

/// What changes from one build to another, besides code. `None` unless both report their variables.
pub fn compare(from: &BuildConfig, to: &BuildConfig) -> Option<Vec<ConfigChange>> {
    let (before, after) = (from.variables.as_ref()?, to.variables.as_ref()?);
    let mut changes = Vec::new();
    for (name, before) in &from.settings {
        if let Some(after) = to.settings.get(name).filter(|after| *after != before) {
            let item = name.clone();
            changes.push(ConfigChange {
                item,
                from: Some(before.clone()),
                to: Some(after.clone()),
            });
        }
    }
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (was, is) = (before.get(name), after.get(name));
        match (was, is) {
            (Some(was), Some(is)) => changes.extend(changed(name, was, is)),
            (was, is) => {
                let shown = |side: Option<&Variable>| side.map(|variable| variable.shown(name));
                changes.push(ConfigChange { item: name.clone(), from: shown(was), to: shown(is) });
            }
        }
    }
    Some(changes)
}

/// A changed value, or else a changed file.
fn changed(name: &str, was: &Variable, is: &Variable) -> Option<ConfigChange> {
    if was.differs(is) {
        let (from, mut to) = (was.shown(name), is.shown(name));
        if from == to {
            to = format!("another {}", to.trim_start_matches("a "));
        }
        return Some(ConfigChange { item: name.to_owned(), from: Some(from), to: Some(to) });
    }
    let (from, to) = (was.file.clone()?, is.file.clone()?);
    (from != to).then(|| ConfigChange {
        item: name.to_owned(),
        from: Some(format!("from {from}")),
        to: Some(format!("from {to}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, file: &str) -> Variable {
        Variable {
            bound: Bound::Text(value.to_owned()),
            overridden: false,
            file: Some(file.to_owned()),
        }
    }

    fn secret(name: &str) -> Variable {
        Variable {
            bound: Bound::Secret(SecretRef::parse(name).unwrap()),
            overridden: false,
            file: None,
        }
    }

    fn config(variables: &[(&str, Variable)], settings: &[(&str, &str)]) -> BuildConfig {
        BuildConfig {
            settings: settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            variables: Some(variables.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()),
        }
    }

    fn told(from: &BuildConfig, to: &BuildConfig) -> Vec<String> {
        compare(from, to).unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_but_code_is_compared_and_no_secret_is_shown() {
        let base = "apphosting.yaml";
        let blue = config(
            &[
                ("API_URL", text("https://a.example", base)),
                ("GONE", text("1", base)),
                ("SIGNING_TOKEN", text("abc", base)),
                ("STRIPE", secret("projects/p/secrets/stripe-key/versions/3")),
                ("SAME", text("x", base)),
                ("MOVED", text("x", base)),
            ],
            &[("cpu", "1"), ("memory MiB", "512"), ("only here", "1")],
        );
        let green = config(
            &[
                ("API_URL", text("https://b.example", base)),
                ("NEW", text("2", base)),
                ("SIGNING_TOKEN", text("def", base)),
                ("STRIPE", secret("projects/p/secrets/stripe-key/versions/4")),
                ("SAME", text("x", base)),
                ("MOVED", text("x", "apphosting.production.yaml")),
            ],
            &[("cpu", "2"), ("memory MiB", "512")],
        );
        let wanted = [
            "cpu: 1 → 2",
            "API_URL: https://a.example → https://b.example",
            "- GONE: 1",
            "MOVED: from apphosting.yaml → from apphosting.production.yaml",
            "+ NEW: 2",
            "SIGNING_TOKEN: a value that is not shown → another value that is not shown",
            "STRIPE: secret stripe-key version 3 → secret stripe-key version 4",
        ];
        assert_eq!(told(&blue, &green), wanted);
        assert_eq!(told(&blue, &blue), [""; 0]);
        assert_eq!(
            summary(&compare(&blue, &green).unwrap()),
            "besides code: cpu, API_URL, GONE and 4 more"
        );
    }

    #[test]
    fn values_that_could_be_secrets_are_hidden() {
        let shown = |name: &str, value: &str| text(value, "apphosting.yaml").shown(name);
        for name in
            ["DB_PASS", "SENDGRID_API_KEY", "stripe_secret", "Auth_Header", "ENCRYPTION_KEY"]
        {
            assert_eq!(shown(name, "hunter2"), "a value that is not shown", "{name}");
        }
        for name in ["NODE_ENV", "API_URL", "NEXT_PUBLIC_FIREBASE_API_KEY"] {
            assert_eq!(shown(name, "plain"), "plain", "{name}");
        }
    }

    #[test]
    fn variables_of_the_console_are_in_no_file() {
        let own = "apphosting.production.yaml";
        let declared: BTreeSet<String> = ["A".to_owned()].into();
        let console = Variable { overridden: true, file: None, ..text("1", own) };
        let built = config(&[("A", console), ("B", text("1", own))], &[]);
        assert_eq!(
            built.not_from(own, &declared),
            Some(Vec::new()),
            "the console overrides the file"
        );
        assert!(!built.of_files().variables.unwrap().contains_key("A"));
    }

    #[test]
    fn what_is_not_told_is_no_change() {
        let green = config(&[("A", secret("a-secret"))], &[]);
        assert_eq!(compare(&BuildConfig::default(), &green), None, "not the same as no change");
        let pinned = config(&[("A", secret("projects/p/secrets/a-secret/versions/9"))], &[]);
        assert_eq!(told(&pinned, &green), [""; 0], "the latest version is known after the build");
        let untold =
            config(&[("A", Variable { bound: Bound::Untold, overridden: false, file: None })], &[]);
        assert_eq!(told(&pinned, &untold), [""; 0]);
    }

    #[test]
    fn variables_that_skipped_their_file_are_named() {
        let own = "apphosting.production.yaml";
        let declared: BTreeSet<String> = ["A", "B"].map(str::to_owned).into();
        let built = config(&[("A", text("1", own)), ("B", text("1", "apphosting.yaml"))], &[]);
        assert_eq!(built.not_from(own, &declared), Some(vec!["B".to_owned()]));
        let untold = config(&[("A", secret("s"))], &[]);
        assert_eq!(untold.not_from(own, &declared), None);
    }
}
