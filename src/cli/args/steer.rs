//! The arguments of commands to a run.

use clap::Args;
use clap_complete::ArgValueCandidates;

use super::RunWord;
use crate::cli::complete;

/// A command to a run.
#[derive(Debug, Args)]
pub struct SteerArguments {
    /// Run: 128, last, or @ENVIRONMENT for its latest run
    #[arg(add = ArgValueCandidates::new(complete::runs))]
    pub run: RunWord,
    /// Sequence number of the last fact you saw [default: the latest]; the command is refused if the run has changed since
    #[arg(long, value_name = "SEQ")]
    pub seen: Option<u64>,
    /// Confirm without a prompt
    #[arg(long)]
    pub yes: bool,
    /// The environment's name; needed where its protection is `typed`
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
}

/// An approval of a waiting gate.
#[derive(Debug, Args)]
pub struct ApproveArguments {
    #[command(flatten)]
    pub steer: SteerArguments,
    /// Note, recorded with the approval
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Hash of the plan you reviewed, as `plan` prints it; the approval is refused for another plan
    #[arg(long, value_name = "HASH")]
    pub plan: Option<String>,
}
