//! What a rollback could go to, and why not (N3). Reads the runs of one environment, newest first.

use std::collections::BTreeMap;

use super::error::Problem;
use super::event::Mark;
use super::ids::{BuildId, RunNumber, ServiceName};
use super::migration::WaysBack;
use super::plan::RunKind;
use super::release::ReleaseLabel;
use super::view::RunView;

/// A release to go back to, with the build of each service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The release.
    pub release: ReleaseLabel,
    /// Its builds.
    pub builds: BTreeMap<ServiceName, BuildId>,
}

/// What serves each service. `None`: nothing.
pub type Live = BTreeMap<ServiceName, Option<BuildId>>;

/// A release that once served, with its latest mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The release and its builds.
    pub choice: Choice,
    /// Its latest mark.
    pub mark: Mark,
}

/// A release a rollback could go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The release.
    pub release: ReleaseLabel,
    /// What it is known as.
    pub mark: Mark,
    /// Whether a rollback without a name goes there.
    pub usual: bool,
    /// What it asks of each database.
    pub schema: Vec<WaysBack>,
}

/// Every marked release, the latest served first. Builds are those of the latest mark that names
/// any for the service.
pub fn known(runs: &[RunView]) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for marked in runs.iter().flat_map(|run| run.marks.iter().rev()) {
        let at = known.iter().position(|k| k.choice.release == marked.release);
        let at = at.unwrap_or_else(|| {
            let choice = Choice { release: marked.release.clone(), builds: BTreeMap::new() };
            known.push(Known { choice, mark: marked.mark });
            known.len() - 1
        });
        for (service, build) in &marked.builds {
            known[at].choice.builds.entry(service.clone()).or_insert_with(|| build.clone());
        }
    }
    known
}

/// The run that marked a release bad, if that is its latest mark.
pub fn marked_bad<'a>(
    runs: impl IntoIterator<Item = &'a RunView>,
    release: &ReleaseLabel,
) -> Option<RunNumber> {
    let marks = runs.into_iter().flat_map(|run| run.marks.iter().rev().map(|m| (run.number, m)));
    let latest = marks.into_iter().find(|(_, marked)| &marked.release == release);
    latest.filter(|(_, marked)| marked.mark == Mark::Bad).map(|(run, _)| run)
}

/// The default target of a rollback: what the run that brought the live builds replaced, unless
/// that is marked bad; else the last stable release that is not live.
pub fn default_target(runs: &[RunView], live: &Live) -> Result<Choice, Problem> {
    let known = known(runs);
    let usable = |choice: &Choice| {
        let mark = known.iter().find(|k| k.choice.release == choice.release).map(|k| k.mark);
        mark != Some(Mark::Bad) && differs(choice, live)
    };
    if let Some(choice) = replaced(runs, live).filter(usable) {
        return Ok(choice);
    }
    let now = known.iter().position(|k| !differs(&k.choice, live)).unwrap_or(0);
    let stable = known[now.min(known.len())..]
        .iter()
        .find(|k| k.mark != Mark::Bad && covers(&k.choice, live) && differs(&k.choice, live));
    stable.map(|k| k.choice.clone()).ok_or_else(|| {
        Problem::new("there is nothing to roll back to")
            .because(nothing_left(&known, live))
            .try_this(
                "deploy a release that works, or name a bad one: rollback --to R --reason TEXT",
            )
    })
}

/// Why there is no target by itself.
fn nothing_left(known: &[Known], live: &Live) -> &'static str {
    let mut others = known.iter().filter(|k| differs(&k.choice, live)).peekable();
    if others.peek().is_none() {
        return "nothing else has served here";
    }
    if others.all(|k| k.mark == Mark::Bad) {
        return "every other release that served here is marked bad";
    }
    "no other release that served here has a build of every service"
}

/// The release a person named.
pub fn named_target(
    runs: &[RunView],
    live: &Live,
    release: &ReleaseLabel,
    reason: Option<&str>,
) -> Result<Known, Problem> {
    let known = known(runs);
    let Some(found) = known.iter().find(|k| &k.choice.release == release) else {
        let names: Vec<_> = known.iter().map(|k| k.choice.release.as_str()).collect();
        return Err(Problem::new(format!("release {release} never served here"))
            .because(match names.as_slice() {
                [] => "no release has".to_owned(),
                names => format!("those that did: {}", names.join(", ")),
            })
            .try_this(format!("deploy it instead: deploy ENV --release {release}")));
    };
    if let Some(missing) = live.keys().find(|s| !found.choice.builds.contains_key(*s)) {
        let with: Vec<_> = found.choice.builds.keys().map(|s| format!("--service {s}")).collect();
        return Err(Problem::new(format!("release {release} has no build of {missing}"))
            .because("it was only deployed to some of the services")
            .try_this(format!("add {}", with.join(" "))));
    }
    if !differs(&found.choice, live) {
        return Err(Problem::new(format!("release {release} is live already")));
    }
    if found.mark == Mark::Bad && reason.is_none() {
        return Err(Problem::new(format!("release {release} is marked bad"))
            .because("it was rolled back before")
            .try_this("name another one, or say why with --reason TEXT"));
    }
    Ok(found.clone())
}

/// Per service, what was replaced by the run whose builds are live now.
fn replaced(runs: &[RunView], live: &Live) -> Option<Choice> {
    let brought = |run: &&RunView| {
        run.plan.kind != RunKind::Cleanup
            && run.services.iter().any(|(name, s)| {
                s.switch_asked && s.green.is_some() && live.get(name) == Some(&s.green)
            })
    };
    let run = runs.iter().find(brought)?;
    let mut builds = BTreeMap::new();
    let mut release = None;
    for (service, seen) in run.services.iter().filter(|(_, s)| s.switch_asked) {
        builds.insert(service.clone(), seen.blue.clone()?);
        release = release.or_else(|| seen.blue_release.clone());
    }
    Some(Choice { release: release?, builds })
}

/// Builds a clean-up must not touch: those of the last three releases that served and are not bad,
/// the live ones among them (invariant 4), and whatever a rollback would go to now, which may be an
/// earlier build of the very same release.
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

/// Builds a clean-up may delete: those that these runs ordered, but for the kept ones. What another
/// machine or person built is not ours to judge.
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

/// So many stable releases stay ready for a rollback (deploy-tools.md §7).
pub const RELEASES_KEPT: usize = 3;

/// Whether going there would change anything for the services that are looked at.
fn differs(choice: &Choice, live: &Live) -> bool {
    let looked_at = |service: &ServiceName| live.get(service);
    choice.builds.iter().any(|(s, build)| looked_at(s).is_some_and(|l| l.as_ref() != Some(build)))
}

/// The release that going to a choice would leave: the one whose builds serve now where the choice
/// names others. What serves on in both is not left.
pub fn left_by(runs: &[RunView], live: &Live, choice: &Choice) -> Option<Known> {
    let changes = |service: &ServiceName, build: &BuildId| {
        let serves = live.get(service).is_some_and(|l| l.as_ref() == Some(build));
        serves && choice.builds.get(service).is_some_and(|to| to != build)
    };
    let left = |k: &Known| k.choice.builds.iter().any(|(s, b)| changes(s, b));
    known(runs).into_iter().find(|k| k.choice.release != choice.release && left(k))
}

fn covers(choice: &Choice, live: &Live) -> bool {
    live.keys().all(|service| choice.builds.contains_key(service))
}
