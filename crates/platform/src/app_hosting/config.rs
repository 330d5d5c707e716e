//! What a build carries besides its code, from its `config` (`docs/internals/app-hosting.md`, Resources).

use std::collections::BTreeMap;

use serde_json::Value;

use pointsman_core::build_config::{
    Bound, BuildConfig, CONCURRENCY, CPU, DEFAULT, MAX_INSTANCES, MEMORY, MIN_INSTANCES, SecretRef,
    Variable,
};

/// The keys of `config.runConfig`, with their names for people.
const LIMITS: [(&str, &str); 5] = [
    ("cpu", CPU),
    ("memoryMib", MEMORY),
    ("concurrency", CONCURRENCY),
    ("minInstances", MIN_INSTANCES),
    ("maxInstances", MAX_INSTANCES),
];

/// Reads what is there. A build that tells nothing has an empty config, which is never compared.
pub(super) fn config(build: &Value) -> BuildConfig {
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => {
            number.as_f64().filter(|number| *number != 0.0).map(|number| number.to_string())
        }
        // The API omits what has its default.
        _ => None,
    };
    let told = build["config"].is_object();
    let limit = |key: &str| text(&build["config"]["runConfig"][key]);
    let limits = LIMITS
        .iter()
        .filter(|_| told)
        .map(|(key, name)| ((*name).to_owned(), limit(key).unwrap_or_else(|| DEFAULT.to_owned())));
    let others = [
        ("environment", &build["environment"]),
        ("root directory", &build["source"]["archive"]["rootDirectory"]),
    ];
    let others =
        others.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value)?)));
    BuildConfig { settings: limits.chain(others).collect(), variables: variables(build) }
}

fn variables(build: &Value) -> Option<BTreeMap<String, Variable>> {
    let all = build["config"]["effectiveEnv"].as_array()?;
    let one = |entry: &Value| {
        // The platform's own variables are in no file of the team, and the same in every build.
        if entry["origin"] == "FIREBASE_SYSTEM" {
            return None;
        }
        let name = entry["variable"].as_str()?.to_owned();
        let bound = match (entry["secret"].as_str(), entry["value"].as_str()) {
            (Some(secret), _) => SecretRef::parse(secret).map_or(Bound::Untold, Bound::Secret),
            (None, Some(value)) => Bound::Text(value.to_owned()),
            (None, None) => Bound::Untold,
        };
        let file = entry["originFileName"].as_str().filter(|file| !file.is_empty());
        let overridden =
            matches!(entry["origin"].as_str(), Some("BACKEND_OVERRIDES" | "BUILD_CONFIG"));
        Some((name, Variable { bound, overridden, file: file.map(str::to_owned) }))
    };
    Some(all.iter().filter_map(one).collect())
}
