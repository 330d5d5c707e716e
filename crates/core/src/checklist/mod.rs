//! What must be true before green is built, before traffic moves and before a release counts as good.
//! A person ticks an item, or a machine verifies it; either may stop being true
//! later (N6).

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

/// The three lists of the guide (§8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// Before green is built.
    Pre,
    Deploy,
    /// After the soak, before the release counts as stable.
    Post,
}

impl List {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Pre, Self::Deploy, Self::Post];

    /// Its word in the config, in ids and in JSON.
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

/// Something to be asked, as the plan keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The service, or what it depends on.
    pub name: String,
    /// The probe. None: its address holds a secret, which no plan stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    #[serde(with = "super::time::text_form")]
    pub timeout: Duration,
}

/// The automatic check of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Source {
    /// Probes: all of them are good.
    Probe {
        /// `all`, or the one's name.
        name: String,
        asked: Vec<Asked>,
    },
    /// A command of the team's ends with 0.
    Command { name: String, argv: Vec<String>, folder: PathBuf },
    /// A job of the pipeline passed for the commit.
    Pipeline {
        /// `all`, or its name.
        job: String,
    },
    Migrations {
        /// `all`, or the database.
        database: String,
    },
    /// The lint has nothing to say.
    Lint {
        /// `config`, `secrets` or `all`.
        of: String,
    },
    /// The release was promoted on the environment before this one.
    Promoted {
        /// Which. None: nothing comes before this one.
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
            Self::Lint { of } => write!(f, "lint {of}"),
            Self::Promoted { from: Some(from) } => write!(f, "history {from}"),
            Self::Promoted { from: None } => f.write_str("history staging"),
            Self::Rollback => f.write_str("history rollback"),
            Self::Alerts => f.write_str("history alerts"),
        }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique: `pre/all-tests-passing`.
    pub id: String,
    pub list: List,
    /// The heading it stands under.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The text of the item.
    pub text: String,
    /// Whether it blocks the step that its list guards.
    pub required: bool,
    /// The automatic check. A person cannot tick such an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The id of an item: its list and its words.
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
    /// It holds: the person has seen it.
    Tick,
    /// Takes back what was done before.
    Untick,
    /// It means nothing for this release.
    NotApplicable,
    /// The item fails or is unknown, and a person takes responsibility for continuing.
    Override,
}

impl Act {
    /// Its word in lists and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Untick => "untick",
            Self::NotApplicable => "not applicable",
            Self::Override => "override",
        }
    }
}

/// A person's act on an item, for an environment and a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    pub item: String,
    pub act: Act,
    pub actor: String,
    pub at: Timestamp,
    /// The person's note.
    pub note: String,
    /// The subject of the evidence: [`Subject::now`] at that time.
    pub subject: String,
}

/// The state of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Done,
    Open,
    /// It does not hold.
    Failed,
    /// The check ran and was inconclusive.
    Unknown,
    /// It held: too long ago, or of another build.
    Stale,
    /// It means nothing for this release.
    NotApplicable,
    /// A person overrode the item.
    Overridden,
}

impl Standing {
    /// Whether it blocks nothing any more.
    pub fn settled(self) -> bool {
        matches!(self, Self::Done | Self::NotApplicable | Self::Overridden)
    }

    /// Its word in lists and JSON.
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

/// An item with how it stands, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStatus {
    pub id: String,
    pub standing: Standing,
    /// Author and time of the evidence.
    pub said: String,
}

impl ItemStatus {
    /// What is said of it, to be put behind a word; nothing where nothing is.
    pub fn because(&self) -> String {
        if self.said.is_empty() { String::new() } else { format!(": {}", self.said) }
    }
}

/// How the items of a list stand, counted: `2/3, 1 overridden`. An override is no proof, and counts by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Done, or meaningless for this release.
    pub done: usize,
    /// A person takes responsibility for continuing without them.
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
