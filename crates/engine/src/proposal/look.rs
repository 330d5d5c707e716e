//! Reads the current state of an environment. Never starts anything.

use super::builds::secret_faults;
use crate::services::{Services, in_time};
use crate::side_by_side::side_by_side;
use pointsman_core::error::Problem;
use pointsman_core::health::Sample;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::hosting::{Automatic, BuildState, Hosting, Traffic};
use pointsman_core::readiness::{Choice, Live, default_target};
use pointsman_core::snapshot::{
    BuildSnapshot, EnvironmentSnapshot, Health, Readiness, ServiceSnapshot,
};
use pointsman_core::step::Side;
use pointsman_core::view::{RunView, TrafficState};

/// Reads the state of every service of an environment. `runs` are its latest runs, newest first. `ask`: probes the
/// health of each service once, for callers without a probe keeper.
pub async fn look(
    ports: &Services,
    spec: &EnvironmentSpec,
    runs: &[RunView],
    ask: bool,
) -> EnvironmentSnapshot {
    look_back_to(ports, spec, runs, |live| default_target(runs, live), ask).await
}

/// [`look`] for callers that have read only the newest runs. `target` finds the default target of a rollback.
pub async fn look_back_to(
    ports: &Services,
    spec: &EnvironmentSpec,
    newest: &[RunView],
    target: impl FnOnce(&Live) -> Result<Choice, Problem>,
    ask: bool,
) -> EnvironmentSnapshot {
    let hosting = match ports.hosting(&spec.endpoint, false).await {
        Ok(Some(hosting)) => hosting,
        // The services are processes of the emulator: without it, none of them runs.
        Ok(None) => return unseen(spec, Problem::new("the emulator is not running"), &Health::Off),
        Err(problem) => return unknown(spec, problem),
    };
    match services(ports, spec, hosting.as_ref(), newest, target, ask).await {
        Ok(services) => EnvironmentSnapshot::new(services, spec.freeze.clone(), None),
        Err(problem) => unknown(spec, problem),
    }
}

/// The snapshot of a platform that cannot be read: unknown is not off.
fn unknown(spec: &EnvironmentSpec, problem: Problem) -> EnvironmentSnapshot {
    let health = Health::Stale(problem.to_string());
    unseen(spec, problem, &health)
}

fn unseen(spec: &EnvironmentSpec, problem: Problem, health: &Health) -> EnvironmentSnapshot {
    let one = |member: &Member| ServiceSnapshot {
        service: member.service().clone(),
        url: member.url.clone(),
        live: None,
        traffic: TrafficState::Unknown,
        rollouts_held: false,
        side: Side::Blue,
        green: None,
        blue: None,
        health: health.clone(),
        found: None,
        rollback: Readiness::none(problem.what.clone()),
    };
    let services = spec.members.iter().map(one).collect();
    EnvironmentSnapshot::new(services, spec.freeze.clone(), Some(problem))
}

async fn services(
    ports: &Services,
    spec: &EnvironmentSpec,
    hosting: &dyn Hosting,
    runs: &[RunView],
    target: impl FnOnce(&Live) -> Result<Choice, Problem>,
    ask: bool,
) -> Result<Vec<ServiceSnapshot>, Problem> {
    let traffic = ports.traffic(hosting, &spec.members).await?;
    let whole = |t: &Option<Traffic>| t.as_ref().and_then(|t| t.whole().cloned());
    let live: Live = traffic.iter().map(|(s, t)| (s.clone(), whole(t))).collect();
    let target = target(&live);
    let looks = spec.members.iter().map(|member| {
        let traffic = traffic.get(member.service()).cloned().flatten();
        let (live, target) = (&live, &target);
        async move {
            let mut seen = one(member, hosting, runs, live, target).await?;
            if let Some(traffic) = traffic {
                seen.traffic = TrafficState::of(&traffic.splits);
                seen.rollouts_held = matches!(traffic.automatic, Automatic::Held { .. });
            } else {
                seen.traffic = TrafficState::None;
            }
            // Every build with a share of the traffic serves customers.
            if ask && !matches!(seen.traffic, TrafficState::None | TrafficState::Unknown) {
                seen.health = match ports.probe_once(member, spec).await? {
                    Sample::Healthy(_) => seen.found.clone().map_or(Health::Ok, Health::Degraded),
                    Sample::Unhealthy(why) => Health::Down(why),
                    Sample::Blind(why) => Health::Stale(why),
                };
            }
            Ok(seen)
        }
    });
    side_by_side(looks).await.into_iter().collect()
}

async fn one(
    member: &Member,
    hosting: &dyn Hosting,
    runs: &[RunView],
    live: &Live,
    target: &Result<Choice, Problem>,
) -> Result<ServiceSnapshot, Problem> {
    let service = member.service().clone();
    let build = live.get(&service).cloned().flatten();
    let under_way = runs.first().filter(|r| r.ended.is_none());
    let green = under_way.and_then(|r| r.services.get(&service)?.green.clone());
    let health = if build.is_none() { Health::Off } else { Health::NotAsked };
    let rollback = match target {
        Err(problem) => Readiness::none(problem.why.clone()),
        Ok(choice) => ready(member, hosting, choice).await,
    };
    // A build keeps its role after the run, until the next run begins: the pane of that run names it so.
    let latest = runs.first().and_then(|run| run.services.get(&service)?.green.as_ref());
    let side = if latest.is_some() && latest == build.as_ref() { Side::Green } else { Side::Blue };
    let found = under_way.filter(|_| side == Side::Green).and_then(|run| {
        let found = run.services.get(&service)?.watched_bad.as_ref()?;
        Some(format!("run {}, {found}", run.number))
    });
    let green = green.filter(|g| Some(g) != build.as_ref());
    let blue = under_way.and_then(|r| r.services.get(&service)?.blue.clone());
    let blue = blue.filter(|b| build.is_some() && Some(b) != build.as_ref());
    Ok(ServiceSnapshot {
        url: member.url.clone(),
        live: seen(hosting, member, build).await?,
        traffic: TrafficState::Unknown,
        rollouts_held: false,
        side,
        green: seen(hosting, member, green).await?,
        blue: seen(hosting, member, blue).await?,
        found,
        health,
        rollback,
        service,
    })
}

async fn seen(
    hosting: &dyn Hosting,
    member: &Member,
    id: Option<BuildId>,
) -> Result<Option<BuildSnapshot>, Problem> {
    let Some(id) = id else {
        return Ok(None);
    };
    let build = in_time(&format!("build {id}"), hosting.build(&member.target, &id)).await?;
    let state = build.as_ref().map_or("gone", |b| b.state_word.as_str()).to_owned();
    let preview = build.as_ref().and_then(|b| b.preview.clone());
    let (release, commit) = build.map_or((None, None), |b| (b.release, b.commit));
    let revision = hosting.revision(&member.target, &id);
    Ok(Some(BuildSnapshot { release, commit, revision, build: id, state, preview }))
}

/// Whether the build that a rollback would go to can become live, according to the platform and not to the store.
async fn ready(member: &Member, hosting: &dyn Hosting, choice: &Choice) -> Readiness {
    let target = Some(choice.name());
    let Some(id) = choice.builds.get(member.service()) else {
        let why = format!("{} has no build of this service", choice.name());
        return Readiness { target, ..Readiness::none(why) };
    };
    let mut faults = Vec::new();
    let why = match in_time(&format!("build {id}"), hosting.build(&member.target, id)).await {
        Ok(Some(build)) if build.state == BuildState::Ready => {
            faults = secret_faults(hosting, member, &build).await;
            None
        }
        Ok(Some(build)) => Some(format!("build {id} is {}", build.state_word)),
        Ok(None) => Some(format!("build {id} is gone")),
        Err(problem) => Some(problem.to_string()),
    };
    Readiness { target, build: Some(id.clone()), why, faults }
}
