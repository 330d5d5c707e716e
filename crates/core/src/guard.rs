//! Guards: the checks that can refuse a run, and their overrides. Each guard is overridden by name: a reason that
//! explains one override says nothing about another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::error::Problem;

/// A guard that a person may override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    Freeze,
    /// The release must have been promoted on the previous environment (`promote_from`).
    Promotion,
    /// The release is marked bad.
    Bad,
    /// Required items of the checklist are open.
    Checklist,
    /// A migration is half applied.
    Schema,
    /// A person's lock. Only a rollback may override it.
    Lock,
}

impl Guard {
    pub const ALL: [Self; 6] =
        [Self::Freeze, Self::Promotion, Self::Bad, Self::Checklist, Self::Schema, Self::Lock];

    /// The error code of a refusal by this guard.
    pub fn code(self) -> Code {
        match self {
            Self::Freeze => Code::FROZEN,
            Self::Promotion => Code::NOT_PROMOTED_BEFORE,
            Self::Bad => Code::MARKED_BAD,
            Self::Checklist => Code::CHECKLIST_OPEN,
            Self::Schema => Code::SCHEMA_BLOCKS,
            Self::Lock => Code::LOCKED,
        }
    }

    /// The name on the command line and in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Promotion => "promotion",
            Self::Bad => "bad",
            Self::Checklist => "checklist",
            Self::Schema => "schema",
            Self::Lock => "lock",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl FromStr for Guard {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::ALL.into_iter().find(|guard| guard.label() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::label).join(", ");
            Problem::new(format!("{text:?} is not a guard")).try_this(format!("name one of {all}"))
        })
    }
}

/// The guards that a person overrode, each with its reason.
pub type Overrides = BTreeMap<Guard, String>;

/// A person's reason and overrides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Justification {
    /// The reason, recorded in the run. It does not override any guard.
    pub reason: Option<String>,
    pub overrides: Overrides,
}

/// A guard that refuses, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardHit {
    pub guard: Guard,
    pub problem: Problem,
}

/// The guards that refuse, collected while a plan is made.
#[derive(Debug, Default)]
pub struct Guards {
    met: Vec<GuardHit>,
}

impl Guards {
    /// Records a guard that refuses.
    pub fn meet(&mut self, guard: Guard, problem: Problem) {
        self.met.push(GuardHit { guard, problem });
    }

    /// The guards that refuse, overridden or not.
    pub fn met(&self) -> &[GuardHit] {
        &self.met
    }

    /// The overrides that were needed, with a sentence for each. The error lists the guards that are not overridden.
    pub fn pass(self, why: &Justification) -> Result<(Overrides, Vec<String>), Vec<GuardHit>> {
        let overridden = |met: &GuardHit| why.overrides.contains_key(&met.guard);
        let (passed, standing): (Vec<_>, Vec<_>) = self.met.into_iter().partition(overridden);
        if !standing.is_empty() {
            return Err(standing);
        }
        let mut used = Overrides::new();
        let mut lines = Vec::new();
        for GuardHit { guard, problem } in passed {
            let reason = why.overrides.get(&guard).cloned().unwrap_or_default();
            lines.push(format!("Overrides {guard}: {}. Reason: {reason}", problem.sentence()));
            used.insert(guard, reason);
        }
        Ok((used, lines))
    }
}

/// The refusal of a run, and the guards whose overrides would allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub problem: Problem,
    /// Empty: no override helps.
    pub guards: Vec<GuardHit>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, guards: Vec::new() }
    }
}

/// Combines the guards that refuse into one problem, with the flags that override them.
pub fn standing(met: &[GuardHit]) -> Problem {
    let flags: Vec<_> = met.iter().map(|m| format!("--override {}", m.guard)).collect();
    let first = met.first().map_or_else(|| Problem::new("refused"), |m| m.problem.clone());
    let what = match met {
        [_] => first.what.clone(),
        many => format!("{} guards refuse it", many.len()),
    };
    let why = match met {
        [_] => first.why.clone(),
        many => many
            .iter()
            .map(|m| format!("{}: {}", m.guard, m.problem.sentence()))
            .collect::<Vec<_>>()
            .join("; "),
    };
    let first_way =
        if first.todo.is_empty() { String::new() } else { format!("{}, or ", first.todo) };
    let todo = format!("{first_way}override: {} --reason TEXT", flags.join(" "));
    let problem = Problem::new(what).because(why).try_this(todo);
    // The problem has the first guard's code; its reason lists every guard.
    match met.first() {
        Some(first) => problem.code(first.guard.code()),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_passes_exactly_one_guard() {
        let guards = || {
            let mut guards = Guards::default();
            guards.meet(Guard::Freeze, Problem::new("production is frozen"));
            guards.meet(Guard::Promotion, Problem::new("1.1.0 was not promoted on staging"));
            guards
        };
        let mut why = Justification {
            reason: Some("explains nothing away".into()),
            ..Justification::default()
        };
        let stand = |why: &Justification| {
            let left = guards().pass(why).err().unwrap_or_default();
            left.iter().map(|m| m.guard).collect::<Vec<_>>()
        };
        assert_eq!(stand(&why), [Guard::Freeze, Guard::Promotion], "a reason alone");
        why.overrides.insert(Guard::Freeze, "INC-12".into());
        why.overrides.insert(Guard::Bad, "not needed".into());
        assert_eq!(stand(&why), [Guard::Promotion]);
        why.overrides.insert(Guard::Promotion, "hotfix".into());
        let (used, lines) = guards().pass(&why).unwrap();
        assert_eq!(used.keys().copied().collect::<Vec<_>>(), [Guard::Freeze, Guard::Promotion]);
        assert_eq!(lines[0], "Overrides freeze: production is frozen. Reason: INC-12");
    }

    #[test]
    fn guards_parse_by_name() {
        for guard in Guard::ALL {
            assert_eq!(guard.label().parse::<Guard>().unwrap(), guard);
            assert_eq!(serde_json::to_value(guard).unwrap(), guard.label());
        }
        assert!("everything".parse::<Guard>().is_err());
    }
}
