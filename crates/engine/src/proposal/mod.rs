//! Turns an intent into a proposal: a plan that may start once it is confirmed, or the reason why it may not. The
//! screen and the command line share it, so that both refuse the same things in the same words.

mod backup;
mod besides_code;
mod builds;
mod checklist;
mod cleanup;
mod database_evidence;
mod databases;
mod deploy;
mod figures;
mod freeze;
mod lint;
mod look;
mod platform_releases;
mod rollback;
mod rollouts;
mod schema;
mod secret_versions;
mod steer;
mod watch;

pub use checklist::{ChecklistView, checklist, of_run};
pub use cleanup::cleanup;
pub use databases::{database, databases};
pub use deploy::{DeployRequest, PlannedDeploy, deploy, none_in_doubt, plan, what_ships};
pub use figures::{FIGURES_EVERY, figures_now, uses_figures};
pub use lint::{hosting_files, quotas, secrets_now, troubles};
pub use look::{look, look_back_to};
pub use rollback::{RollbackRequest, rollback, targets};
pub use rollouts::{allow_rollouts, holder, pushed_meanwhile};
pub use schema::{MigrationRequest, files, migrate};
pub use secret_versions::{SecretVersion, secret_versions};
pub use steer::{accept, command};
pub use watch::probes;

use crate::services::Services;
use pointsman_config::Findings;
use pointsman_core::approvals::may_start;
use pointsman_core::error::Problem;
use pointsman_core::guard::{GuardHit, Guards, Justification, Refused, standing};
use pointsman_core::identity::Identity;
use pointsman_core::plan::Plan;
use pointsman_core::ports::journal::JournalError;

/// Maximum runs searched for a rollback target.
pub const RUNS_SEARCHED: usize = 200;

/// A plan that may start after a confirmation.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub plan: Plan,
    /// Its effect and consequences, for the confirmation.
    pub what: String,
}

/// The refusal of an action.
#[derive(Debug)]
pub enum Refusal {
    /// The request is invalid.
    Usage(Problem),
    /// A file is invalid: migrations, or an apphosting.yaml.
    Written(Box<Findings>),
    /// The run may not start.
    Refused(Problem),
    /// Guards refuse it. A person may override each by name.
    Guarded(Vec<GuardHit>),
    /// A run whose runner died must be resolved first.
    InDoubt(Problem),
    /// Another run works on one of its databases.
    Locked(Problem),
    /// A required check failed, for instance because the platform did not answer.
    Failed(Problem),
    /// The journal refuses the request, or cannot be used.
    Journal(JournalError),
}

impl Refusal {
    /// The message for people.
    pub fn problem(self) -> Problem {
        match self {
            Self::Usage(problem)
            | Self::Refused(problem)
            | Self::InDoubt(problem)
            | Self::Locked(problem)
            | Self::Failed(problem) => problem,
            Self::Guarded(met) => standing(&met),
            Self::Journal(error) => error.problem(),
            Self::Written(findings) => {
                let first = findings.findings.first();
                let told = first.map(|f| format!("line {}: {}", f.line, f.message));
                let what = format!("{} cannot be used", findings.file.display());
                Problem::new(what).because(told.unwrap_or_default())
            }
        }
    }
}

/// Whether the person may start a run of this plan.
fn permitted(ports: &Services, plan: &Plan) -> Result<(), Refusal> {
    may_start(plan, plan.kind, &Identity::of(&ports.actor)).map_err(Refusal::Refused)
}

impl Proposal {
    /// Builds a proposal if the person may start it and every guard that applies is overridden. Each override is shown in
    /// the confirmation and kept in the plan.
    fn passing(
        ports: &Services,
        mut plan: Plan,
        what: String,
        guards: Guards,
        why: &Justification,
    ) -> Result<Self, Refusal> {
        permitted(ports, &plan)?;
        let (overrides, lines) = guards.pass(why).map_err(Refusal::Guarded)?;
        plan.overrides = overrides;
        plan.reason.clone_from(&why.reason);
        let what = lines.iter().fold(what, |what, line| format!("{what}\n{line}"));
        Ok(Self { plan, what })
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Guarded(met) => Self { problem: standing(&met), guards: met },
            other => other.problem().into(),
        }
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}
