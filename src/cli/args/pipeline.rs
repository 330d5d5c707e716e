//! `pipeline`.

use crate::cli::complete;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;

/// `pipeline`.
#[derive(Debug, Args)]
pub struct PipelineArguments {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Release whose commit was tested [default: the latest run]
    #[arg(long, short, add = ArgValueCandidates::new(complete::releases))]
    pub release: Option<crate::domain::release::ReleaseLabel>,
    /// Action [default: show the state]
    #[command(subcommand)]
    pub act: Option<PipelineAct>,
}

/// Actions on a pipeline.
#[derive(Debug, Clone, Subcommand)]
pub enum PipelineAct {
    /// Print the log of a job from its first error
    Log {
        /// Name of the job, or a prefix [default: the failed one]
        job: Option<String>,
        /// Print the whole log
        #[arg(long)]
        whole: bool,
    },
    /// Approve a waiting run
    Approve(Review),
    /// Reject a waiting run
    Reject(Review),
    /// Rerun failed jobs
    Rerun(Yes),
    /// Start a run, as `workflow_dispatch` does
    Dispatch {
        /// Branch or tag [default: the config's branch]
        #[arg(long = "ref", value_name = "REF")]
        reference: Option<String>,
        /// Confirmation
        #[command(flatten)]
        yes: Yes,
    },
    /// Run the jobs of a local pipeline on this machine
    Run,
}

/// A yes or a no.
#[derive(Debug, Clone, Args)]
pub struct Review {
    /// Comment
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    /// Confirmation
    #[command(flatten)]
    pub yes: Yes,
}

/// How it is confirmed.
#[derive(Debug, Clone, Args)]
pub struct Yes {
    /// Confirm without a prompt
    #[arg(long)]
    pub yes: bool,
    /// The environment's name; needed where its protection is `typed`
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
}
