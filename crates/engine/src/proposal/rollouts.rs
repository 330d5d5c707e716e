//! Enables automatic rollouts again that an ended run left disabled, because a person allows it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{RUNS_SEARCHED, Refusal};
use crate::services::Services;
use pointsman_config::{Loaded, pushed};
use pointsman_core::error::Problem;
use pointsman_core::ids::{EnvironmentName, ServiceName};
use pointsman_core::plan::RunKind;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::hosting::Automatic;
use pointsman_core::redact::redacted;
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

/// Enables automatic rollouts of every service where a run disabled them, and reads each back. Returns these services.
pub async fn allow_rollouts(
    ports: &Services,
    spec: &EnvironmentSpec,
) -> Result<Vec<ServiceName>, Refusal> {
    free(ports, spec)?;
    let hosting = ports.hosting(&spec.endpoint, false).await.map_err(Refusal::Failed)?;
    let Some(hosting) = hosting else {
        return Err(Refusal::Failed(Problem::new("the emulator is not running")));
    };
    let traffic = ports.traffic(hosting.as_ref(), &spec.members).await.map_err(Refusal::Failed)?;
    let mut allowed = Vec::new();
    for member in &spec.members {
        let service = member.service();
        let automatic = traffic.get(service).cloned().flatten().map(|traffic| traffic.automatic);
        let Some(Automatic::Held { policy }) = automatic else { continue };
        // A run may have begun meanwhile.
        free(ports, spec)?;
        if let Err(error) = hosting.hold_rollouts(&member.target, &policy, false).await {
            let before: Vec<_> = allowed.iter().map(ToString::to_string).collect();
            let done = match before.as_slice() {
                [] => String::new(),
                names => format!("; enabled already: {}", names.join(", ")),
            };
            let what = format!("automatic rollouts of {service} could not be enabled{done}");
            let problem = Problem::new(what).because(error.problem.to_string());
            return Err(Refusal::Failed(
                problem.try_this("try again, or the Firebase console: Automatic rollouts"),
            ));
        }
        allowed.push(service.clone());
    }
    Ok(allowed)
}

/// Maximum pushed commits named for a branch.
const PUSHES_NAMED: usize = 5;

/// What was pushed to the branches of held services since a run disabled their automatic rollouts, as far as this clone
/// knows: App Hosting would have built it, and builds the newest of it with the next push.
pub async fn pushed_meanwhile(
    ports: &Services,
    loaded: &Loaded,
    spec: &EnvironmentSpec,
) -> Vec<String> {
    let Ok(Some(hosting)) = ports.hosting(&spec.endpoint, false).await else { return Vec::new() };
    let Ok(traffic) = ports.traffic(hosting.as_ref(), &spec.members).await else {
        return Vec::new();
    };
    let since = holder(ports, &spec.environment).map(|run| run.started);
    let Some(since) = since else { return Vec::new() };
    let held =
        traffic.into_values().flatten().filter_map(|traffic| traffic.automatic.held_branch());
    let branches: BTreeSet<String> = held.collect();
    branches.iter().flat_map(|branch| told(&loaded.folder, branch, since)).collect()
}

/// The run that disabled automatic rollouts first, of the latest runs that left them so. Runs that touch no rollouts,
/// such as migrations, are passed over.
pub fn holder(ports: &Services, environment: &EnvironmentName) -> Option<RunView> {
    let store = ports.stores.open_readable().ok()?;
    let runs = store.runs(Some(environment), RUNS_SEARCHED).ok()?;
    let touching = runs
        .into_iter()
        .map(|listed| listed.view)
        .filter(|view| matches!(view.plan.kind, RunKind::Deploy | RunKind::Rollback));
    touching.take_while(RunView::left_rollouts_held).last()
}

fn told(folder: &Path, branch: &str, since: Timestamp) -> Vec<String> {
    let Ok(commits) = pushed(folder, branch, since) else {
        return vec![format!("What was pushed to {branch} meanwhile is not known here.")];
    };
    let named = commits.iter().take(PUSHES_NAMED);
    let mut lines: Vec<_> =
        named.map(|commit| format!("Pushed to {branch} meanwhile: {}", redacted(commit))).collect();
    if lines.is_empty() {
        lines.push(format!("This clone knows of no commit on {branch} since its last fetch."));
    }
    if commits.len() > PUSHES_NAMED {
        lines.push(format!("… and {} more", commits.len() - PUSHES_NAMED));
    }
    lines
}

/// Refuses while a run needs them disabled, or a person has locked the environment.
fn free(ports: &Services, spec: &EnvironmentSpec) -> Result<(), Refusal> {
    let (environment, store) = (&spec.environment, ports.stores.open()?);
    if let Some(run) = store.runs(Some(environment), 1)?.first().filter(|l| l.view.ended.is_none())
    {
        let what = format!("run {} is under way on {environment}", run.view.number);
        return Err(Refusal::Refused(
            Problem::new(what)
                .because("it disabled automatic rollouts so that a push cannot interrupt it")
                .try_this("wait until it has ended; a promotion enables them by itself"),
        ));
    }
    if let Some(lock) = store.locked(environment)? {
        let what = format!("{environment} is locked by {}", lock.actor);
        return Err(Refusal::Refused(Problem::new(what).because(lock.reason)));
    }
    Ok(())
}
