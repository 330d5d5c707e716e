//! `migrate`.

use clap::{Args, Subcommand, ValueEnum};

use super::Confirmation;
use crate::domain::release::SchemaVersion;
use crate::domain::step::RepairAs;

/// `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArguments {
    /// What to do
    #[command(subcommand)]
    pub verb: MigrateVerb,
}

/// Which database.
#[derive(Debug, Args)]
pub struct Where {
    /// The environment
    pub environment: String,
    /// The database, where the environment has several
    #[arg(long)]
    pub database: Option<String>,
}

/// What to do with a database.
#[derive(Debug, Subcommand)]
pub enum MigrateVerb {
    /// What is applied, what is pending, and what stops it
    Status(Where),
    /// Apply what is pending, in the order of versions
    Up {
        /// Where
        #[command(flatten)]
        at: Where,
        /// Up to this version
        #[arg(long, value_name = "VERSION")]
        to: Option<SchemaVersion>,
        /// Count what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Also what comes before a version that is applied already
        #[arg(long)]
        out_of_order: bool,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Undo down to a version, the latest migration first
    Down {
        /// Where
        #[command(flatten)]
        at: Where,
        /// Down to this version; 0.0.0 undoes everything
        #[arg(long, value_name = "VERSION")]
        to: SchemaVersion,
        /// Count what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Say how a migration stands that is half done, or whose file was edited
    Repair {
        /// Where
        #[command(flatten)]
        at: Where,
        /// Which, where there are several
        #[arg(long, value_name = "VERSION")]
        version: Option<SchemaVersion>,
        /// How it stands; without it, what is known about it
        #[arg(long = "as", value_enum, value_name = "HOW")]
        as_is: Option<RepairWord>,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Record the version of a database that was changed by other means
    Baseline {
        /// Where
        #[command(flatten)]
        at: Where,
        /// The version; 0.0.0 where nothing was done
        #[arg(long, value_name = "VERSION")]
        to: SchemaVersion,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RepairWord {
    /// Nothing of it was done after all
    Not,
    /// Continue where it stopped; a program in progress runs again
    Half,
    /// All of it was done
    Fully,
}

impl From<RepairWord> for RepairAs {
    fn from(word: RepairWord) -> Self {
        match word {
            RepairWord::Not => Self::Not,
            RepairWord::Half => Self::Half,
            RepairWord::Fully => Self::Fully,
        }
    }
}
