//! What Firebase's files and GitHub's workflows say of a folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::git;

/// A Firebase project of `.firebaserc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirebaseProject {
    /// `default`, `staging`
    pub alias: String,
    pub id: String,
}

/// The projects of `.firebaserc`.
pub(super) fn projects(folder: &Path) -> Vec<FirebaseProject> {
    let file = json(&folder.join(".firebaserc")).unwrap_or_default();
    let projects = file["projects"].as_object().into_iter().flatten();
    projects
        .filter_map(|(alias, id)| {
            Some(FirebaseProject { alias: alias.clone(), id: id.as_str()?.to_owned() })
        })
        .collect()
}

/// The App Hosting backends of `firebase.json`, each with its folder.
pub(super) fn backends(folder: &Path) -> Vec<(String, String)> {
    let file = json(&folder.join("firebase.json")).unwrap_or_default();
    let listed = match &file["apphosting"] {
        Value::Array(all) => all.clone(),
        Value::Object(_) => vec![file["apphosting"].clone()],
        _ => Vec::new(),
    };
    let backend = |one: &Value| {
        let root =
            one["rootDir"].as_str().unwrap_or("/").trim_matches('/').trim_start_matches("./");
        let root = if root.is_empty() { "." } else { root };
        Some((one["backendId"].as_str()?.to_owned(), root.to_owned()))
    };
    listed.iter().filter_map(backend).collect()
}

fn json(file: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// The apphosting files of a folder, and the variables that they take from Secret Manager.
pub(super) fn apphosting(folder: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_yaml = Path::new(&name).extension().is_some_and(|ending| ending == "yaml");
        if !name.starts_with("apphosting.") || !is_yaml {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let yaml: serde_yaml::Value = serde_yaml::from_str(&text).unwrap_or_default();
        let variables = yaml.get("env").and_then(|env| env.as_sequence()).into_iter().flatten();
        let secret = |one: &&serde_yaml::Value| one.get("secret").is_some();
        let taken = variables.filter(secret).filter_map(|one| one.get("variable")?.as_str());
        secrets.extend(taken.map(str::to_owned));
        names.insert(name);
    }
    (names, secrets)
}

/// The GitHub repository of the remote `origin`, and the workflow that looks like a pipeline.
pub(super) fn workflow(folder: &Path) -> Option<(String, String)> {
    let url = git::text(folder, &["remote", "get-url", "origin"]).ok()?;
    let (_, repository) = url.trim().split_once("github.com")?;
    let repository = repository.trim_start_matches(['/', ':']).trim_end_matches(".git").to_owned();
    let names = fs::read_dir(folder.join(".github/workflows")).ok()?.flatten();
    let mut names: Vec<_> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "yml" || e == "yaml"))
        .collect();
    names.sort();
    let likely = ["deploy", "ci", "test", "build"];
    let chosen = likely.iter().find_map(|word| names.iter().find(|name| name.contains(word)));
    Some((repository, chosen.or(names.first())?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_projects_backends_and_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put(".firebaserc", "{\"projects\":{\"default\":\"shop\",\"staging\":\"shop-stg\"}}");
        put(
            "firebase.json",
            "{\"apphosting\":[{\"backendId\":\"web\",\"rootDir\":\"./apps/web\"}]}",
        );
        put(
            "apphosting.yaml",
            "env:\n  - { variable: KEY, secret: key }\n  - { variable: A, value: b }\n",
        );
        put("apphosting.staging.yaml", "env: 5\n");
        let ids: Vec<_> = projects(folder.path()).into_iter().map(|one| one.id).collect();
        assert_eq!(ids, ["shop", "shop-stg"]);
        assert_eq!(backends(folder.path()), [("web".to_owned(), "apps/web".to_owned())]);
        let (names, secrets) = apphosting(folder.path());
        assert_eq!(names.len(), 2);
        assert_eq!(secrets.into_iter().collect::<Vec<_>>(), ["KEY"]);
        put("firebase.json", "{\"apphosting\":{\"backendId\":\"web\",\"rootDir\":\"/\"}}");
        assert_eq!(backends(folder.path()), [("web".to_owned(), ".".to_owned())]);
        put("firebase.json", "[");
        assert_eq!(backends(folder.path()), []);
    }
}
