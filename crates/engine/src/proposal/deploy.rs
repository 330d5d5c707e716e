//! Plans and proposes a deploy.

use super::backup::backups;
use super::besides_code::besides_code;
use super::checklist::ticked_beforehand;
use super::freeze::not_frozen;
use super::schema::before_traffic;
use super::{Proposal, RUNS_SEARCHED, Refusal, permitted};
use crate::services::Services;
use pointsman_config::{Loaded, committed, sources, warnings};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::freeze::ahead;
use pointsman_core::guard::{Guard, Guards, Justification};
use pointsman_core::ids::{EnvironmentName, ServiceName};
use pointsman_core::plan::Plan;
use pointsman_core::planner::{self, EnvironmentSpec};
use pointsman_core::ports::journal::{Damage, JournalError};
use pointsman_core::promoted::not_promoted;
use pointsman_core::readiness::marked_bad;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::view::RunView;

/// A requested deploy.
#[derive(Debug, Clone, Copy)]
pub struct DeployRequest<'a> {
    pub environment: &'a str,
    pub release: &'a ReleaseLabel,
    /// The services to deploy; all of them if empty.
    pub services: &'a [ServiceName],
    /// Whether people attend the run, to tick and to decide.
    pub attended: bool,
    /// Whether all traffic moves at once, whatever shares the config names.
    pub at_once: bool,
    /// The reason, and the guards to override.
    pub why: &'a Justification,
}

/// A planned deploy, with all guards and refusals.
#[derive(Debug)]
pub struct PlannedDeploy {
    pub plan: Plan,
    /// Its effect and consequences.
    pub what: String,
    /// The guards that apply.
    pub guards: Guards,
    /// Refusals that no override can pass, the most important first.
    pub refusals: Vec<Refusal>,
}

/// Plans a deploy. `begins`: the run is about to start, so whatever it needs is started. Otherwise nothing is started,
/// and a stopped emulator is read from disk. Both plans are the same.
pub async fn plan(
    ports: &Services,
    loaded: &Loaded,
    ship: &DeployRequest<'_>,
    begins: bool,
) -> Result<PlannedDeploy, Refusal> {
    let DeployRequest { environment, release, services, attended, at_once, why } = *ship;
    let mut spec = spec_of(loaded, environment, services)?;
    if at_once {
        spec.policy.traffic.clear();
    }
    let mut refusals = in_the_way(ports, &spec.environment)?;
    // The run may wait for a lock, but a run in doubt comes first in any case.
    if begins && let Some(at) = refusals.iter().position(|r| matches!(r, Refusal::InDoubt(_))) {
        return Err(refusals.swap_remove(at));
    }
    let told = before_traffic(ports, loaded, &mut spec, begins, release).await?;
    let mut plan = without_looking(loaded, spec, release)?;
    plan.attended = attended;
    plan.warnings = warnings(&plan).into_iter().chain(told).collect();
    refusals.extend(permitted(ports, &plan).err());
    if !begins && let Some(problem) = ports.locked_elsewhere(&plan).await {
        refusals.push(Refusal::Locked(problem));
    }
    let mut guards = Guards::default();
    proven_before(ports, loaded, &plan, &mut guards)?;
    let environment = plan.environment.clone();
    not_frozen(ports, &environment, (&mut plan.freeze, &plan.members), why, &mut guards);
    let bad = not_bad(ports, &plan, release, &mut guards)?;
    let overridden = why.overrides.contains_key(&Guard::Checklist);
    if !attended {
        ticked_beforehand(ports, &plan, services, overridden, &mut guards)?;
    }
    let backups = match backups(ports, &plan.databases).await {
        Ok(lines) => lines,
        Err(refusal) if begins => return Err(refusal),
        Err(refusal) => {
            refusals.push(refusal);
            Vec::new()
        }
    };
    let mut what = described(ports, &plan, bad, overridden);
    for line in backups.into_iter().chain(besides_code(ports, &plan).await) {
        what = format!("{what}\n{line}");
    }
    Ok(PlannedDeploy { plan, what, guards, refusals })
}

/// Proposes a deploy that may start after a confirmation.
pub async fn deploy(
    ports: &Services,
    loaded: &Loaded,
    ship: &DeployRequest<'_>,
) -> Result<Proposal, Refusal> {
    let PlannedDeploy { plan, what, guards, .. } = plan(ports, loaded, ship, true).await?;
    Proposal::passing(ports, plan, what, guards, ship.why)
}

/// Obstacles in the store: a run in doubt, a run in progress, a person's lock.
fn in_the_way(ports: &Services, environment: &EnvironmentName) -> Result<Vec<Refusal>, Refusal> {
    let store = ports.stores.open()?;
    let mut refusals: Vec<Refusal> = none_in_doubt(ports, environment).err().into_iter().collect();
    if let Some(lock) = store.locked(environment)? {
        refusals.push(JournalError::Locked(environment.clone(), lock).into());
    }
    refusals.extend(
        store.busy(environment, ports.clock.now())?.map(JournalError::Busy).map(Into::into),
    );
    Ok(refusals)
}

/// The effect and consequences of a deploy, for the confirmation.
fn described(ports: &Services, plan: &Plan, bad: Option<String>, overridden: bool) -> String {
    let services: Vec<_> = plan.members.iter().map(|m| m.service().as_str()).collect();
    let (name, environment) = (plan.name(), &plan.environment);
    let name = name.map_or_else(String::new, |name| name.to_string());
    let shares: Vec<_> =
        plan.policy.traffic.iter().map(|percent| format!("{percent} %, ")).collect();
    let shares = shares.concat();
    let switch = match shares.as_str() {
        "" => "switch traffic".to_owned(),
        shares => format!("switch traffic in shares of {shares}100 %"),
    };
    let mut lines = vec![format!(
        "Deploy {name} of {} to {environment}: build, check health, {switch}.",
        services.join(" and "),
    )];
    if let Some(rule) = &plan.policy.approvals {
        lines.push(match rule.people {
            1 => "Waits at its gate until a person approves.".to_owned(),
            people => format!("Waits at its gate until {people} people approved."),
        });
    }
    lines.extend(bad);
    let migrations = plan.databases.iter().flat_map(|d| d.migrations.iter().map(move |m| (d, m)));
    let before: Vec<_> = migrations
        .map(|(d, m)| {
            format!("First {} is migrated to schema {}: {}.", d.name, m.version, m.description)
        })
        .collect();
    if !before.is_empty() {
        lines.extend(before);
    }
    lines.extend(plan.warnings.iter().map(|warning| format!("{warning}.")));
    let after: Vec<_> = plan.ticked_after().map(|item| item.text.as_str()).collect();
    if !after.is_empty() && !overridden && !plan.waits_for_people() {
        lines.push(format!(
            "After the soak the run waits for these ticks: {}. Tick from another terminal: pointsman \
             checklist RUN tick ITEM.",
            after.join("; ")
        ));
    }
    let soaks = u32::try_from(plan.policy.traffic.len() + 1).unwrap_or(u32::MAX);
    let soaked = plan.policy.soak.length.saturating_mul(soaks);
    let soon = ahead(&plan.freeze, ports.clock.now(), soaked);
    lines.extend(soon.map(|told| {
        format!("The soak would reach into a freeze: {told}. Traffic that has moved stays.")
    }));
    lines.join("\n")
}

/// Applies the guard if this release was rolled back on the environment. A label that was rebuilt from other code may
/// be fixed: it is reported, and blocks nothing.
fn not_bad(
    ports: &Services,
    plan: &Plan,
    release: &ReleaseLabel,
    guards: &mut Guards,
) -> Result<Option<String>, Refusal> {
    let runs: Vec<RunView> = past_runs(ports, &plan.environment)?;
    let commit = plan.commit();
    let Some(run) = marked_bad(&runs, release, commit) else { return Ok(None) };
    let name = plan.name().map_or_else(|| release.to_string(), |name| name.to_string());
    let told = format!("{name} is marked BAD here: run {run} rolled it back");
    if commit.is_some() {
        guards.meet(Guard::Bad, Problem::new(told));
        return Ok(None);
    }
    Ok(Some(format!("{told}.")))
}

fn past_runs(ports: &Services, environment: &EnvironmentName) -> Result<Vec<RunView>, Refusal> {
    let runs = ports.stores.open()?.runs(Some(environment), RUNS_SEARCHED)?;
    Ok(runs.into_iter().map(|listed| listed.view).collect())
}

pub(super) fn spec_of(
    loaded: &Loaded,
    environment: &str,
    services: &[ServiceName],
) -> Result<EnvironmentSpec, Refusal> {
    let spec = loaded.spec(environment).map_err(Refusal::Usage)?;
    spec.only(services).map_err(Refusal::Usage)
}

/// The plan of a release as far as the config describes it, without requests.
pub fn what_ships(
    loaded: &Loaded,
    environment: &str,
    release: &ReleaseLabel,
) -> Result<Plan, Refusal> {
    without_looking(loaded, spec_of(loaded, environment, &[])?, release)
}

/// The plan as far as the config describes it.
pub(super) fn without_looking(
    loaded: &Loaded,
    mut spec: EnvironmentSpec,
    release: &ReleaseLabel,
) -> Result<Plan, Refusal> {
    let sources = sources(loaded, &mut spec, release).map_err(Refusal::Usage)?;
    let mut plan = planner::deploy(spec, release, &sources).map_err(Refusal::Usage)?;
    plan.committed = committed(loaded, release);
    super::lint::judged(loaded, &mut plan)?;
    Ok(plan)
}

/// Applies the guard unless the release was promoted on the `promote_from` environment, from the same source, and has
/// not been rolled back there since.
fn proven_before(
    ports: &Services,
    loaded: &Loaded,
    plan: &Plan,
    guards: &mut Guards,
) -> Result<(), Refusal> {
    let from = loaded.promote_from(plan.environment.as_str()).map_err(Refusal::Usage)?;
    let Some(from) = from else { return Ok(()) };
    let runs = past_runs(ports, &from)?;
    let Some(because) = not_promoted(&runs, plan, &from) else { return Ok(()) };
    let name = plan.name().map_or_else(|| "this release".to_owned(), |name| name.to_string());
    guards.meet(
        Guard::Promotion,
        Problem::new(format!("{name} was not promoted on {from}"))
            .because(format!("{because}, and {} accepts only promoted releases", plan.environment))
            .try_this(format!("deploy it on {from} first")),
    );
    Ok(())
}

/// Refuses while the latest run is in doubt, because it may have moved traffic. A rollback need not wait for that.
pub fn none_in_doubt(ports: &Services, environment: &EnvironmentName) -> Result<(), Refusal> {
    let store = ports.stores.open()?;
    let latest = store.runs(Some(environment), 1)?.pop();
    let newest = latest.as_ref().map(|run| run.view.number);
    // A newer damaged run may have moved traffic too: its result is unknown.
    let newer = |damage: &Damage| !damage.ended && newest.is_none_or(|newest| damage.run > newest);
    if let Some(damage) = store.damage().into_iter().find(newer) {
        return Err(Refusal::InDoubt(
            Problem::new(format!("the latest run of {environment} cannot be read"))
                .because(damage.to_string())
                .try_this(format!(
                    "pointsman status {environment} shows the live builds; then pointsman rollback {environment}"
                )),
        ));
    }
    match latest.filter(|run| run.view.ended.is_none() && run.runner.is_none()) {
        None => Ok(()),
        Some(run) => Err(Refusal::InDoubt(
            Problem::coded(
                Code::IN_DOUBT,
                format!("run {} of {environment} is in doubt", run.view.number),
            )
            .because(format!("its process died while it was {}", run.view.state.sentence()))
            .try_this(format!(
                "pointsman resume {}, or pointsman rollback {environment}",
                run.view.number.0
            )),
        )),
    }
}
