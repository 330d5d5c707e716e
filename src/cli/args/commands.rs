//! `commands`.

use crate::cli::complete;
use clap::Subcommand;
use clap_complete::ArgValueCandidates;

/// Actions on custom commands.
#[derive(Debug, Subcommand)]
pub enum CommandsVerb {
    /// List commands and their last runs
    List,
    /// Run a command until it ends or Ctrl-C stops it
    Run {
        /// Name of the command
        #[arg(add = ArgValueCandidates::new(complete::commands))]
        name: String,
        /// Environment [default: the command's own]
        #[arg(long, value_name = "ENV", add = ArgValueCandidates::new(complete::environments))]
        environment: Option<String>,
        /// Service, run or probe that the command acts on, for a command with `on:`
        #[arg(long, value_name = "NAME")]
        on: Option<String>,
        /// Confirmation
        #[command(flatten)]
        yes: super::Yes,
    },
    /// Stop a running command
    Stop {
        /// Run number
        run: u64,
    },
    /// Print the output of a run
    Log {
        /// Run number
        run: u64,
    },
}
