//! A soak watches the share of bad answers, and only time in which it looked counts.

use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::health::Verdict;
use pointsman::domain::plan::Plan;
use pointsman::domain::run::RunState;
use pointsman::domain::view::RunView;

use crate::world::{Behaviour, Bench, deploy_plan};

/// A deploy that soaks for a minute.
fn minute(release: &str) -> Plan {
    let mut plan = deploy_plan(release);
    plan.policy.soak.length = std::time::Duration::from_mins(1);
    plan
}

fn judged(bench: &Bench, view: &RunView, wanted: &str) -> Vec<(Verdict, String)> {
    let facts = bench.facts(view);
    let of = |event: &Recorded| match event {
        Recorded::Known(Event::Judged { verdict, rule, evidence, .. }) if rule == wanted => {
            Some((*verdict, evidence.clone()))
        }
        _ => None,
    };
    facts.iter().filter_map(|fact| of(&fact.event)).collect()
}

#[test]
fn half_bad_answers_are_never_promoted() {
    for behaviour in [Behaviour::Alternates(5), Behaviour::OldAnswers(5)] {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let before = bench.live();
        bench.world.behave("1.1.0", behaviour);
        let view = bench.drive(&minute("1.1.0"));
        assert_eq!(view.state, RunState::Ended { outcome: Outcome::RolledBack }, "{behaviour:?}");
        assert_eq!(view.exit_code(), 6);
        assert_eq!(bench.live(), before);
        let judged = judged(&bench, &view, "soak");
        let (verdict, evidence) = &judged[0];
        assert_eq!(*verdict, Verdict::Fail);
        assert!(evidence.contains("answers bad (5"), "{evidence}");
        assert!(evidence.contains("more than 1 %"), "{evidence}");
    }
}

#[test]
fn failure_share_is_configurable_and_reported() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", Behaviour::Alternates(5));
    let mut plan = minute("1.1.0");
    plan.policy.soak.share.percent = 60;
    let view = bench.drive(&plan);
    assert_eq!(view.exit_code(), 0, "{}", view.state.sentence());
    let bench = Bench::new();
    let view = bench.drive(&deploy_plan("1.0.0"));
    let said = &judged(&bench, &view, "soak")[0].1;
    assert!(said.contains("share rule not applied below 20 samples"), "{said}");
}
