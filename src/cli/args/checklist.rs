//! `checklist`.

use clap::Args;

use crate::domain::checklist::Act;
use crate::domain::ids::ServiceName;
use crate::domain::release::ReleaseLabel;

/// `checklist`.
#[derive(Debug, Args)]
pub struct ChecklistArguments {
    /// An environment, or a run: 128 or '#128'
    pub of: String,
    /// What to do to the items; without it, how they stand
    #[arg(value_enum, requires = "items")]
    pub act: Option<ItemAct>,
    /// Items, by their ids or by how their words begin
    #[arg(value_name = "ITEM")]
    pub items: Vec<String>,
    /// The release that is to be deployed [default: that of the run under way]
    #[arg(long, short)]
    pub release: Option<ReleaseLabel>,
    /// Only this service is to be deployed; may be repeated
    #[arg(long = "service")]
    pub services: Vec<ServiceName>,
    /// What you saw; for an override, the reason
    #[arg(long, visible_alias = "reason", value_name = "TEXT", default_value = "")]
    pub note: String,
}

/// What a person does to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ItemAct {
    /// It holds: you have seen it
    Tick,
    /// Undo the last act on an item
    Untick,
    /// It means nothing for this release; with a reason
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
