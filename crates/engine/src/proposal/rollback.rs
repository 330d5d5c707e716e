//! Proposes a rollback. It only needs the confirmation: no checklist, freeze or alarm can block it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::builds::{accepted, ranges_of, read_builds, secret_faults};
use super::platform_releases::{live_release, newest_on_platform, on_platform, tried_here};
use super::schema::{files, ways_back};
use super::{Proposal, RUNS_SEARCHED, Refusal};
use crate::services::{QUICK_READ_WITHIN, READ_WITHIN, SchemaLook, Services};
use pointsman_config::Loaded;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Mark;
use pointsman_core::guard::{Guard, Guards, Justification};
use pointsman_core::ids::{EnvironmentName, ServiceName};
use pointsman_core::migration::{Migration, SchemaRange, SchemaWay, Undo, WaysBack};
use pointsman_core::plan::{Member, RunKind};
use pointsman_core::planner::{self, EnvironmentSpec};
use pointsman_core::ports::hosting::{Build, BuildState, Hosting};
use pointsman_core::ports::journal::JournalError;
use pointsman_core::readiness::{
    Choice, Known, Live, NoTarget, Target, default_target, known, last_live, left_by, named_target,
};
use pointsman_core::release::{ReleaseLabel, ReleaseName, SchemaVersion};
use pointsman_core::view::RunView;

/// The rollback targets, the default one first.
pub async fn targets(
    ports: &Services,
    loaded: &Loaded,
    spec: &EnvironmentSpec,
) -> Result<Vec<Target>, Refusal> {
    let hosting = ports.platform(&spec.endpoint).await.map_err(Refusal::Failed)?;
    let live = ports.live(hosting.as_ref(), &spec.members).await.map_err(Refusal::Failed)?;
    let (runs, _) = past(ports, &spec.environment);
    let usual = default_target(&runs, &live).ok().map(|choice| choice.builds);
    let serving = live.iter().filter_map(|(s, build)| Some((s.clone(), build.clone()?))).collect();
    let now = accepted(hosting.as_ref(), &spec.members, &serving).await;
    let looks = looks(ports, loaded, spec).await;
    let (mut targets, mut builds) = (Vec::new(), Vec::new());
    for known in known(&runs) {
        let Known { choice, mark } = known;
        if !offered(&choice, &live) {
            continue;
        }
        let read = read_builds(hosting.as_ref(), &spec.members, &choice.builds).await;
        // A build that could not be read may be there: only what the platform denies is gone.
        let denied = |read: &Result<Option<Build>, Problem>| match read {
            Ok(Some(build)) => build.state != BuildState::Ready,
            Ok(None) => true,
            Err(_) => false,
        };
        let gone = read.iter().filter(|(_, build)| denied(build));
        let gone = gone.map(|(service, _)| service.clone()).collect();
        let built = read.iter().filter_map(|(service, build)| {
            let member = spec.members.iter().find(|member| member.service() == service)?;
            Some((member.clone(), build.as_ref().ok()?.clone()?))
        });
        let built: Vec<(Member, Build)> = built.collect();
        let then = ranges_of(read);
        let usual = usual.as_ref() == Some(&choice.builds);
        let schema = looks.iter().filter_map(|look| way_of(look, &runs, &choice, &now, &then));
        let schema = schema.collect();
        let left = last_live(&runs, &choice);
        let faults = Vec::new();
        targets.push(Target { usual, release: choice.name(), mark, left, gone, faults, schema });
        builds.push(built);
    }
    faults_of(hosting.as_ref(), &mut targets, builds).await;
    targets.sort_by_key(|target| (!target.usual, target.mark == Mark::Bad));
    Ok(targets)
}

/// Time limit for the secrets of all targets: they are evidence, and no rollback waits for them.
const FAULTS_WITHIN: Duration = Duration::from_secs(2);

/// Adds why the builds of each target may not start again, as far as that is known in time.
async fn faults_of(
    hosting: &dyn Hosting,
    targets: &mut [Target],
    builds: Vec<Vec<(Member, Build)>>,
) {
    let of_target = |built: Vec<(Member, Build)>| async move {
        let each = built.iter().map(|(member, build)| secret_faults(hosting, member, build));
        join_all(each).await.concat()
    };
    let all = join_all(builds.into_iter().map(of_target));
    let Ok(all) = tokio::time::timeout(FAULTS_WITHIN, all).await else { return };
    for (target, faults) in targets.iter_mut().zip(all) {
        target.faults = faults;
    }
}

/// A database that could be read, and its migration files.
type Looked = (String, SchemaLook, Vec<Migration>);

async fn looks(ports: &Services, loaded: &Loaded, spec: &EnvironmentSpec) -> Vec<Looked> {
    let mut looks = Vec::new();
    for planned in &spec.databases {
        let files = files(loaded, spec.environment.as_str(), &planned.name);
        if let (Ok(seen), Ok(files)) = (ports.look_at(planned, QUICK_READ_WITHIN).await, files) {
            looks.push((planned.name.clone(), seen, files));
        }
    }
    looks
}

/// The schema changes that a rollback to a target needs.
fn way_of(
    (name, seen, files): &Looked,
    runs: &[RunView],
    choice: &Choice,
    now: &Accepted,
    then: &Accepted,
) -> Option<WaysBack> {
    let (now, then) = (ranges(now, name), ranges(then, name));
    let left = left_at(runs, choice, name);
    let to = left.filter(|left| seen.schema.version().is_some_and(|now| **left < now));
    let back = |to| ways_back(name, files, &seen.schema, &now, &then, to);
    back(to).or_else(|_| back(None)).ok().flatten()
}

/// The version at which the deploy of a release left a database.
fn left_at<'a>(runs: &'a [RunView], choice: &Choice, database: &str) -> Option<&'a SchemaVersion> {
    let brought = |run: &&RunView| {
        run.plan.kind == RunKind::Deploy && run.plan.release.as_ref() == Some(&choice.release)
    };
    runs.iter().find(brought)?.databases.get(database)?.version.as_ref()
}

/// The range of each service for one database.
fn ranges(of: &Accepted, database: &str) -> Vec<SchemaRange> {
    of.iter().filter_map(|(_, accepts)| accepts.get(database).cloned()).collect()
}

/// The request for a rollback.
#[derive(Debug, Clone, Copy)]
pub struct RollbackRequest<'a> {
    /// The release to roll back to; the default target if unset.
    pub to: Option<&'a ReleaseLabel>,
    /// The reason, and the guards to override.
    pub why: &'a Justification,
    /// Undo migrations too, down to this version.
    pub undo_schema: Option<&'a SchemaVersion>,
    /// The database whose migrations to undo, if there are several.
    pub database: Option<&'a str>,
    /// Whether to wait for a person's lock.
    pub waits: bool,
}

type Accepted = [(ServiceName, BTreeMap<String, SchemaRange>)];

/// Decides whether the databases are kept as they are, or migrations are undone, and when. Undoing is offered only if
/// it is safe. A database that cannot be read blocks nothing, unless its migrations are to be undone.
async fn schema_way(
    ports: &Services,
    loaded: &Loaded,
    spec: &mut EnvironmentSpec,
    now: &Accepted,
    then: &Accepted,
    (undo, named): (Option<&SchemaVersion>, Option<&str>),
) -> Result<(SchemaWay, Vec<String>), Refusal> {
    let environment = spec.environment.to_string();
    let (mut way, mut told) = (SchemaWay::Keep, Vec::new());
    let alone = spec.databases.len() == 1;
    for planned in &mut spec.databases {
        let wished = undo.filter(|_| named.map_or(alone, |named| named == planned.name));
        let patience = if wished.is_some() { READ_WITHIN } else { QUICK_READ_WITHIN };
        let seen = match ports.look_at(planned, patience).await {
            Ok(seen) => seen,
            Err(problem) if wished.is_some() => return Err(Refusal::Failed(problem)),
            Err(problem) => {
                told.push(format!("{} is unknown: {}.", planned.name, problem.what));
                continue;
            }
        };
        let files = files(loaded, &environment, &planned.name).or_else(|refusal| match wished {
            Some(_) => Err(refusal),
            None => Ok(Vec::new()),
        })?;
        let (now, then) = (ranges(now, &planned.name), ranges(then, &planned.name));
        let back = ways_back(&planned.name, &files, &seen.schema, &now, &then, wished);
        let Some(back) = back.map_err(Refusal::Refused)? else { continue };
        if wished.is_none() {
            let open = back.open(SchemaWay::Keep);
            open.map_err(|why| Refusal::Refused(closed(&back, &why)))?;
            continue;
        }
        let open = [SchemaWay::After, SchemaWay::Before].map(|way| (way, back.open(way)));
        let Some((chosen, _)) = open.iter().find(|(_, open)| open.is_ok()) else {
            let why: Vec<_> = open
                .iter()
                .map(|(way, open)| {
                    let why = open.as_ref().err().cloned().unwrap_or_default();
                    format!("{} the switch: {why}", way.label())
                })
                .collect();
            let what =
                format!("migrations of {} cannot be undone with this rollback", planned.name);
            return Err(Refusal::Refused(
                Problem::coded(Code::NO_ROLLBACK_TARGET, what).because(why.join("; ")),
            ));
        };
        way = *chosen;
        planned.migrations = back.undone.iter().map(|u| u.migration.clone()).collect();
        for undone in &planned.migrations {
            let lost =
                if undone.undo == Undo::DataLoss { "; what was written since is lost" } else { "" };
            told.push(format!(
                "{} is undone on {} {} the switch: {}{lost}.",
                undone.version,
                planned.name,
                way.label(),
                undone.description
            ));
        }
    }
    Ok((way, told))
}

/// The reason why a rollback is not possible as is, and the changes that would allow it.
fn closed(back: &WaysBack, why: &str) -> Problem {
    let problem = Problem::coded(
        Code::SCHEMA_BLOCKS,
        format!("the target does not accept the version of {}", back.database),
    )
    .because(why.to_owned());
    match (back.undo(), back.undone.last()) {
        (Some(way), Some(last)) => problem.try_this(format!(
            "undo {} migrations {} the switch: add --undo-schema {}; or name another release",
            back.undone.len(),
            way.label(),
            last.leaves
        )),
        _ => problem.try_this("deploy a release that accepts it, or name another one with --to"),
    }
}

/// Proposes a rollback. Runs that cannot be read are reported, and block nothing.
pub async fn rollback(
    ports: &Services,
    loaded: &Loaded,
    mut spec: EnvironmentSpec,
    back: &RollbackRequest<'_>,
) -> Result<Proposal, Refusal> {
    let RollbackRequest { to, why, undo_schema, database, waits } = *back;
    let mut guards = Guards::default();
    let hosting = ports.platform(&spec.endpoint).await.map_err(Refusal::Failed)?;
    let live = ports.live(hosting.as_ref(), &spec.members).await.map_err(Refusal::Failed)?;
    let (runs, unread) = past(ports, &spec.environment);
    // No person can have taken a lock in a store that cannot be read.
    let lock = ports.stores.open_readable().and_then(|store| store.locked(&spec.environment));
    let waited_for = waits && !why.overrides.contains_key(&Guard::Lock);
    if let Ok(Some(lock)) = lock
        && !waited_for
    {
        let told = JournalError::Locked(spec.environment.clone(), lock).to_string();
        guards.meet(Guard::Lock, Problem::new(told));
    }
    let past = (&runs[..], &live);
    let chosen = choose(hosting.as_ref(), &spec.members, past, to, (why, &mut guards)).await;
    let mut guessed = false;
    let choice = match chosen {
        // The platform may know a release that the store no longer knows.
        Err(refused) if to.is_none() && unread.is_some() => {
            let found = newest_on_platform(hosting.as_ref(), &spec.members, &live, &runs).await;
            guessed = true;
            found.ok_or(refused)?
        }
        chosen => chosen?,
    };
    // The rollback leaves the release whose builds are live now.
    let leaves = left_by(&runs, &live, &choice);
    let leaves = leaves.filter(|k| k.mark != Mark::Bad).map(|k| k.choice.name());
    let leaves = match leaves {
        Some(name) => Some(name),
        None => live_release(hosting.as_ref(), &spec.members, &live, &choice).await,
    };
    let told = if guessed {
        "Chosen from the platform's builds, because"
    } else {
        "Part of the history could not be read:"
    };
    let unread = unread.map(|why| format!("\n{told} {why}"));
    let what = format!(
        "Roll {} back to {}{}. Nothing is built.{}",
        spec.environment,
        choice.name(),
        leaves.as_ref().map(|l| marks(&choice, l)).unwrap_or_default(),
        unread.unwrap_or_default()
    );
    let serving = live.iter().filter_map(|(s, build)| Some((s.clone(), build.clone()?))).collect();
    let now = accepted(hosting.as_ref(), &spec.members, &serving).await;
    let then = accepted(hosting.as_ref(), &spec.members, &choice.builds).await;
    let wish = (undo_schema, database);
    let (way, told) = schema_way(ports, loaded, &mut spec, &now, &then, wish).await?;
    let what = told.iter().fold(what, |what, told| format!("{what}\n{told}"));
    let plan = planner::rollback(spec, &choice, leaves, way).map_err(Refusal::Usage)?;
    Proposal::passing(ports, plan, what, guards, why)
}

/// What becomes of the live release. If one release was deployed twice, the rollback goes to its earlier build.
fn marks(choice: &Choice, live: &ReleaseName) -> String {
    if choice.name() == *live {
        return ", to its earlier build, and mark the live build of it bad".to_owned();
    }
    format!(", and mark the live {live} bad")
}

/// Chooses the target of a rollback. If a guard applies to a named target, it is recorded, and the builds of the target
/// are chosen anyway.
async fn choose(
    hosting: &dyn Hosting,
    members: &[Member],
    (runs, live): (&[RunView], &Live),
    to: Option<&ReleaseLabel>,
    (why, guards): (&Justification, &mut Guards),
) -> Result<Choice, Refusal> {
    let Some(release) = to else {
        return default_target(runs, live).map_err(Refusal::Refused);
    };
    match named_target(runs, live, release, false) {
        Ok(known) => Ok(known.choice),
        Err(NoTarget::Bad(problem)) => {
            guards.meet(Guard::Bad, problem);
            let known = named_target(runs, live, release, true);
            known.map(|k| k.choice).map_err(|no| Refusal::Refused(no.problem()))
        }
        // Known here without a mark means that the release was never live. A rollback does not probe its build, so it
        // must not be the first to give it traffic.
        Err(NoTarget::Unknown(problem)) if !tried_here(runs, release) => {
            let found = on_platform(hosting, members, release).await;
            let Some(choice) = found else { return Err(Refusal::Refused(problem)) };
            if why.reason.is_none() {
                let todo = "the platform has a build of it: add --reason TEXT to roll back to that";
                let problem = Problem { code: Some(Code::REASON_NEEDED), ..problem };
                return Err(Refusal::Refused(problem.try_this(todo)));
            }
            Ok(choice)
        }
        Err(no) => Err(Refusal::Refused(no.problem())),
    }
}

/// Whether a release can be a target: it has a build of every service, and at least one of them is not live.
fn offered(choice: &Choice, live: &Live) -> bool {
    let covers = live.keys().all(|service| choice.builds.contains_key(service));
    let differs = |(s, build)| live.get(s).is_some_and(|l: &Option<_>| l.as_ref() != Some(build));
    covers && choice.builds.iter().any(differs)
}

/// The latest runs of the store, and the reason why some or all of them could not be read: it is reported, and blocks
/// nothing.
fn past(ports: &Services, environment: &EnvironmentName) -> (Vec<RunView>, Option<String>) {
    let listed = ports.stores.open_readable().and_then(|store| {
        let listed = store.runs(Some(environment), RUNS_SEARCHED)?;
        Ok((listed, store.damage(), store.behind()))
    });
    match listed {
        Ok((listed, damage, behind)) => {
            let views = listed.into_iter().map(|listed| listed.view).collect();
            let behind = behind.iter().map(ToString::to_string);
            let told: Vec<_> = damage.iter().map(ToString::to_string).chain(behind).collect();
            (views, (!told.is_empty()).then(|| told.join("; ")))
        }
        Err(error) => (Vec::new(), Some(format!("history cannot be read: {error}"))),
    }
}
