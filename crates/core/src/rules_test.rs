//! Whether a database's security rules keep clients away from records that are not theirs. Rules are joined by OR: denying
//! a document in one place does not help beside a rule that allows everything.

use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::health::Verdict;
use crate::migration::COLLECTION;

/// Records that no client may touch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// The records of migrations, in the database of a service. Clients may read them: old ones compare the version.
    #[default]
    Migrations,
    /// The store that a team shares. A reader learns who deploys what.
    Store,
}

impl Records {
    /// A document that represents all of them.
    pub fn document(self) -> String {
        match self {
            Self::Migrations => format!("{COLLECTION}/version"),
            Self::Store => "environments/production".to_owned(),
        }
    }

    /// What must be denied, in the words of Firebase Rules.
    pub fn denied(self) -> &'static [&'static str] {
        match self {
            Self::Migrations => &["create", "update", "delete"],
            Self::Store => &["get", "list", "create", "update", "delete"],
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the released rules allow clients to do with records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulesTest {
    /// The project has released no rules for this database: clients have no access.
    NoRules,
    /// What clients may do, such as `an anonymous client may create _migrations/version`. Empty: nothing.
    Tested {
        allowed: Vec<String>,
        #[serde(default, skip_serializing_if = "Records::is_default")]
        records: Records,
    },
}

impl RulesTest {
    /// Whether the records are protected.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NoRules => Verdict::Pass,
            Self::Tested { allowed, .. } if allowed.is_empty() => Verdict::Pass,
            Self::Tested { .. } => Verdict::Fail,
        }
    }

    /// What holds, in a sentence.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::NoRules => "no rules are released: clients have no access",
            Self::Tested { allowed, records: Records::Migrations } if allowed.is_empty() => {
                "its rules let neither an anonymous nor a signed-in client write _migrations/version"
            }
            Self::Tested { records: Records::Migrations, .. } => {
                "its rules let clients write _migrations/version"
            }
            Self::Tested { allowed, records: Records::Store } if allowed.is_empty() => {
                "its rules keep anonymous and signed-in clients out"
            }
            Self::Tested { records: Records::Store, .. } => "its rules let clients in",
        }
    }

    /// The problem with its fix, where clients may do what they must not.
    pub fn problem(&self, database: &str) -> Option<Problem> {
        let Self::Tested { allowed, records } = self else { return None };
        let because = format!("by its security rules, {}", allowed.first()?);
        Some(match records {
            Records::Migrations => {
                Problem::new(format!("clients can change the migration records of {database}"))
                    .because(because)
                    .try_this(format!(
                        "write `allow write: if false` for /{COLLECTION}/{{document}}, and exclude {COLLECTION} from \
                         every rule that allows more: rules are joined by OR"
                    ))
            }
            Records::Store => Problem::new(format!("clients reach the shared store {database}"))
                .because(because)
                .try_this(
                    "release rules for this database that allow nothing: people and CI reach it with roles/datastore.user, \
                     which no rule concerns",
                ),
        })
    }
}
