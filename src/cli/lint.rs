//! `lint`: checks `apphosting.yaml` for what App Hosting rejects, and for what it accepts but ignores.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Session;
use super::exit::{FAILED, Failed, Finished, OK, USAGE};
use super::print;
use crate::config::{self, Findings, Loaded, Severity, lint, lint_files};
use crate::domain::error::Problem;
use crate::engine::proposal::{self, SecretVersion};

/// Checks the named files and folders. Without names, checks all services of the config and their quotas.
pub(super) fn judge(session: &Session, named: &[PathBuf], strict: bool) -> Finished {
    let quotas = if named.is_empty() { quotas(session)? } else { Vec::new() };
    let named = if named.is_empty() { roots(session)? } else { named.to_vec() };
    let mut files = Vec::new();
    for path in named {
        if path.is_file() {
            files.push(path);
            continue;
        }
        let unread = |error: std::io::Error| {
            Problem::new(format!("{} cannot be read", path.display())).because(error.to_string())
        };
        let found = lint_files(&path).map_err(|error| Failed::with(USAGE, unread(error)))?;
        if found.is_empty() {
            let none = Problem::new(format!("{} has no apphosting.yaml", path.display()));
            return Err(Failed::with(USAGE, none));
        }
        files.extend(found);
    }
    let mut judged = lint(&files);
    judged.extend(quotas);
    let all = |severity| judged.iter().map(|file| file.count(severity)).sum::<usize>();
    let refused = all(Severity::Error) > 0 || (strict && all(Severity::Warning) > 0);
    let told: Vec<_> = judged.iter().map(ToString::to_string).collect();
    let files: Vec<_> =
        judged.iter().map(|file| json!({"file": file.file, "findings": file.findings})).collect();
    if session.arguments.json || !refused {
        session.result(&told.join("\n"), &json!({"ok": !refused, "files": files}));
    } else {
        print::note(told.join("\n"));
    }
    Ok(if refused { FAILED } else { OK })
}

/// Prints the configuration differences between two environments, by service, and the versions of their secrets.
pub(super) async fn between(session: &Session, environments: &[String]) -> Finished {
    let [first, second] = environments else { return Ok(USAGE) };
    let loaded = session.config()?;
    for name in environments {
        loaded.protection(name).map_err(|problem| Failed::with(USAGE, problem))?;
    }
    let (mut told, mut services) = (Vec::new(), Vec::new());
    for (name, service) in &loaded.config.services {
        let found = config::between(&loaded.folder.join(&service.root), first, second)
            .map_err(|why| Failed::with(USAGE, Problem::new(why)))?;
        told.push(match found.len() {
            0 => format!("{name}: {first} and {second} have the same configuration"),
            _ => name.clone(),
        });
        for difference in &found {
            let side = |side: &Option<String>| side.clone().unwrap_or("not set".to_owned());
            let (one, other) = (side(&difference.first), side(&difference.second));
            told.push(format!("  {}\n    {first}: {one}\n    {second}: {other}", difference.key));
        }
        services.push(json!({"service": name, "differences": found}));
    }
    let (lines, secrets) = secrets(session, &loaded, [first, second]).await;
    told.extend(lines);
    let json = json!({"first": first, "second": second, "services": services, "secrets": secrets});
    session.result(&told.join("\n"), &json);
    Ok(OK)
}

/// The versions of the secrets that the files of two environments name, side by side. What cannot be read is unknown, and
/// fails nothing.
async fn secrets(
    session: &Session,
    loaded: &Loaded,
    environments: [&String; 2],
) -> (Vec<String>, Value) {
    let mut told = Vec::new();
    let mut all: BTreeMap<(String, String), [Vec<String>; 2]> = BTreeMap::new();
    let mut unread = [false; 2];
    for (side, name) in environments.into_iter().enumerate() {
        let read = match loaded.spec(name) {
            Ok(spec) => proposal::secret_versions(&session.app.services(), loaded, &spec).await,
            Err(problem) => Err(problem),
        };
        match read {
            Ok(versions) => {
                for SecretVersion { service, secret, said } in versions {
                    let entry = all.entry((service.to_string(), secret)).or_default();
                    entry[side].push(said);
                }
            }
            Err(problem) => {
                unread[side] = true;
                told.push(format!("secret versions of {name} are unknown: {problem}"));
            }
        }
    }
    let mut json = Vec::new();
    for ((service, secret), sides) in all {
        let said = |side: usize| match (unread[side], sides[side].as_slice()) {
            (true, _) => "unknown".to_owned(),
            (false, []) => "not named".to_owned(),
            (false, said) => said.join(", "),
        };
        let (first, second) = (said(0), said(1));
        let [a, b] = environments;
        told.push(format!("{service}, secret {secret}\n    {a}: {first}\n    {b}: {second}"));
        json.push(json!({"service": service, "secret": secret, "first": first, "second": second}));
    }
    (told, Value::Array(json))
}

/// Warnings about the quotas of the config's projects. Environments that cannot be resolved are skipped; `check`
/// reports those.
fn quotas(session: &Session) -> Result<Vec<Findings>, Failed> {
    let loaded = session.config()?;
    let specs = loaded.environments().into_iter().filter_map(|name| loaded.spec(name).ok());
    let found = specs.map(|spec| proposal::quotas(&loaded, &spec));
    Ok(found.filter(|found| !found.findings.is_empty()).collect())
}

/// The root folders of the services in the config.
fn roots(session: &Session) -> Result<Vec<PathBuf>, Failed> {
    let loaded = session.config()?;
    let folder = session.arguments.config.parent().map(PathBuf::from).unwrap_or_default();
    Ok(loaded.config.services.values().map(|service| folder.join(&service.root)).collect())
}
