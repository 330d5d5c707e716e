//! Defaults that the config's types do not have themselves, since a layer below decides them. They are read from the
//! rules that apply them, so the schema cannot name another number than the one in use.

use serde_json::{Value, json};

use pointsman_core::platform::SWITCH_WITHIN;
use pointsman_core::policy::DeployPolicy;
use pointsman_core::probe::Rules;
use pointsman_core::time::spoken;

use crate::resolve::{BATCH_DOCUMENTS, REMIND_AFTER};

/// Writes them into the schema.
pub(super) fn add(schema: &mut Value) {
    let policy = serde_json::to_value(DeployPolicy::default()).unwrap_or_default();
    let groups = [
        ("HealthConfig", "health"),
        ("AttestConfig", "attest"),
        ("SoakConfig", "soak"),
        ("GateConfig", "gate"),
    ];
    for (definition, group) in groups {
        for (key, value) in policy[group].as_object().into_iter().flatten() {
            set(schema, definition, key, value.clone());
        }
    }
    for key in ["drain", "keep_blue"] {
        set(schema, "DeployConfig", key, policy[key].clone());
    }
    let rules = Rules::default();
    for (key, value) in [
        ("fall", json!(rules.fall)),
        ("rise", json!(rules.rise)),
        ("slow", json!(spoken(rules.slow))),
        ("slow_for", json!(spoken(rules.slow_for))),
        ("domains", json!(true)),
    ] {
        set(schema, "WatchConfig", key, value);
    }
    set(schema, "DatabaseConfig", "batch", json!(BATCH_DOCUMENTS));
    set(schema, "DatabaseConfig", "database", json!("(default)"));
    set(schema, "NotifyConfig", "remind", json!(spoken(REMIND_AFTER)));
    set(schema, "PlatformConfig", "switch_within", json!(spoken(SWITCH_WITHIN)));
}

/// A key that is not in the schema has no default there.
fn set(schema: &mut Value, definition: &str, key: &str, value: Value) {
    let pointer = format!("/$defs/{definition}/properties/{key}");
    if let Some(Value::Object(property)) = schema.pointer_mut(&pointer) {
        property.insert("default".to_owned(), value);
    }
}
