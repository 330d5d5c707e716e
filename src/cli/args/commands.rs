//! `commands`.

use clap::Subcommand;

/// What to do with the team's commands.
#[derive(Debug, Subcommand)]
pub enum CommandsVerb {
    /// What can be run, and what was run last
    List,
    /// Run one here, until it ends or Ctrl-C stops it
    Run {
        /// Its name
        name: String,
        /// For which environment [default: the command's own]
        #[arg(long, value_name = "ENV")]
        environment: Option<String>,
        /// Confirmation
        #[command(flatten)]
        yes: super::Yes,
    },
    /// Stop a running command
    Stop {
        /// The number of its run
        run: u64,
    },
    /// Print what a run said
    Log {
        /// The number of its run
        run: u64,
    },
}
