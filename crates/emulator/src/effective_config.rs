//! The configuration of a build as App Hosting reports it: each variable with the file that it came from.

use serde_json::{Map, Value, json};

use super::prepare::{BASE, OWN, Prepared};
use pointsman_core::apphosting::{Availability, EnvironmentVariable};

/// `Build.config`: `effectiveEnv` and `runConfig`.
pub(super) fn effective_config(prepared: &Prepared) -> Value {
    let variables: Vec<Value> = prepared.yaml.env.iter().map(|v| variable(prepared, v)).collect();
    let limits = prepared.yaml.run_config;
    let numbers = [
        ("cpu", limits.cpu.map(|cpu| json!(cpu))),
        ("memoryMib", limits.memory.map(|memory| json!(memory))),
        ("concurrency", limits.concurrency.map(|most| json!(most))),
        ("minInstances", limits.min_instances.map(|least| json!(least))),
        ("maxInstances", limits.max_instances.map(|most| json!(most))),
    ];
    let set = numbers.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    json!({"effectiveEnv": variables, "runConfig": set.collect::<Map<_, _>>()})
}

fn variable(prepared: &Prepared, variable: &EnvironmentVariable) -> Value {
    let file = if prepared.own.contains(&variable.variable) { OWN } else { BASE };
    let mut entry = json!({
        "variable": variable.variable, "value": variable.value.as_deref().unwrap_or_default(),
        "origin": "APPHOSTING_YAML", "originFileName": file,
    });
    if let Some(when) = &variable.availability {
        let words = when.iter().map(|when| match when {
            Availability::Build => "BUILD",
            Availability::Runtime => "RUNTIME",
        });
        entry["availability"] = words.collect();
    }
    entry
}
