//! One file per step kind. Each step acts, reads back the result, and records both.

mod attest;
mod build;
mod busy;
mod config;
mod drift;
mod indexes;
mod marks;
mod metrics;
mod preflight;
pub(crate) mod preview;
mod probe;
mod read_back;
mod restore;
mod runtime_log;
mod schema;
mod secrets;
mod serving;
mod settled;
mod shift;
mod soak;
mod stop;
mod switch;
mod together;

use std::time::Duration;

use super::context::{Context, StepResult};
use pointsman_core::plan::Plan;
use pointsman_core::step::StepKind;

/// Performs a step. Gates have nothing to perform and never return here.
pub(super) async fn perform(kind: &StepKind, context: Context) -> StepResult {
    match kind {
        StepKind::Preflight => preflight::perform(&context).await,
        StepKind::Build => build::perform(&context).await,
        StepKind::ProbeGreen => probe::green(&context).await,
        StepKind::ProbePublic { side } => probe::public(&context, *side).await,
        StepKind::Switch { service, to } => switch::perform(&context, service, *to).await,
        StepKind::Shift { service, percent } => shift::perform(&context, service, *percent).await,
        StepKind::SoakShare { percent } => soak::shared(&context, *percent).await,
        StepKind::Attest { side } => attest::perform(&context, *side).await,
        StepKind::Soak => soak::perform(&context).await,
        StepKind::MarkStable => marks::stable(&context).await,
        StepKind::MarkBad => marks::bad(&context).await,
        StepKind::Migrate { database, version, direction } => {
            schema::perform(&context, database, version, *direction).await
        }
        StepKind::Baseline { database, to } => schema::set_baseline(&context, database, to).await,
        StepKind::Repair { database, version, as_is } => {
            schema::mend(&context, database, version, *as_is).await
        }
        StepKind::StopBlue { service } => stop::blue(&context, service).await,
        StepKind::Prune { service } => stop::prune(&context, service).await,
        StepKind::GateSwitch | StepKind::GateChecklist { .. } => std::future::pending().await,
    }
}

/// The time limit of a step, after which the engine stops waiting. That does not mean that the step failed (F14). The
/// limit is generous, because it is for steps that hang: normally the rules of each step decide earlier.
pub(super) fn deadline(kind: &StepKind, plan: &Plan) -> Duration {
    let minutes = |m: u64| Duration::from_mins(m);
    let policy = &plan.policy;
    match kind {
        StepKind::Build => minutes(60),
        // Waiting for other rollouts, the switch itself, and the read-back.
        StepKind::Switch { .. } | StepKind::Shift { .. } => {
            minutes(4) + plan.endpoint.capabilities().switch_within
        }
        StepKind::Attest { .. } => policy.attest.within + policy.health.timeout * 4 + minutes(1),
        StepKind::Soak | StepKind::SoakShare { .. } => {
            // After one bad answer a verdict needs this many samples: a soak with few samples is extended to collect
            // them.
            let judged =
                (policy.soak.interval + policy.health.timeout) * policy.soak.share.least_samples;
            policy.soak.length * 3 + judged + policy.health.timeout * 10 + minutes(4)
        }
        StepKind::ProbeGreen | StepKind::ProbePublic { .. } => {
            let probing =
                (policy.health.interval + policy.health.timeout) * (policy.health.attempts + 2);
            let indexed = plan.databases.iter().any(|planned| planned.indexes.is_some());
            let waits = *kind == StepKind::ProbeGreen && indexed;
            probing + if waits { indexes::WAIT_WITHIN + minutes(10) } else { Duration::ZERO }
        }
        // Large collections take long; their migration reports progress.
        StepKind::Migrate { .. } => minutes(24 * 60),
        StepKind::Preflight
        | StepKind::Baseline { .. }
        | StepKind::Repair { .. }
        | StepKind::StopBlue { .. }
        | StepKind::Prune { .. }
        | StepKind::MarkStable
        | StepKind::MarkBad => minutes(5),
        StepKind::GateSwitch | StepKind::GateChecklist { .. } => minutes(1),
    }
}
