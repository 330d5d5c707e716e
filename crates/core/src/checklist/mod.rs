//! Checklists: what must be true before the candidate is built, before traffic moves, and before a release counts as
//! stable. A person ticks an item, or it is verified automatically; either may stop being true later (N6).

mod stand;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::health::Verdict;
use super::ids::EnvironmentName;
use super::probe::Check;
use super::time::Timestamp;
pub use stand::{
    Subject, TICK_HOLDS, listed, may_act, may_pass, open_items, passed_by, seen_to_fail, stand,
};

/// The three checklists of the deployment guide (§8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// Before the candidate is built.
    Pre,
    Deploy,
    /// After the soak, before the release counts as stable.
    Post,
}

impl List {
    /// All lists, in the order of a run.
    pub const ALL: [Self; 3] = [Self::Pre, Self::Deploy, Self::Post];

    /// The name in the config, in ids and in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Deploy => "deploy",
            Self::Post => "post",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Pre => "Before the deploy",
            Self::Deploy => "Before the switch",
            Self::Post => "After the soak",
        }
    }
}

/// A probe of a checklist item, as stored in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The service or dependency.
    pub name: String,
    /// The probe. None: its address contains a secret, which a plan never stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    #[serde(with = "super::time::text_form")]
    pub timeout: Duration,
}

/// The automatic check of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Source {
    /// All of the named probes pass.
    Probe {
        /// `all`, or the name of one probe.
        name: String,
        asked: Vec<Asked>,
    },
    /// A custom command exits with 0.
    Command { name: String, argv: Vec<String>, folder: PathBuf },
    /// A job of the pipeline passed for the commit.
    Pipeline {
        /// `all`, or the name of one job.
        job: String,
    },
    Migrations {
        /// `all`, or the name of one database.
        database: String,
    },
    /// The indexes that the release needs can be used.
    Indexes {
        /// `all`, or the name of one database.
        database: String,
    },
    /// The platform's figures of the release are within their limits.
    Metrics {
        /// `errors`, `p95` or `all`.
        of: String,
    },
    /// The linter has no findings.
    Lint {
        /// `config`, `secrets` or `all`.
        of: String,
    },
    /// The release was promoted on the previous environment.
    Promoted {
        /// The previous environment. None: no environment precedes this one.
        from: Option<EnvironmentName>,
    },
    /// A rollback target exists.
    Rollback,
    /// An alert channel is configured.
    Alerts,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe { name, .. } => write!(f, "probe {name}"),
            Self::Command { name, .. } => write!(f, "command {name}"),
            Self::Pipeline { job } => write!(f, "pipeline {job}"),
            Self::Migrations { database } => write!(f, "migrations {database}"),
            Self::Indexes { database } => write!(f, "indexes {database}"),
            Self::Metrics { of } => write!(f, "metrics {of}"),
            Self::Lint { of } => write!(f, "lint {of}"),
            Self::Promoted { from: Some(from) } => write!(f, "history {from}"),
            Self::Promoted { from: None } => f.write_str("history staging"),
            Self::Rollback => f.write_str("history rollback"),
            Self::Alerts => f.write_str("history alerts"),
        }
    }
}

/// One item of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique: `pre/all-tests-passing`.
    pub id: String,
    pub list: List,
    /// The heading it is listed under.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    pub text: String,
    /// Whether it blocks the step that its list guards.
    pub required: bool,
    /// The automatic check. A person cannot tick such an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The id of an item: its list, and the words of its text.
pub fn item_id(list: List, text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    format!("{}/{slug}", list.label())
}

/// The result of an automatic check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Pass: the item holds. Inconclusive: unknown.
    pub verdict: Verdict,
    pub said: String,
}

/// A person's action on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The person has checked that it holds.
    Tick,
    /// Undoes the previous action.
    Untick,
    /// It does not apply to this release.
    NotApplicable,
    /// The item fails or is unknown, and a person takes responsibility for continuing.
    Override,
}

impl Act {
    /// The label in lists and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Untick => "untick",
            Self::NotApplicable => "not applicable",
            Self::Override => "override",
        }
    }
}

/// A person's recorded action on an item. The journal keeps it per environment and release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    pub item: String,
    pub act: Act,
    pub actor: String,
    pub at: Timestamp,
    pub note: String,
    /// What was checked: [`Subject::now`] at that time.
    pub subject: String,
}

/// The state of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Done,
    Open,
    /// The check failed.
    Failed,
    /// The check ran and was inconclusive.
    Unknown,
    /// It held, but too long ago or for another build.
    Stale,
    /// It does not apply to this release.
    NotApplicable,
    /// A person overrode the item.
    Overridden,
}

impl Standing {
    /// Whether the item no longer blocks its gate.
    pub fn settled(self) -> bool {
        matches!(self, Self::Done | Self::NotApplicable | Self::Overridden)
    }

    /// The label in lists and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::NotApplicable => "not applicable",
            Self::Overridden => "overridden",
        }
    }
}

/// The state of an item, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStatus {
    pub id: String,
    pub standing: Standing,
    /// The evidence: who acted on the item and when, or the result of the automatic check.
    pub said: String,
}

impl ItemStatus {
    /// The evidence as a suffix: `: …`. Empty if there is none.
    pub fn because(&self) -> String {
        if self.said.is_empty() { String::new() } else { format!(": {}", self.said) }
    }
}

/// Counts the items of a list: `2/3, 1 overridden`. An override is not evidence, so it is counted separately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Items that are done or do not apply to this release.
    pub done: usize,
    /// Items for which a person takes responsibility for continuing without them.
    pub overridden: usize,
    pub all: usize,
}

impl Tally {
    pub fn of<'a>(seen: impl IntoIterator<Item = &'a ItemStatus>) -> Self {
        let mut tally = Self::default();
        for item in seen {
            let overridden = item.standing == Standing::Overridden;
            tally.all += 1;
            tally.overridden += usize::from(overridden);
            tally.done += usize::from(item.standing.settled() && !overridden);
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.done, self.all)?;
        if self.overridden > 0 {
            write!(f, ", {} overridden", self.overridden)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
