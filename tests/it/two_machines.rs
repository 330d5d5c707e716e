//! Sweeps over two machines: the one that drives a run dies, or is cut off, at each of its facts.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::ids::RunNumber;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::default_target;
use pointsman::domain::recover::reconcile;
use pointsman::domain::run::RunState;
use pointsman::domain::view::RunView;
use pointsman::engine::{Attendance, observe};
use pointsman::ports::journal::{Journal, LEASE};
use pointsman::rehearsal::Act;

use super::dying::{Dying, End};
use super::sandbox::wait_until;
use super::shared_store::{Host, hashes, team};
use super::world::{Bench, begin, deploy_plan, side_by_side, spec};

/// The waits of a plan, so short that a run takes as long as its facts.
fn quick(mut plan: Plan) -> Plan {
    let (ms, policy) = (Duration::from_millis, &mut plan.policy);
    (policy.health.interval, policy.health.consecutive) = (ms(2), 2);
    (policy.attest.interval, policy.attest.consecutive) = (ms(2), 2);
    (policy.soak.interval, policy.soak.length) = (ms(2), ms(6));
    policy.drain = ms(1);
    plan
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Deploy,
    Rollback,
}

/// A platform on which 1.0.0 is live, or 1.1.0 over it; and the plan to drive.
fn stage(kind: Kind) -> (Bench, Plan) {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let plan = match kind {
        Kind::Deploy => deploy_plan("1.1.0"),
        Kind::Rollback => {
            bench.drive(&deploy_plan("1.1.0"));
            let target = default_target(&bench.runs(), &bench.live()).unwrap();
            let keep = pointsman::domain::migration::SchemaWay::Keep;
            planner::rollback(spec(), &target, None, keep).unwrap()
        }
    };
    bench.world.forget_acts();
    (bench, quick(plan))
}

fn runtime<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

/// Runs every case on many threads: they mostly wait.
fn each(cases: u64, case: impl Fn(u64) + Sync) {
    side_by_side(16, 0..cases, case);
}

/// The number of facts of a run that nothing disturbs.
fn facts_of(kind: Kind) -> u64 {
    let (bench, plan) = stage(kind);
    let (_, one, _) = team();
    let view = begin(&mut one.journal(), &plan);
    let (engine, _signals) = bench.asking(Box::new(one.journal()), view, Attendance::Unattended);
    let view = runtime(engine.run()).unwrap();
    assert!(matches!(view.state, RunState::Ended { .. }), "{}", view.state.sentence());
    view.last_seq
}

fn chain(host: &Host, run: RunNumber) -> Vec<String> {
    hashes(&host.journal(), run)
}

/// No build was made twice, and no build got the traffic twice in a row.
fn nothing_twice(acts: &[Act], case: &str) {
    let mut made = BTreeSet::new();
    for act in acts {
        if let Act::Built(service, _) = act {
            assert!(made.insert(service.clone()), "{service} was built twice, {case}: {acts:?}");
        }
    }
    for service in ["toto-app", "toto-bo"] {
        let switches = acts.iter().filter_map(|act| match act {
            Act::Switched(name, build) if name == service => Some(build),
            _ => None,
        });
        let switches: Vec<_> = switches.collect();
        assert!(switches.windows(2).all(|pair| pair[0] != pair[1]), "{case}: {acts:?}");
    }
}

/// The driver dies at a fact; its lease ends; the other machine takes the run over as it is recommended to.
fn die_and_resume(kind: Kind, at: u64, acted: bool) {
    let case = format!("{kind:?}, fact {at}, acted: {acted}");
    let (bench, plan) = stage(kind);
    let (server, one, two) = team();
    // An hour apart, one way and the other: leases are timed by the server.
    let fast = if at.is_multiple_of(2) { &one } else { &two };
    fast.clock.ahead.store(3600, Ordering::SeqCst);
    let view = begin(&mut one.journal(), &plan);
    let run = view.number;
    let end = if acted { End::BeforeIt } else { End::AfterIt };
    let journal = Box::new(Dying { inner: one.journal(), at, end });
    let (engine, _signals) = bench.asking(journal, view, Attendance::Unattended);
    let died = runtime(engine.run()).is_err();
    // A dead machine sends nothing any more.
    one.cut(true);
    if !died {
        return;
    }
    let early = two.journal().claim(run, None, super::store_conformance::at(5));
    assert!(early.is_err(), "its lease has not ended, {case}");
    server.clock.pass(LEASE + Duration::from_secs(2));
    let view = runtime(async {
        let mut journal = two.journal();
        journal.claim(run, None, super::store_conformance::at(70)).unwrap();
        let view = journal.run(run).unwrap().view;
        let observed = observe(&bench.world, &view).await.unwrap();
        let doubt = reconcile(&view, &observed).unwrap();
        let (mut engine, _signals) = bench.asking(Box::new(journal), view, Attendance::Unattended);
        engine.take_over(&doubt.observed, doubt.choices[0], "ben").await.unwrap();
        engine.run().await.unwrap()
    });
    let RunState::Ended { outcome } = view.state else { panic!("{case}") };
    let wanted = match kind {
        Kind::Deploy => [Outcome::Promoted, Outcome::RolledBack, Outcome::Aborted],
        Kind::Rollback => [Outcome::RolledBack; 3],
    };
    assert!(wanted.contains(&outcome), "{case}: {}", outcome.label());
    nothing_twice(&bench.world.acts(), &case);
    one_truth(&bench, &view, &case);
    // The dead machine comes back: both have one chain, and what it alone had is a branch.
    two.link.settle();
    one.cut(false);
    one.link.follow();
    wait_until(&format!("one chain, {case}"), || chain(&one, run) == chain(&two, run));
    for host in [&one, &two] {
        assert_eq!(host.journal().check_runs().unwrap(), [], "{case}");
    }
}

/// What the run says about traffic is what the platform says.
fn one_truth(bench: &Bench, view: &RunView, case: &str) {
    for (service, seen) in &view.services {
        if let Some(serving) = &seen.serving {
            assert_eq!(bench.live()[service].as_ref(), Some(serving), "{service}, {case}");
        }
    }
}

#[test]
fn another_machine_carries_on_after_a_death_at_each_fact() {
    for kind in [Kind::Deploy, Kind::Rollback] {
        let facts = facts_of(kind);
        assert!(facts > 10, "{kind:?} has {facts} facts");
        each(2 * facts, |case| die_and_resume(kind, 2 + case / 2, case % 2 == 0));
    }
}

/// The way to the store is cut right after a fact was written. A deploy has no effect that others cannot read about, a
/// rollback continues; once the way is back, both machines have one chain.
fn cut_off(kind: Kind, at: u64) {
    let case = format!("{kind:?}, cut after fact {at}");
    let (bench, plan) = stage(kind);
    let (_, one, two) = team();
    let view = begin(&mut one.journal(), &plan);
    let run = view.number;
    let way = one.way.clone();
    let end = End::TakenOver(Box::new(move || way.cut.store(true, Ordering::SeqCst)));
    let journal = Box::new(Dying { inner: one.journal(), at, end });
    let (engine, _signals) = bench.asking(journal, view, Attendance::Unattended);
    let is_cut = || one.way.cut.load(Ordering::SeqCst);
    let view = runtime(async {
        let driving = engine.run();
        tokio::pin!(driving);
        loop {
            tokio::select! {
                ended = &mut driving => return ended.unwrap(),
                () = tokio::time::sleep(CUT_FOR), if is_cut() && matches!(kind, Kind::Deploy) => {
                    announced(&bench, &two, run, &case);
                    one.cut(false);
                }
                () = tokio::time::sleep(Duration::from_millis(20)), if !is_cut() => {}
            }
        }
    });
    let RunState::Ended { outcome } = view.state else { panic!("{case}") };
    let wanted = match kind {
        Kind::Deploy => Outcome::Promoted,
        Kind::Rollback => Outcome::RolledBack,
    };
    assert_eq!(outcome, wanted, "{case}");
    one.cut(false);
    one.link.settle();
    two.link.follow();
    wait_until(&format!("one chain, {case}"), || chain(&one, run) == chain(&two, run));
    assert!(two.journal().branches(run).unwrap().is_empty(), "{case}");
    nothing_twice(&bench.world.acts(), &case);
    one_truth(&bench, &view, &case);
}

/// Long enough for several attempts to reach the store.
const CUT_FOR: Duration = Duration::from_millis(1500);

/// Every effect so far was announced by a fact that the other machine can read.
fn announced(bench: &Bench, reader: &Host, run: RunNumber, case: &str) {
    let facts = reader.journal().facts(run, 0).unwrap();
    for act in bench.world.acts() {
        let told = facts.iter().any(|fact| match (&fact.event, &act) {
            (Recorded::Known(Event::BuildRequested { build, .. }), Act::Built(_, id)) => {
                build.as_str() == id
            }
            (Recorded::Known(Event::SwitchRequested { to, .. }), Act::Switched(_, build)) => {
                to.as_str() == build
            }
            _ => false,
        });
        assert!(told, "no one can read about {act:?}, {case}");
    }
}

#[test]
fn cut_at_each_fact_delays_a_deploy_and_no_rollback() {
    for kind in [Kind::Deploy, Kind::Rollback] {
        let facts = facts_of(kind);
        each(facts - 2, |case| cut_off(kind, 2 + case));
    }
}
