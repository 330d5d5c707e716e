//! `checklist`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::complete;
use crate::domain::checklist::Act;
use crate::domain::ids::ServiceName;
use crate::domain::release::ReleaseLabel;

/// `checklist`.
#[derive(Debug, Args)]
pub struct ChecklistArguments {
    /// An environment, or a run: 128, last, or @ENVIRONMENT
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub of: String,
    /// Action on the items [default: show them]
    #[arg(value_enum, requires = "items")]
    pub act: Option<ItemAct>,
    /// Items, by id or by the start of their text
    #[arg(value_name = "ITEM", add = ArgValueCandidates::new(complete::items))]
    pub items: Vec<String>,
    /// Release to deploy [default: that of the current run]
    #[arg(long, short, add = ArgValueCandidates::new(complete::releases))]
    pub release: Option<ReleaseLabel>,
    /// Only this service; repeatable
    #[arg(long = "service", value_name = "SERVICE", add = ArgValueCandidates::new(complete::services))]
    pub services: Vec<ServiceName>,
    /// Note; for an override, the reason
    #[arg(long, visible_alias = "reason", value_name = "TEXT", default_value = "")]
    pub note: String,
}

/// A person's action on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ItemAct {
    /// Confirm that the item is true
    Tick,
    /// Undo the last action on an item
    Untick,
    /// Mark an item as not applicable to this release; needs a reason
    NotApplicable,
    /// Override the item; needs a reason
    Override,
}

impl From<ItemAct> for Act {
    fn from(act: ItemAct) -> Self {
        match act {
            ItemAct::Tick => Self::Tick,
            ItemAct::Untick => Self::Untick,
            ItemAct::NotApplicable => Self::NotApplicable,
            ItemAct::Override => Self::Override,
        }
    }
}
