//! What the newest runs decide must be what all of them decide, whatever the older ones are.

use std::collections::BTreeMap;

use fastrand::Rng;
use pointsman::domain::event::{Event, Fact, Mark, Recorded};
use pointsman::domain::hash::Hash;
use pointsman::domain::ids::{BuildId, RunNumber};
use pointsman::domain::plan::{RunKind, Source};
use pointsman::domain::readiness::{Live, default_target, target_of_newest};
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::{Marked, RunView};

use super::world::{deploy_plan, label, service};

const SERVICES: [&str; 2] = ["toto-bo", "toto-app"];
const RELEASES: [&str; 3] = ["1.0.0", "1.1.0", "main"];

/// A run of which nothing is known but its plan.
fn begun() -> RunView {
    let plan = deploy_plan("1.0.0");
    let event = Event::RunStarted { plan_hash: plan.hash(), plan: Box::new(plan) };
    let (seq, at, elapsed_ms, actor) = (1, Timestamp::UNIX_EPOCH, 0, "ana".to_owned());
    let (prev, hash, event) = (Hash::zero(), Hash::zero(), Recorded::Known(event));
    let first = Fact { seq, at, elapsed_ms, actor, step: None, event, prev, hash };
    RunView::begin(RunNumber(1), &first).unwrap()
}

/// Runs, newest first, that mention only builds of runs before them, and nothing else that makes sense.
fn history(random: &mut Rng) -> (Vec<RunView>, Live) {
    let mut builds: BTreeMap<&str, Vec<BuildId>> = BTreeMap::new();
    for name in SERVICES {
        builds.insert(name, vec![format!("{name}-foreign").parse().unwrap()]);
    }
    let empty = begun();
    let mut runs = Vec::new();
    for number in 1..=random.u64(1..9) {
        let mut run = RunView { number: RunNumber(number), ..empty.clone() };
        let kinds = [RunKind::Deploy, RunKind::Deploy, RunKind::Rollback, RunKind::Cleanup];
        run.plan.kind = *random.choice(&kinds).unwrap();
        run.plan.release = Some(label(random.choice(RELEASES).unwrap()));
        let commit = random.choice(["a", "b"]).unwrap().repeat(40);
        let source = random.bool().then_some(Source::Commit(commit));
        run.plan.members.iter_mut().for_each(|member| member.source.clone_from(&source));
        for name in SERVICES {
            let known = builds.get_mut(name).unwrap();
            let seen = run.services.get_mut(&service(name)).unwrap();
            seen.blue = random.choice(&*known).cloned().filter(|_| random.u8(..8) > 0);
            seen.blue_release = Some(label(random.choice(RELEASES).unwrap()));
            if run.plan.kind == RunKind::Deploy && random.u8(..5) > 0 {
                let build: BuildId = format!("{name}-{number}").parse().unwrap();
                seen.ordered.push(build.clone());
                known.push(build);
            }
            seen.green = random.choice(&*known).cloned().filter(|_| random.u8(..8) > 0);
            seen.switch_asked = random.u8(..4) > 0;
        }
        for _ in 0..random.usize(0..3) {
            let mut marked = Vec::new();
            for name in SERVICES {
                if random.u8(..5) > 0 {
                    marked.push((service(name), random.choice(&builds[name]).unwrap().clone()));
                }
            }
            let release = label(random.choice(RELEASES).unwrap());
            let mark = if random.u8(..4) == 0 { Mark::Bad } else { Mark::Stable };
            run.marks.push(Marked { release, commit: None, mark, builds: marked });
        }
        runs.insert(0, run);
    }
    // Mostly what a late run switched to.
    let live = |name: &&str| {
        let seen = &random.choice(&runs).unwrap().services[&service(name)];
        (service(name), seen.green.clone())
    };
    let live = SERVICES.iter().map(live).collect();
    (runs, live)
}

#[test]
fn older_runs_do_not_change_what_the_newest_decide() {
    let mut random = Rng::with_seed(7);
    let (mut decided, mut by_few) = (0, 0);
    for _ in 0..30_000 {
        let (runs, live) = history(&mut random);
        let all = default_target(&runs, &live);
        for newest in 0..=runs.len() {
            let Some(choice) = target_of_newest(&runs[..newest], &live) else { continue };
            decided += 1;
            by_few += usize::from(newest < runs.len());
            assert_eq!(Ok(choice), all, "{newest} of {runs:#?}, {live:?}");
        }
    }
    assert!(decided > 1000 && by_few > 500, "{decided}, {by_few}");
}
