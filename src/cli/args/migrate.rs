//! `migrate`.

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::Confirmation;
use super::pipeline::Yes;
use crate::cli::complete;
use crate::domain::release::SchemaVersion;
use crate::domain::step::RepairAs;

/// `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArguments {
    /// Action
    #[command(subcommand)]
    pub verb: MigrateVerb,
}

/// The database.
#[derive(Debug, Args)]
pub struct Where {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Database, if the environment has several
    #[arg(long, add = ArgValueCandidates::new(complete::databases))]
    pub database: Option<String>,
}

/// Actions on a database.
#[derive(Debug, Subcommand)]
pub enum MigrateVerb {
    /// Show applied and pending migrations and what blocks them
    Status(Where),
    /// Apply pending migrations in version order
    Up {
        /// Environment
        #[command(flatten)]
        at: Where,
        /// Highest version to apply
        #[arg(long, value_name = "VERSION")]
        to: Option<SchemaVersion>,
        /// Count affected documents without changing them
        #[arg(long)]
        dry_run: bool,
        /// Also apply versions lower than one already applied
        #[arg(long)]
        out_of_order: bool,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Undo migrations down to a version, latest first
    Down {
        /// Environment
        #[command(flatten)]
        at: Where,
        /// Version to keep; 0.0.0 undoes everything
        #[arg(long, value_name = "VERSION")]
        to: SchemaVersion,
        /// Count affected documents without changing them
        #[arg(long)]
        dry_run: bool,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Export every document to a bucket by Google's managed export, and follow it to its end
    Export {
        /// Environment
        #[command(flatten)]
        at: Where,
        /// Folder in a bucket, as `gs://bucket/folder`
        #[arg(long, value_name = "GS")]
        to: Option<String>,
        /// Follow an export that has begun, instead of beginning one
        #[arg(long, value_name = "OPERATION", conflicts_with = "to")]
        follow: Option<String>,
        /// Confirmation
        #[command(flatten)]
        yes: Yes,
    },
    /// Set the state of a half-done or edited migration
    Repair {
        /// Environment
        #[command(flatten)]
        at: Where,
        /// Migration, if several need repair
        #[arg(long, value_name = "VERSION")]
        version: Option<SchemaVersion>,
        /// Actual state [default: show what is recorded]
        #[arg(long = "as", value_enum, value_name = "HOW")]
        as_is: Option<RepairWord>,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Record the version of a database that was migrated by other means
    Baseline {
        /// Environment
        #[command(flatten)]
        at: Where,
        /// Version; 0.0.0 for an unchanged database
        #[arg(long, value_name = "VERSION")]
        to: SchemaVersion,
        /// Confirmation
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// The state of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RepairWord {
    /// Nothing was applied
    Not,
    /// Partly applied; continue where it stopped, and rerun a program in progress
    Half,
    /// Completely applied
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
