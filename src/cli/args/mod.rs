//! The arguments of the command line.

mod act;
mod alerts;
mod checklist;
mod commands;
mod health;
mod local;
mod logs;
mod migrate;
mod overrides;
mod pipeline;
mod run;
mod steer;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::ArgValueCandidates;

pub use self::act::{
    CleanupArguments, Confirmation, DeployArguments, PlanArguments, RollbackArguments,
};
pub use self::alerts::AlertsVerb;
pub use self::checklist::ChecklistArguments;
pub use self::commands::CommandsVerb;
pub use self::health::HealthArguments;
pub use self::local::{ConfigVerb, EmulatorVerb, StoreVerb, ThemeVerb};
pub use self::logs::LogsArguments;
pub use self::migrate::{MigrateArguments, MigrateVerb, RepairWord, Where};
pub use self::overrides::{OverrideWord, why};
pub use self::pipeline::{PipelineAct, PipelineArguments, Yes};
pub use self::run::RunWord;
pub use self::steer::{ApproveArguments, SteerArguments};

use crate::cli::complete;
use crate::domain::code::Code;
use crate::domain::ids::RunNumber;
use crate::domain::recover::Choice;

/// Drives blue-green deploys and rollbacks of services on Firebase App Hosting.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, about, max_term_width = 100)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Arguments {
    /// Config file; without one named, the nearest config.yaml up to the root of the git repository
    #[arg(long, global = true, env = "POINTSMAN_CONFIG", default_value = "config.yaml", value_name = "FILE", value_hint = ValueHint::FilePath,
        hide_default_value = true)]
    pub config: PathBuf,
    /// State folder [default: pointsman in the XDG state home]
    #[arg(long, global = true, env = "POINTSMAN_STATE_DIR", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// Write one JSON object, or one JSON line per event, to stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Run without the console: one line per fact, commands on stdin
    #[arg(long, global = true)]
    pub plain: bool,
    /// Use only ASCII characters
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Rehearse on a platform in memory: gate, soak, schema and others; help lists them
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCandidates::new(complete::demos))]
    pub demo: Option<String>,
    /// Record screen contents and keys into a new file, for a bug report; known secrets are removed
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Play a recording; without a terminal, print its last frame
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub replay_session: Option<PathBuf>,
    /// Refuse every change, in the console and on the command line
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Theme of the console: a name or a file [default: the config's]
    #[arg(long, global = true, env = "POINTSMAN_THEME", value_name = "THEME")]
    pub theme: Option<String>,
    /// Colours of the console: auto, truecolor, 256, 16 or never; auto respects `NO_COLOR`
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "DEPTH",
        hide_possible_values = true
    )]
    pub color: Colour,
    /// Command [default: open the console]
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// The colours of the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// As many as the terminal supports
    #[default]
    Auto,
    /// 16 million
    Truecolor,
    /// 256
    #[value(name = "256")]
    Indexed,
    /// 16
    #[value(name = "16")]
    Ansi,
    /// None
    Never,
}

/// The command.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a config for the services in this folder
    Init {
        /// Take what was recognised, without questions
        #[arg(long)]
        yes: bool,
    },
    /// Check the config and report every problem
    Check,
    /// Explain the config's keys
    Config {
        /// Action
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Check apphosting.yaml as App Hosting does, and warn of what it ignores
    Lint {
        /// Files or folders [default: those of every service in the config]
        files: Vec<PathBuf>,
        /// Fail on warnings
        #[arg(long)]
        strict: bool,
        /// Compare two environments instead; secrets are compared by name and by version, never by value
        #[arg(long, num_args = 2, value_names = ["ENV", "ENV"], conflicts_with_all = ["files", "strict"])]
        between: Vec<String>,
    },
    /// Show what a deploy would do, and what blocks it
    Plan(PlanArguments),
    /// Build a release, check its health and switch traffic to it
    Deploy(DeployArguments),
    /// Switch traffic to a previous build
    Rollback(RollbackArguments),
    /// Stop the previous build and delete builds that no rollback needs
    Cleanup(CleanupArguments),
    /// Show, apply and undo database migrations
    Migrate(MigrateArguments),
    /// Enable automatic rollouts again that a run left disabled
    AllowRollouts {
        /// Environment
        #[arg(add = ArgValueCandidates::new(complete::environments))]
        environment: String,
        /// Confirmation
        #[command(flatten)]
        yes: Yes,
    },
    /// Live release, health and rollback target
    Status {
        /// Only this environment
        #[arg(add = ArgValueCandidates::new(complete::environments))]
        environment: Option<String>,
    },
    /// Show and tick the checklists of a deploy
    Checklist(ChecklistArguments),
    /// Sent and pending alerts
    Alerts {
        /// Action [default: list]
        #[command(subcommand)]
        verb: Option<AlertsVerb>,
    },
    /// Where runs are recorded, and the store that a team shares
    Store {
        /// Action [default: status]
        #[command(subcommand)]
        verb: Option<StoreVerb>,
    },
    /// The handover for the next shift
    Handover {
        /// Only this environment
        #[arg(add = ArgValueCandidates::new(complete::environments))]
        environment: Option<String>,
    },
    /// Run your team's commands, and show past runs
    Commands {
        /// Action [default: list]
        #[command(subcommand)]
        verb: Option<CommandsVerb>,
    },
    /// Show, approve and rerun the CI pipeline of a release
    Pipeline(PipelineArguments),
    /// Probe services and dependencies
    Health(HealthArguments),
    /// Past runs, newest first
    History {
        /// Only this environment
        #[arg(add = ArgValueCandidates::new(complete::environments))]
        environment: Option<String>,
        /// Maximum number of runs
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show the four DORA metrics of the last 30 days
        #[arg(long, requires = "environment")]
        figures: bool,
    },
    /// Print the recorded facts of a run
    Events {
        /// Run: 128, last, or @ENVIRONMENT for its latest run
        #[arg(add = ArgValueCandidates::new(complete::runs))]
        run: RunWord,
    },
    /// Print the incident card: the manual commands that roll a run back
    Card {
        /// Run: 128, last, or @ENVIRONMENT for its latest run
        #[arg(add = ArgValueCandidates::new(complete::runs))]
        run: RunWord,
    },
    /// Print the log of a run, or what the builds with traffic log now
    Logs(LogsArguments),
    /// Follow a run until it ends
    Attach {
        /// Run: 128, last, or @ENVIRONMENT for its latest run
        #[arg(add = ArgValueCandidates::new(complete::runs))]
        run: RunWord,
    },
    /// Continue a paused run, or recover one whose process died
    Resume(ResumeArguments),
    /// Approve the gate of a waiting run
    Approve(ApproveArguments),
    /// Let the gate of a waiting run wait its full time again
    Extend(SteerArguments),
    /// Tell others that you take care of what a run waits for
    Claim(SteerArguments),
    /// Offer a run to another person, who then drives it
    Offer(SteerArguments),
    /// Take an offered run: this machine drives it from then on
    Accept(SteerArguments),
    /// Pause a run before its next step
    Pause(SteerArguments),
    /// Retry the failed step of a run
    Retry(SteerArguments),
    /// Skip the failed step of a run
    Skip {
        #[command(flatten)]
        steer: SteerArguments,
        /// Reason
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// End a run at its next safe point; after a switch it rolls back
    Abort {
        #[command(flatten)]
        steer: SteerArguments,
        /// Do not wait for the current step
        #[arg(long)]
        now: bool,
    },
    /// Show, take or release the lock of an environment
    Lock {
        /// Environment
        #[arg(add = ArgValueCandidates::new(complete::environments))]
        environment: String,
        /// Action [default: show the lock]
        #[arg(value_enum)]
        act: Option<LockAct>,
        /// Reason
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Play a past run with its log
    Replay {
        /// Run: 128, last, or @ENVIRONMENT for its latest run
        #[arg(add = ArgValueCandidates::new(complete::runs))]
        run: RunWord,
    },
    /// Print the report of a run as Markdown
    Report {
        /// Run: 128, last, or @ENVIRONMENT for its latest run
        #[arg(add = ArgValueCandidates::new(complete::runs))]
        run: RunWord,
    },
    /// Verify the hash chain of a run
    Verify {
        /// Run: 128, last, or @ENVIRONMENT for its latest run
        #[arg(add = ArgValueCandidates::new(complete::runs))]
        run: RunWord,
    },
    /// Control the local App Hosting emulator
    Emulator {
        /// Action
        #[command(subcommand)]
        verb: EmulatorVerb,
    },
    /// List, check and import themes
    Theme {
        /// Action
        #[command(subcommand)]
        verb: ThemeVerb,
    },
    /// Print the JSON Schema of a file
    Schema {
        /// File to describe
        #[arg(value_parser = ["config", "migration", "theme"])]
        of: String,
    },
    /// Check this machine, the state folder and each platform, and say how to fix problems
    Doctor {
        /// Environment; without it, all of them
        #[arg(value_name = "ENV", add = ArgValueCandidates::new(complete::environments))]
        environment: Option<String>,
    },
    /// Explain an error code: cause and remedy
    Explain {
        /// Code, such as PM0101 [default: list all]
        #[arg(add = ArgValueCandidates::new(complete::codes))]
        code: Option<Code>,
    },
    /// Print the script that completes commands and names in a shell
    Completions {
        /// Shell
        #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
        shell: String,
    },
    /// Print the manual page, or write one page for every command
    Man {
        /// Folder to write the pages to
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Execute a run; started by `deploy --detach`
    #[command(hide = true)]
    Runner {
        /// Run number
        run: RunNumber,
        /// Recover it, this way
        #[arg(long, value_enum)]
        choose: Option<WayOn>,
        /// Take it from the process that hands it over
        #[arg(long, conflicts_with = "choose")]
        take_on: bool,
    },
    /// Run the sample service of examples/toto
    #[command(hide = true)]
    SampleApp,
}

/// `resume`.
#[derive(Debug, Args)]
pub struct ResumeArguments {
    /// Run: 128, last, or @ENVIRONMENT for its latest run
    #[arg(add = ArgValueCandidates::new(complete::runs))]
    pub run: RunWord,
    /// Recovery choice; `--yes` alone takes the recommended one
    #[arg(long, value_enum)]
    pub choose: Option<WayOn>,
    /// Exit with 5 when the run reaches a gate, instead of waiting with it
    #[arg(long)]
    pub no_wait: bool,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// The ways on from a run in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WayOn {
    /// Continue the run
    Continue,
    /// Roll back to the previous build
    GoBack,
    /// End the run without further changes
    Leave,
}

impl From<WayOn> for Choice {
    fn from(way: WayOn) -> Self {
        match way {
            WayOn::Continue => Self::Continue,
            WayOn::GoBack => Self::GoBack,
            WayOn::Leave => Self::Leave,
        }
    }
}

/// Actions on a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LockAct {
    /// Refuse new runs until the lock is released
    Take,
    /// Release the lock
    Release,
}
