//! Names that must not be mixed up. Each is a separate type, so a project id can never be used as a backend id (defect
//! dB10 of the guide: `toto-app-stg` built from an app's name).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::Problem;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Validates the spelling.
            pub fn new(name: impl Into<String>) -> Result<Self, Problem> {
                let name = name.into();
                let allowed: fn(char) -> bool = $allowed;
                if name.is_empty() || name.len() > 128 || !name.chars().all(allowed) {
                    return Err(Problem::new(format!("{name:?} is not a valid {}", $what))
                        .because("it is empty, too long, or holds a character that is not allowed there"));
                }
                Ok(Self(name))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = Problem;
            fn from_str(s: &str) -> Result<Self, Problem> {
                Self::new(s)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Problem;
            fn try_from(s: String) -> Result<Self, Problem> {
                Self::new(s)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
    };
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

name!(
    /// An environment of the config: `development`, `staging`, `production`.
    EnvironmentName, "environment name", plain
);
name!(
    /// A service of the config: `toto-app`.
    ServiceName, "service name", plain
);
name!(
    /// A Firebase (Google Cloud) project id: `toto-f9d2f`.
    ProjectId, "project id", |c| plain(c) || c == ':' || c == '.'
);
name!(
    /// An App Hosting backend id: `toto-app`.
    BackendId, "backend id", plain
);
name!(
    /// A Google Cloud region: `us-central1`.
    Location, "location", plain
);
name!(
    /// An App Hosting build id, chosen by Pointsman before the call.
    BuildId, "build id", plain
);
name!(
    /// An App Hosting rollout id, chosen by Pointsman before the call.
    RolloutId, "rollout id", plain
);
name!(
    /// The name of a step inside its plan: `switch:toto-app`, `migrate:main:1.10.0`.
    StepId, "step name", |c| plain(c) || ":.+".contains(c)
);

/// The number of a run in one store, written `#128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNumber(pub u64);

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl FromStr for RunNumber {
    type Err = Problem;
    fn from_str(s: &str) -> Result<Self, Problem> {
        s.strip_prefix('#').unwrap_or(s).parse().map(Self).map_err(|_| {
            Problem::new(format!("{s:?} is not a run number")).try_this("write 128 or '#128'")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_numbers_parse_with_or_without_hash_sign() {
        assert_eq!("128".parse::<RunNumber>().unwrap(), RunNumber(128));
        assert_eq!("#128".parse::<RunNumber>().unwrap().to_string(), "#128");
        assert!("#".parse::<RunNumber>().is_err());
    }

    #[test]
    fn names_with_slashes_are_refused() {
        assert!(BuildId::new("x/../../other").is_err());
        assert!(ProjectId::new("").is_err());
        assert!(serde_json::from_str::<BackendId>("\"a b\"").is_err());
    }
}
