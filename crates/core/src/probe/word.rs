//! The health word in an answer. Many frameworks answer HTTP 200 with `{"status":"down"}`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::harmless;

/// The JSON pointer of the health word in an answer.
const POINTER: &str = "/status";

/// The words for a healthy service, of common frameworks and the health+json draft. Case is ignored.
const HEALTHY: [&str; 17] = [
    "ok",
    "up",
    "pass",
    "passing",
    "passed",
    "healthy",
    "serving",
    "ready",
    "running",
    "alive",
    "available",
    "green",
    "good",
    "success",
    "online",
    "operational",
    "warn",
];

/// The words that count as healthy, and their JSON pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthWord {
    /// JSON pointer. None: `/status`, if an answer has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The words of a healthy service; empty: the common ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub healthy: Vec<String>,
}

impl HealthWord {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Judges a body that was parsed as JSON; `None` if it is not JSON. The error has the word that was found.
    pub fn judge(&self, body: Option<&Value>) -> Result<(), String> {
        let pointer = self.pointer.as_deref().unwrap_or(POINTER);
        match body.and_then(|body| body.pointer(pointer)) {
            Some(found) if self.is_healthy(found) => Ok(()),
            Some(found) => {
                let name = pointer.trim_start_matches('/');
                Err(format!("{name} is {}", harmless(&found.to_string(), 60)))
            }
            // If a pointer is configured, a missing value does not match.
            None if self.pointer.is_some() => Err(format!("the answer has no {pointer}")),
            None => Ok(()),
        }
    }

    fn is_healthy(&self, found: &Value) -> bool {
        let known = |word: &str| {
            let same = |one: &str| one.eq_ignore_ascii_case(word);
            if self.healthy.is_empty() {
                HEALTHY.into_iter().any(same)
            } else {
                self.healthy.iter().any(|one| same(one))
            }
        };
        match found {
            Value::String(word) => known(word.trim()),
            Value::Bool(_) | Value::Number(_) if !self.healthy.is_empty() => {
                known(&found.to_string())
            }
            Value::Bool(healthy) => *healthy,
            // Some services repeat the HTTP status.
            Value::Number(status) => status.as_u64().is_some_and(|s| s == 0 || s / 100 == 2),
            // A tree of components has no single word.
            Value::Object(_) | Value::Array(_) | Value::Null => self.pointer.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn self_reported_status_counts() {
        let usual = HealthWord::default();
        let judge = |word: &HealthWord, body: Value| word.judge(Some(&body));
        for good in [json!({"status": "UP"}), json!({"status": 200}), json!({}), json!([])] {
            assert_eq!(judge(&usual, good), Ok(()));
        }
        for bad in ["down", "OUT_OF_SERVICE", "fail", "degraded", ""] {
            assert!(judge(&usual, json!({"status": bad})).is_err(), "{bad}");
        }
        assert_eq!(judge(&usual, json!({"status": "down"})).unwrap_err(), "status is \"down\"");
        assert!(judge(&usual, json!({"status": false})).is_err());
        assert_eq!(usual.judge(None), Ok(()), "a page");
    }

    #[test]
    fn body_must_contain_the_configured_word() {
        let own = HealthWord {
            pointer: Some("/state/name".into()),
            healthy: vec!["Degraded".into(), "ok".into()],
        };
        let judge = |body: Value| own.judge(Some(&body));
        assert_eq!(judge(json!({"state": {"name": "degraded"}})), Ok(()));
        assert!(judge(json!({"state": {"name": "up"}})).is_err());
        assert_eq!(judge(json!({"status": "ok"})).unwrap_err(), "the answer has no /state/name");
        assert!(own.judge(None).is_err());
    }
}
