//! `pipeline`.

use clap::{Args, Subcommand};

/// `pipeline`.
#[derive(Debug, Args)]
pub struct PipelineArguments {
    /// Of which environment
    pub environment: String,
    /// Of this release's commit [default: the latest run there is]
    #[arg(long, short)]
    pub release: Option<crate::domain::release::ReleaseLabel>,
    /// What to do; without it, how it stands
    #[command(subcommand)]
    pub act: Option<PipelineAct>,
}

/// What to do with a pipeline.
#[derive(Debug, Clone, Subcommand)]
pub enum PipelineAct {
    /// Print a job's log, from its first error on
    Log {
        /// Its name or how that begins [default: the one that failed]
        job: Option<String>,
        /// From its beginning
        #[arg(long)]
        whole: bool,
    },
    /// Say yes to what the run waits for
    Approve(Review),
    /// Say no to it
    Reject(Review),
    /// Run what failed again
    Rerun(Yes),
    /// Begin a run, as `workflow_dispatch` does
    Dispatch {
        /// Of this branch or tag [default: the config's branch]
        #[arg(long = "ref", value_name = "REF")]
        reference: Option<String>,
        /// Confirmation
        #[command(flatten)]
        yes: Yes,
    },
    /// Run the jobs of a local pipeline here, to their end
    Run,
}

/// A yes or a no.
#[derive(Debug, Clone, Args)]
pub struct Review {
    /// Said with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    /// Confirmation
    #[command(flatten)]
    pub yes: Yes,
}

/// How it is confirmed.
#[derive(Debug, Clone, Args)]
pub struct Yes {
    /// Answer the question before the act with yes
    #[arg(long)]
    pub yes: bool,
    /// The environment's own name, where its protection is `typed`
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
}
