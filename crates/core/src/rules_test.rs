//! Whether a database's security rules protect the records of migrations. Rules are joined by OR: denying `_migrations`
//! in one place does not help beside a rule that allows everything.

use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::health::Verdict;
use crate::migration::COLLECTION;

/// What the released rules allow clients to do with the records of migrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulesTest {
    /// The project has released no rules for this database: clients have no access.
    NoRules,
    /// The writes that clients may do, such as `an anonymous client may create _migrations/version`. Empty: none.
    Tested { allowed: Vec<String> },
}

impl RulesTest {
    /// Whether the records are protected.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NoRules => Verdict::Pass,
            Self::Tested { allowed } if allowed.is_empty() => Verdict::Pass,
            Self::Tested { .. } => Verdict::Fail,
        }
    }

    /// What holds, in a sentence.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::NoRules => "no rules are released: clients have no access",
            Self::Tested { allowed } if allowed.is_empty() => {
                "its rules let neither an anonymous nor a signed-in client write _migrations/version"
            }
            Self::Tested { .. } => "its rules let clients write _migrations/version",
        }
    }

    /// The problem with its fix, where clients may write.
    pub fn problem(&self, database: &str) -> Option<Problem> {
        let Self::Tested { allowed } = self else { return None };
        let first = allowed.first()?;
        Some(
            Problem::new(format!("clients can change the migration records of {database}"))
                .because(format!("by its security rules, {first}"))
                .try_this(format!(
                    "write `allow write: if false` for /{COLLECTION}/{{document}}, and exclude {COLLECTION} from \
                     every rule that allows more: rules are joined by OR"
                )),
        )
    }
}
