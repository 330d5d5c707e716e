//! Releases according to the platform's own builds, for a store that does not know them or cannot be read.

use std::collections::BTreeMap;

use crate::services::in_time;
use pointsman_core::event::Mark;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{Build, BuildState, Hosting};
use pointsman_core::readiness::{Choice, Known, Live, known};
use pointsman_core::release::{ReleaseLabel, ReleaseName};
use pointsman_core::view::RunView;

/// The live release according to the platform's own builds: a run that died may have recorded no mark.
pub(super) async fn live_release(
    hosting: &dyn Hosting,
    members: &[Member],
    live: &Live,
    choice: &Choice,
) -> Option<ReleaseName> {
    for member in members {
        let Some(Some(id)) = live.get(member.service()) else {
            continue;
        };
        if choice.builds.get(member.service()).is_none_or(|to| to == id) {
            continue;
        }
        let build = in_time(&format!("build {id}"), hosting.build(&member.target, id)).await;
        if let Ok(Some(build)) = build
            && let Some(label) = build.release
        {
            return Some(ReleaseName { label, commit: build.commit });
        }
    }
    None
}

/// The rollback target if the store does not know the previous release: the newest release, other than the live one, of
/// which the platform has a usable build of every service.
pub(super) async fn newest_on_platform(
    hosting: &dyn Hosting,
    members: &[Member],
    live: &Live,
    runs: &[RunView],
) -> Option<Choice> {
    // The readable runs have judged their releases: one without a stable mark is no target.
    let known = known(runs);
    let bad = |name: &Build| {
        let of = |k: &&Known| k.choice.builds.values().any(|id| *id == name.id);
        let mark = known.iter().find(of).map(|k| k.mark);
        mark == Some(Mark::Bad)
            || (mark.is_none() && name.release.as_ref().is_some_and(|r| tried_here(runs, r)))
    };
    let mut all = Vec::new();
    for member in members {
        let builds = hosting.builds(&member.target).await.ok()?;
        let now = live.get(member.service()).cloned().flatten();
        let usable =
            |b: &Build| b.state == BuildState::Ready && Some(&b.id) != now.as_ref() && !bad(b);
        let mut builds: Vec<Build> = builds.into_iter().filter(usable).collect();
        // Platforms list builds in any order. A platform that reports no times is assumed to list the newest build
        // first.
        builds.sort_by_key(|build| std::cmp::Reverse(build.created));
        all.push((member.service().clone(), builds));
    }
    let (_, first) = all.first()?;
    first.iter().filter_map(|build| build.release.clone()).find_map(|release| {
        let mut choice = Choice { release, commit: None, builds: BTreeMap::new() };
        for (service, builds) in &all {
            let of = |b: &&Build| b.release.as_ref() == Some(&choice.release);
            let found = builds.iter().find(of)?;
            choice.commit = choice.commit.or_else(|| found.commit.clone());
            choice.builds.insert(service.clone(), found.id.clone());
        }
        Some(choice)
    })
}

/// A release that this store does not know, according to the platform's own builds: another machine may have deployed
/// it.
pub(super) async fn on_platform(
    hosting: &dyn Hosting,
    members: &[Member],
    release: &ReleaseLabel,
) -> Option<Choice> {
    let (mut builds, mut commit) = (BTreeMap::new(), None);
    for member in members {
        let all = hosting.builds(&member.target).await.ok()?;
        let usable =
            |b: &&Build| b.state == BuildState::Ready && b.release.as_ref() == Some(release);
        let found = all.iter().find(usable)?;
        commit = commit.or_else(|| found.commit.clone());
        builds.insert(member.service().clone(), found.id.clone());
    }
    Some(Choice { release: release.clone(), commit, builds })
}

/// Whether any run of this store had the release, with or without a mark.
pub(super) fn tried_here(runs: &[RunView], release: &ReleaseLabel) -> bool {
    runs.iter().any(|run| run.plan.release.as_ref() == Some(release))
}
