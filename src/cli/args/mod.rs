//! The arguments of the command line.

mod act;
mod alerts;
mod checklist;
mod commands;
mod health;
mod local;
mod migrate;
mod overrides;
mod pipeline;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::act::{
    CleanupArguments, Confirmation, DeployArguments, PlanArguments, RollbackArguments,
};
pub use self::alerts::AlertsVerb;
pub use self::checklist::ChecklistArguments;
pub use self::commands::CommandsVerb;
pub use self::health::HealthArguments;
pub use self::local::{EmulatorVerb, ThemeVerb};
pub use self::migrate::{MigrateArguments, MigrateVerb, RepairWord};
pub use self::overrides::{OverrideWord, why};
pub use self::pipeline::{PipelineAct, PipelineArguments, Yes};

use crate::domain::ids::RunNumber;
use crate::domain::recover::Choice;

/// Drives blue-green deploys and rollbacks of services on Firebase App Hosting.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, about, max_term_width = 100)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Arguments {
    /// The config
    #[arg(long, global = true, env = "POINTSMAN_CONFIG", default_value = "config.yaml")]
    pub config: PathBuf,
    /// The folder that state is kept in [default: pointsman in the XDG state home]
    #[arg(long, global = true, env = "POINTSMAN_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Write one JSON object, or one JSON line per event, to stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// No screen and no cursor movement: one line per fact, words on stdin
    #[arg(long, global = true)]
    pub plain: bool,
    /// Only ASCII on the screen
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Rehearse on a world in memory: idle, gate, run, soak, health-fail, flap, stale, checklist,
    /// schema, storm or hostile
    #[arg(long, global = true, value_name = "NAME")]
    pub demo: Option<String>,
    /// Record the screen into a new file, for a bug report: what it showed and the keys; known secrets are removed
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Play a recording; without a terminal its last frame is printed
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub replay_session: Option<PathBuf>,
    /// Show everything and change nothing; acts are refused, on the screen and without it
    #[arg(long, global = true)]
    pub read_only: bool,
    /// The screen's theme: its name, or its file [default: the config's]
    #[arg(long, global = true, env = "POINTSMAN_THEME", value_name = "THEME")]
    pub theme: Option<String>,
    /// The screen's colours; `auto` heeds `NO_COLOR`
    #[arg(long, global = true, value_enum, default_value_t, value_name = "DEPTH")]
    pub color: Colour,
    /// What to do; without it, the screen
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// The colours of the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// As many as the terminal says it has
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check the config and say everything that is wrong with it
    Check,
    /// Judge apphosting.yaml as App Hosting does, and warn of what it passes over
    Lint {
        /// Files, or folders for all of theirs; without one, those of every service of the config
        files: Vec<PathBuf>,
        /// Fail on warnings too
        #[arg(long)]
        strict: bool,
        /// Instead: what two environments do not have in common; secrets by their names alone
        #[arg(long, num_args = 2, value_names = ["ENV", "ENV"], conflicts_with_all = ["files", "strict"])]
        between: Vec<String>,
    },
    /// Show what a deploy would do
    Plan(PlanArguments),
    /// Build a release, prove it, and give it the traffic
    Deploy(DeployArguments),
    /// Give the traffic back to a build that served before
    Rollback(RollbackArguments),
    /// Stop blue and delete builds that no rollback needs
    Cleanup(CleanupArguments),
    /// The databases: what is applied, what is pending, and changing that
    Migrate(MigrateArguments),
    /// Live release, health and rollback target
    Status {
        /// Only this environment
        environment: Option<String>,
    },
    /// What must be true before a build, the switch and the end of a deploy; and what a person ticks
    Checklist(ChecklistArguments),
    /// Sent and pending alerts
    Alerts {
        /// What to do with them; without it, the list
        #[command(subcommand)]
        verb: Option<AlertsVerb>,
    },
    /// The handover for the next shift
    Handover {
        /// Only this environment
        environment: Option<String>,
    },
    /// The team's own commands: what can be run, and what was
    Commands {
        /// What to do with them; without it, the list
        #[command(subcommand)]
        verb: Option<CommandsVerb>,
    },
    /// What tests a release: its run, jobs and logs, and what waits for an approval
    Pipeline(PipelineArguments),
    /// How everything that is watched answers
    Health(HealthArguments),
    /// Past runs, newest first
    History {
        /// Only this environment
        environment: Option<String>,
        /// Maximum number
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// How its deploys went over the last 30 days: DORA's four figures
        #[arg(long, requires = "environment")]
        figures: bool,
    },
    /// The facts of a run
    Events {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// How to give a run's traffic back by hand, with every name filled in
    Card {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// The log of a run
    Logs {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// Follow a run until it ends
    Attach {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// Carry on a paused run, or one whose runner died
    Resume(ResumeArguments),
    /// Open the gate a run waits at
    Approve(SteerArguments),
    /// Hold a run before its next step
    Pause(SteerArguments),
    /// Try the step again that a run failed in
    Retry(SteerArguments),
    /// Leave the step out that a run failed in
    Skip {
        /// Which
        #[command(flatten)]
        steer: SteerArguments,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// End a run at its next safe point; after a switch it rolls back
    Abort {
        /// Which
        #[command(flatten)]
        steer: SteerArguments,
        /// Without waiting for the step under way
        #[arg(long)]
        now: bool,
    },
    /// Who has locked an environment; or lock it, or release it
    Lock {
        /// Which
        environment: String,
        /// What to do; without it, who has locked it
        #[arg(value_enum)]
        act: Option<LockAct>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Draw a run again as it was, at any speed
    Replay {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// The report of a run, as Markdown
    Report {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// Verify the hash chain of a run
    Verify {
        /// 128 or '#128'
        run: RunNumber,
    },
    /// The local platform
    Emulator {
        /// What to do with it
        #[command(subcommand)]
        verb: EmulatorVerb,
    },
    /// The screen's themes
    Theme {
        /// What to do with them
        #[command(subcommand)]
        verb: ThemeVerb,
    },
    /// Print the JSON Schema of a file
    Schema {
        /// Which file
        #[arg(value_parser = ["config", "migration", "theme"])]
        of: String,
    },
    /// Check this machine, the state folder and each platform, and say how to fix problems
    Doctor,
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Drive a run (started by `deploy --detach`)
    #[command(hide = true)]
    Runner {
        /// Which
        run: RunNumber,
        /// Take it over, this way
        #[arg(long, value_enum)]
        choose: Option<WayOn>,
    },
    /// Be the sample service of examples/toto
    #[command(hide = true)]
    SampleApp,
}

/// `resume`.
#[derive(Debug, Args)]
pub struct ResumeArguments {
    /// 128 or '#128'
    pub run: RunNumber,
    /// Which way on; `--yes` alone takes the recommended one
    #[arg(long, value_enum)]
    pub choose: Option<WayOn>,
    /// Exit 5 where the run comes to wait for an approval, and leave it there, instead of waiting with it
    #[arg(long)]
    pub no_wait: bool,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// The ways on from a run in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WayOn {
    /// Carry on
    Continue,
    /// Give traffic back to what served before
    GoBack,
    /// End the run and change nothing more
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

/// What to do with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LockAct {
    /// Lock it: no deploys until it is released
    Take,
    /// Everybody may again
    Release,
}

/// A command to a run.
#[derive(Debug, Args)]
pub struct SteerArguments {
    /// 128 or '#128'
    pub run: RunNumber,
    /// The last fact you have seen [default: the last one there is]; refused if the run moved on since
    #[arg(long, value_name = "SEQ")]
    pub seen: Option<u64>,
    /// Answer the question before the act with yes
    #[arg(long)]
    pub yes: bool,
    /// The environment's own name, where its protection is `typed`
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
}
