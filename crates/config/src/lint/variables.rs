//! Checks `env`: errors of Google's checker, errors of later stages, and misleading settings.

use super::text;
use crate::finding::Finding;
use crate::node::{Node, Place, Value};
use pointsman_core::apphosting::{Version, hidden, reserved, version};
use pointsman_core::redact::redacted;

/// An entry of `env`.
pub(super) struct Variable<'n> {
    pub(super) name: String,
    place: Place,
    value: Option<(&'n Node, String)>,
    secret: Option<(&'n Node, String)>,
    /// `None` if unset, which means both.
    availability: Option<Vec<(Place, String)>>,
}

impl<'n> Variable<'n> {
    fn read(node: &'n Node) -> Self {
        let set = |key: &str| {
            let found = node.get(key).and_then(|node| Some((node, text(node)?)));
            found.filter(|(_, text)| !text.is_empty())
        };
        let availability = node.get("availability").and_then(|list| match &list.value {
            Value::List(items) => {
                Some(items.iter().filter_map(|i| Some((i.place, text(i)?))).collect())
            }
            _ => None,
        });
        let place = node.get("variable").map_or(node.place, |node| node.place);
        let name = node.get("variable").and_then(text).unwrap_or_default();
        Self { name, place, value: set("value"), secret: set("secret"), availability }
    }

    fn at(&self, when: &str) -> bool {
        self.availability.as_ref().is_none_or(|all| all.iter().any(|(_, word)| word == when))
    }

    fn public(&self) -> bool {
        self.name.starts_with("NEXT_PUBLIC_")
    }

    /// The plain value, if it looks like a secret and must not be shown.
    fn plain_secret(&self) -> Option<(Place, &str)> {
        let (node, value) = self.value.as_ref()?;
        (hidden(&self.name) || redacted(value) != *value).then_some((node.place, value.as_str()))
    }
}

pub(super) fn variables(file: &Node) -> Vec<Variable<'_>> {
    match file.get("env").map(|env| &env.value) {
        Some(Value::List(items)) => items.iter().map(Variable::read).collect(),
        _ => Vec::new(),
    }
}

/// Values that no report may show: their places, and the number of characters to mask.
pub(super) fn secrets(variables: &[Variable<'_>]) -> Vec<(Place, usize)> {
    let plain = variables.iter().filter_map(Variable::plain_secret);
    let instead_of_names = variables.iter().filter_map(|variable| {
        let (node, name) = variable.secret.as_ref()?;
        (redacted(name) != *name).then_some((node.place, name.as_str()))
    });
    let all = plain.chain(instead_of_names);
    // The value excludes its quotes; mask them too.
    all.map(|(place, value)| (place, value.chars().count() + 2)).collect()
}

/// Reports all problems of the variables. `local`: the file is read by emulators only.
pub(super) fn look(variables: &[Variable<'_>], local: bool, found: &mut Vec<Finding>) {
    for (at, variable) in variables.iter().enumerate() {
        refused(variable, found);
        if variables[..at].iter().any(|earlier| earlier.name == variable.name) {
            let twice = format!(
                "{} appears twice; App Hosting does not document which one counts",
                variable.name
            );
            found.push(Finding::warning(variable.place, twice));
        }
        if reserved(&variable.name) {
            let why = format!("{} is Cloud Run's own, and taken out without a word", variable.name);
            found.push(Finding::warning(variable.place, why));
            continue;
        }
        name(variable, found);
        times(variable, found);
        secret(variable, local, found);
    }
}

/// Reports what Google's checker rejects.
fn refused(variable: &Variable<'_>, found: &mut Vec<Finding>) {
    let called = if variable.name.is_empty() { "a variable" } else { &variable.name };
    match (&variable.value, &variable.secret) {
        (None, None) => {
            let why = format!("{called} needs a value or a secret; one that is empty is none");
            found.push(Finding::new(variable.place, why));
        }
        (Some(_), Some((node, _))) => {
            let why = format!("{called} has a value and a secret; it can have one of them");
            found.push(Finding::new(node.place, why));
        }
        _ => {}
    }
    for (place, word) in variable.availability.iter().flatten() {
        if !["BUILD", "RUNTIME"].contains(&word.as_str()) {
            let finding = Finding::new(*place, format!("availability cannot be {word:?}"));
            found.push(finding.hint("one of: BUILD, RUNTIME"));
        }
    }
}

fn name(variable: &Variable<'_>, found: &mut Vec<Finding>) {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let digit = variable.name.starts_with(|c: char| c.is_ascii_digit());
    if variable.name.is_empty() {
        found.push(Finding::warning(variable.place, "a variable without a name is ignored"));
    } else if digit || !variable.name.chars().all(plain) {
        let why = format!("{:?} is no name as Google describes them: A to Z and _", variable.name);
        found.push(Finding::warning(variable.place, why));
    }
}

fn times(variable: &Variable<'_>, found: &mut Vec<Finding>) {
    if variable.availability.as_ref().is_some_and(Vec::is_empty) {
        let why = format!("{} is there neither for the build nor for the service", variable.name);
        found.push(Finding::warning(variable.place, why));
    } else if variable.public() && !variable.at("BUILD") {
        let why = format!(
            "{} is not there for the build, which is when Next.js writes it into its pages",
            variable.name
        );
        found.push(Finding::warning(variable.place, why).hint("availability: [BUILD, RUNTIME]"));
    }
    let production = variable.value.as_ref().is_some_and(|(_, value)| value == "production");
    if variable.name == "NODE_ENV" && production && variable.at("BUILD") {
        let why = "with NODE_ENV=production a build installs no devDependencies";
        found.push(Finding::warning(variable.place, why).hint("availability: [RUNTIME]"));
    }
}

fn secret(variable: &Variable<'_>, local: bool, found: &mut Vec<Finding>) {
    // Emulator files hold a dummy value for each secret.
    let plain = variable.plain_secret().filter(|(_, value)| !local || redacted(value) != *value);
    if let Some((place, _)) = plain {
        let why = format!(
            "the value of {} looks like a secret, and everybody reads this file",
            variable.name
        );
        found.push(Finding::warning(place, why).secret().hint("secret: NAME"));
    }
    let Some((node, name)) = &variable.secret else { return };
    if redacted(name) != *name {
        let why = format!("what {} names looks like a secret itself", variable.name);
        found.push(Finding::warning(node.place, why).secret().hint("the name of a secret"));
        return;
    }
    match version(name) {
        None => {
            let why = format!(
                "{name:?} is no name of a secret; a build refuses it (fah/improper-secret-format)"
            );
            let finding = Finding::warning(node.place, why).secret();
            found.push(finding.hint("id, id@N, or projects/P/secrets/S/versions/V"));
        }
        Some(Version::Latest) if !variable.public() => {
            let why = format!(
                "{} is of the version that is the latest at each build: built again, one commit may get another",
                variable.name
            );
            found.push(Finding::note(node.place, why).secret().hint(format!("{name}@N pins it")));
        }
        Some(_) => {}
    }
    if variable.public() {
        let why = format!("{} is sent to every browser: it is no secret", variable.name);
        found.push(Finding::note(variable.place, why).secret());
    } else if variable.at("BUILD") {
        let why = format!("{} is a secret that every step of the build can read", variable.name);
        found.push(Finding::warning(variable.place, why).secret().hint("availability: [RUNTIME]"));
    }
}
