//! Rollback targets, or the reasons why there is none (N3). Reads the runs of one environment, newest first.
//!
//! A release is its label, its commit and its builds. The label alone does not identify a release: a branch
//! moves, and a label can be deployed again.

use std::collections::BTreeMap;

use super::code::Code;
use super::error::Problem;
use super::event::Mark;
use super::ids::{BuildId, RunNumber, ServiceName};
use super::migration::WaysBack;
use super::plan::RunKind;
use super::release::{ReleaseLabel, ReleaseName};
use super::run::RunState;
use super::snapshot::{EnvironmentSnapshot, ServiceSnapshot};
use super::time::Timestamp;
use super::view::{Marked, RunView};

/// A rollback target, with the build of each service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub release: ReleaseLabel,
    /// The commit it was built from, 40 hex digits, if known.
    pub commit: Option<String>,
    pub builds: BTreeMap<ServiceName, BuildId>,
}

impl Choice {
    /// The name with the commit, which distinguishes it from others with the same label.
    pub fn name(&self) -> ReleaseName {
        ReleaseName { label: self.release.clone(), commit: self.commit.clone() }
    }

    /// Whether it has one of these builds, which makes it the same release.
    fn shares_a_build(&self, builds: &BTreeMap<ServiceName, BuildId>) -> bool {
        self.builds.iter().any(|(service, build)| builds.get(service) == Some(build))
    }

    /// Whether it has a different build of a service, which makes it a different release.
    fn conflicts(&self, builds: &BTreeMap<ServiceName, BuildId>) -> bool {
        let other = |(service, build)| builds.get(service).is_some_and(|b: &BuildId| b != build);
        self.builds.iter().any(other)
    }

    fn is_of(&self, commit: Option<&String>, builds: &BTreeMap<ServiceName, BuildId>) -> bool {
        !self.conflicts(builds) && (self.shares_a_build(builds) || self.commit.as_ref() == commit)
    }
}

/// The live build of each service. `None`: no build is live.
pub type Live = BTreeMap<ServiceName, Option<BuildId>>;

/// A release that was live once, with its latest mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The release and its builds.
    pub choice: Choice,
    pub mark: Mark,
}

/// A release that a rollback can go to.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Target {
    pub release: ReleaseName,
    pub mark: Mark,
    /// Whether it is the default target of a rollback.
    pub usual: bool,
    /// When traffic last left it, if a run of this store moved it.
    pub left: Option<Timestamp>,
    /// Its services whose build the platform cannot serve any more.
    pub gone: Vec<ServiceName>,
    /// Why its builds may not start again, such as a secret that was destroyed. They may still be running.
    #[serde(default)]
    pub faults: Vec<String>,
    /// The rollback options of each database.
    pub schema: Vec<WaysBack>,
}

/// Every marked release, the latest marked first. Marks with the same label belong to the same release if no service
/// has different builds in them, and they share a build or the commit.
pub fn known<'a>(runs: impl IntoIterator<Item = &'a RunView>) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    let marks = runs.into_iter().flat_map(|run| run.marks.iter().rev().map(move |m| (run, m)));
    for (run, marked) in marks {
        let (commit, builds) = (commit_of(run, marked), marked.builds.iter().cloned().collect());
        let same = |k: &Known| {
            k.choice.release == marked.release && k.choice.is_of(commit.as_ref(), &builds)
        };
        if let Some(at) = known.iter().position(same) {
            let choice = &mut known[at].choice;
            choice.commit = choice.commit.take().or(commit);
            for (service, build) in builds {
                choice.builds.entry(service).or_insert(build);
            }
        } else {
            let choice = Choice { release: marked.release.clone(), commit, builds };
            known.push(Known { choice, mark: marked.mark });
        }
    }
    known
}

/// The commit of a release that a run marked, if that run knows it.
fn commit_of(run: &RunView, marked: &Marked) -> Option<String> {
    let own = run.plan.release.as_ref() == Some(&marked.release);
    let built = |s: &super::view::ServiceView| {
        s.green.as_ref().is_some_and(|green| marked.builds.iter().any(|(_, b)| b == green))
    };
    let green = run.services.values().any(built);
    run.plan.commit().filter(|_| own && green).map(str::to_owned)
}

/// The run that marked a release bad, if that is its latest mark. Without a commit, any
/// release with that label matches.
pub fn marked_bad<'a>(
    runs: impl IntoIterator<Item = &'a RunView>,
    release: &ReleaseLabel,
    commit: Option<&str>,
) -> Option<RunNumber> {
    let of = |k: &&Known| {
        let same = k.choice.commit.is_none() || commit.is_none();
        k.choice.release == *release && (same || k.choice.commit.as_deref() == commit)
    };
    let runs: Vec<_> = runs.into_iter().collect();
    let latest =
        known(runs.iter().copied()).into_iter().find(|k| of(&k)).filter(|k| k.mark == Mark::Bad)?;
    let marked = |m: &Marked| {
        let builds = m.builds.iter().cloned().collect();
        m.mark == Mark::Bad && m.release == *release && !latest.choice.conflicts(&builds)
    };
    runs.iter().find(|run| run.marks.iter().any(marked)).map(|run| run.number)
}

/// The default target of a rollback: the release that the live builds replaced, unless it is marked bad; otherwise
/// the last stable release that is not live.
pub fn default_target(runs: &[RunView], live: &Live) -> Result<Choice, Problem> {
    let known = known(runs);
    if let Some(choice) = replaced_and_usable(runs, &known, live) {
        return Ok(choice);
    }
    let now = known.iter().position(|k| !differs(&k.choice, live)).unwrap_or(0);
    let stable = known[now.min(known.len())..]
        .iter()
        .find(|k| k.mark != Mark::Bad && covers(&k.choice, live) && differs(&k.choice, live));
    stable.map(|k| k.choice.clone()).ok_or_else(|| {
        Problem::coded(Code::NO_ROLLBACK_TARGET, "there is nothing to roll back to").because(nothing_left(&known, live)).try_this(
            "deploy a release that works, or name a bad one: rollback ENV --to R --override bad --reason TEXT",
        )
    })
}

/// The default target of a rollback if the newest runs decide it, whatever the older ones are: the release that the live
/// builds replaced, if it is not marked bad. `None`: read all runs, for [`default_target`].
pub fn target_of_newest(newest: &[RunView], live: &Live) -> Option<Choice> {
    let known = known(newest);
    let choice = replaced_and_usable(newest, &known, live)?;
    let at = known.iter().position(|k| k.choice.shares_a_build(&choice.builds))?;
    // An older mark adds a build only to a release that has none of its service, ...
    let complete = |k: &Known| choice.builds.keys().all(|s| k.choice.builds.contains_key(s));
    // ... and a commit only to a release with a build from before these runs.
    let of_these = |(service, build): (&ServiceName, &BuildId)| {
        let built = |run: &RunView| {
            run.services.get(service).is_some_and(|seen| seen.ordered.contains(build))
        };
        newest.iter().any(built)
    };
    let decided = known[..=at].iter().all(complete)
        && (choice.commit.is_some() || known[at].choice.builds.iter().all(of_these));
    decided.then_some(choice)
}

/// The release that the live builds replaced, if it is not marked bad and not live.
fn replaced_and_usable(runs: &[RunView], known: &[Known], live: &Live) -> Option<Choice> {
    let choice = replaced(runs, live)?;
    let known = known.iter().find(|k| k.choice.shares_a_build(&choice.builds));
    let bad = known.is_some_and(|k| k.mark == Mark::Bad);
    // Its commit is known from the run that deployed it.
    let commit = known.and_then(|k| k.choice.commit.clone());
    (!bad && differs(&choice, live)).then_some(Choice { commit, ..choice })
}

/// The reason why there is no default target.
fn nothing_left(known: &[Known], live: &Live) -> &'static str {
    let mut others = known.iter().filter(|k| differs(&k.choice, live)).peekable();
    if others.peek().is_none() {
        return "no other release was live on this environment";
    }
    if others.all(|k| k.mark == Mark::Bad) {
        return "every other release that was live on this environment is marked bad";
    }
    "no other release that was live on this environment has a build of every service"
}

/// Why a named release is not a rollback target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTarget {
    /// No release of that name was live here.
    Unknown(Problem),
    /// A rollback to it is not possible.
    Impossible(Problem),
    /// It is marked bad, without an override.
    Bad(Problem),
}

impl NoTarget {
    pub fn problem(self) -> Problem {
        match self {
            Self::Unknown(problem) | Self::Impossible(problem) | Self::Bad(problem) => problem,
        }
    }
}

/// Finds the release that a person named: `main`, `main@1a2b3c4`. Of several releases with the same label, the latest
/// that is neither live nor bad is preferred. `bad_too`: a person overrode the mark.
pub fn named_target(
    runs: &[RunView],
    live: &Live,
    named: &ReleaseLabel,
    bad_too: bool,
) -> Result<Known, NoTarget> {
    let known = known(runs);
    let mut found: Vec<&Known> = known.iter().filter(|k| k.choice.name().is(named)).collect();
    if found.is_empty() {
        let served: Vec<_> = known.iter().map(|k| k.choice.name().to_string()).collect();
        let problem = Problem::new(format!("release {named} was never live here"));
        return Err(NoTarget::Unknown(
            problem
                .because(match served.as_slice() {
                    [] => "no release was".to_owned(),
                    served => format!("those that were: {}", served.join(", ")),
                })
                .try_this(format!("deploy it instead: deploy ENV --release {named}")),
        ));
    }
    found.sort_by_key(|k| {
        (!differs(&k.choice, live), k.mark == Mark::Bad, !covers(&k.choice, live))
    });
    let chosen = found[0];
    let name = chosen.choice.name();
    if let Some(missing) = live.keys().find(|s| !chosen.choice.builds.contains_key(*s)) {
        let with: Vec<_> = chosen.choice.builds.keys().map(|s| format!("--service {s}")).collect();
        return Err(NoTarget::Impossible(
            Problem::new(format!("release {name} has no build of {missing}"))
                .because("it was only deployed to some of the services")
                .try_this(format!("add {}", with.join(" "))),
        ));
    }
    if !differs(&chosen.choice, live) {
        return Err(NoTarget::Impossible(Problem::new(format!("release {name} is live already"))));
    }
    if chosen.mark == Mark::Bad && !bad_too {
        return Err(NoTarget::Bad(
            Problem::new(format!("release {name} is marked bad"))
                .because("it was rolled back here")
                .try_this("name another release"),
        ));
    }
    Ok(chosen.clone())
}

/// The builds that the live builds replaced, by service; with shares that a run left, those that had all traffic before.
fn replaced(runs: &[RunView], live: &Live) -> Option<Choice> {
    let brought = |run: &&RunView| {
        run.plan.kind != RunKind::Cleanup
            && run.services.iter().any(|(name, s)| {
                let live = live.get(name);
                let left_shared = live == Some(&None) && s.green_share().is_some();
                s.switch_asked && s.green.is_some() && (live == Some(&s.green) || left_shared)
            })
    };
    let run = runs.iter().find(brought)?;
    let mut builds = BTreeMap::new();
    let mut release = None;
    for (service, seen) in run.services.iter().filter(|(_, s)| s.switch_asked) {
        builds.insert(service.clone(), seen.blue.clone()?);
        release = release.or_else(|| seen.blue_release.clone());
    }
    Some(Choice { release: release?, commit: None, builds })
}

/// Builds that a clean-up must not touch: those of the last three releases that were live and are not
/// bad, including the live ones (invariant 4), and those of the default rollback target, which may be
/// earlier builds of the same release.
pub fn kept(runs: &[RunView], live: &Live) -> BTreeMap<ServiceName, Vec<BuildId>> {
    let serving = live.iter().filter_map(|(service, build)| Some((service, build.as_ref()?)));
    let stable = known(runs).into_iter().filter(|k| k.mark != Mark::Bad).take(RELEASES_KEPT);
    let choices: Vec<Choice> =
        default_target(runs, live).into_iter().chain(stable.map(|k| k.choice)).collect();
    let needed = choices.iter().flat_map(|choice| &choice.builds);
    let mut kept: BTreeMap<ServiceName, Vec<BuildId>> = BTreeMap::new();
    for (service, build) in serving.chain(needed) {
        let builds = kept.entry(service.clone()).or_default();
        if !builds.contains(build) {
            builds.push(build.clone());
        }
    }
    kept
}

/// Builds that a clean-up may delete: those that these runs requested, except the kept ones. It never
/// deletes builds of another machine or person.
pub fn obsolete(runs: &[RunView], live: &Live) -> BTreeMap<ServiceName, Vec<BuildId>> {
    let kept = kept(runs, live);
    let mut obsolete: BTreeMap<ServiceName, Vec<BuildId>> = BTreeMap::new();
    for (service, seen) in runs.iter().flat_map(|run| &run.services) {
        let spared = |build: &&BuildId| kept.get(service).is_some_and(|k| k.contains(build));
        let builds = seen.ordered.iter().filter(|build| !spared(build)).cloned();
        obsolete.entry(service.clone()).or_default().extend(builds);
    }
    obsolete
}

/// Number of stable releases that stay ready for a rollback, since the last one may be the bad one.
pub const RELEASES_KEPT: usize = 3;

/// Whether a rollback to the choice would change the live build of any of these services.
fn differs(choice: &Choice, live: &Live) -> bool {
    let in_question = |service: &ServiceName| live.get(service);
    choice.builds.iter().any(|(s, build)| in_question(s).is_some_and(|l| l.as_ref() != Some(build)))
}

/// When traffic last left a release: the end of the latest run that switched away from one of its builds.
pub fn last_live(runs: &[RunView], choice: &Choice) -> Option<Timestamp> {
    let moved = |run: &&RunView| {
        run.services.iter().any(|(service, seen)| {
            let ours = choice.builds.get(service);
            seen.switch_asked && ours.is_some() && seen.blue.as_ref() == ours
        })
    };
    runs.iter().find(moved).map(|run| run.ended.unwrap_or(run.last_at))
}

/// The release that a rollback to a choice would leave: the one whose live builds the choice replaces.
/// Builds that stay live do not count.
pub fn left_by(runs: &[RunView], live: &Live, choice: &Choice) -> Option<Known> {
    let changes = |service: &ServiceName, build: &BuildId| {
        let serves = live.get(service).is_some_and(|l| l.as_ref() == Some(build));
        serves && choice.builds.get(service).is_some_and(|to| to != build)
    };
    let left = |k: &Known| k.choice.builds.iter().any(|(s, b)| changes(s, b));
    known(runs).into_iter().find(left)
}

/// Time until which the rollback target stays warm. It is warm if the last run that moved traffic replaced it, that
/// run ended well, and `keep_blue` has not passed.
pub fn warm_until(last: &RunView, seen: &EnvironmentSnapshot, now: Timestamp) -> Option<Timestamp> {
    let reached = matches!(&last.state, RunState::Ended { outcome } if outcome.reached());
    if !reached || !last.touched_traffic() || last.undoing() {
        return None;
    }
    let until = last.ended?.checked_add(last.plan.policy.keep_blue).ok()?;
    let moved =
        |s: &&ServiceSnapshot| last.services.get(&s.service).is_some_and(|v| v.switch_asked);
    let mut targets = seen.services.iter().filter(moved).peekable();
    targets.peek()?;
    let is_blue = |service: &ServiceSnapshot| {
        let ready = service.rollback.why.is_none();
        let blue = last.services.get(&service.service).and_then(|view| view.blue.as_ref());
        ready && service.rollback.build.is_some() && service.rollback.build.as_ref() == blue
    };
    (until > now && targets.all(is_blue)).then_some(until)
}

fn covers(choice: &Choice, live: &Live) -> bool {
    live.keys().all(|service| choice.builds.contains_key(service))
}
