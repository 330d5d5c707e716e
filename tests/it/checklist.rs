//! Checklists guard their gates, reopen if their evidence fails, and cannot be ticked by habit.

use std::time::Duration;

use pointsman::domain::checklist::{
    Act, Asked, Item, List, Source, Standing, Subject, Tick, item_id, listed,
};
use pointsman::domain::command::Command;
use pointsman::domain::event::Outcome;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::policy::Protection;
use pointsman::domain::probe::{Check, Expect};
use pointsman::domain::step::StepKind;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::engine::Signal;
use pointsman::ports::journal::Journal as _;

use pointsman::tui::effect::Effect;
use pointsman::tui::keys::Code;
use pointsman::tui::msg::Msg;
use pointsman::tui::theme::Theme;

use super::sandbox::{Sandbox, wait_until};
use super::screen::{Screen, steady};
use super::world::{Behaviour, Bench, deploy_plan, label, outcome, service, spec};

pub(crate) fn item(list: List, text: &str, source: Option<Source>) -> Item {
    let (id, text) = (item_id(list, text), text.to_owned());
    Item { id, list, group: String::new(), text, required: true, source }
}

/// A source that probes the public addresses.
fn probes() -> Source {
    let asked = ["toto-app", "toto-bo"].map(|name| Asked {
        name: name.to_owned(),
        check: Some(Check::Http {
            url: format!("http://{name}"),
            expect: Box::new(Expect::default()),
            fresh: true,
        }),
        timeout: Duration::from_secs(1),
    });
    Source::Probe { name: "all".to_owned(), asked: asked.to_vec() }
}

pub(crate) fn plan(protection: Protection, checklist: Vec<Item>) -> Plan {
    let mut spec = spec();
    spec.policy.protection = protection;
    spec.checklist = checklist;
    let sources = deploy_plan("1.1.0").members.into_iter();
    let sources = sources.filter_map(|m| Some((m.service().clone(), m.source?))).collect();
    planner::deploy(spec, &label("1.1.0"), &sources).unwrap()
}

fn standing(view: &RunView, list: List) -> Option<Standing> {
    view.checklists.get(&list)?.first().map(|seen| seen.standing)
}

pub(crate) fn say(bench: &Bench, view: &RunView, item: &Item, act: Act) {
    let tick = Tick {
        item: item.id.clone(),
        act,
        actor: "maria".into(),
        at: Timestamp::UNIX_EPOCH,
        note: "because".into(),
        subject: Subject::of(view).now().to_owned(),
    };
    let release = view.plan.release.clone().unwrap();
    bench.store().tick(&view.plan.environment, &release, &tick).unwrap();
}

#[test]
fn checklist_waits_for_ticks_and_falls_with_its_evidence() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let pre = item(List::Pre, "Feature flags configured", None);
    let deploy = item(List::Deploy, "Monitoring configured", Some(probes()));
    let post = item(List::Post, "Key functionality verified", None);
    let all = vec![pre.clone(), deploy, post.clone()];
    let plan = plan(Protection::Confirm, all);
    let (mut ticked, mut early, mut fell, mut approved) = (false, false, false, false);
    let view = bench.drive_watched(&plan, |view, _| {
        let seen = |list| standing(view, list);
        match view.gate() {
            Some(StepKind::GateChecklist { list: List::Pre }) => {
                assert!(!view.services[&service("toto-app")].ready, "nothing is built");
                if seen(List::Pre) == Some(Standing::Open) && !ticked {
                    ticked = true;
                    say(&bench, view, &pre, Act::Tick);
                }
            }
            Some(StepKind::GateSwitch) => match seen(List::Deploy) {
                Some(Standing::Done) if !fell => {
                    fell = true;
                    bench.world.behave("1.0.0", Behaviour::Broken);
                }
                Some(Standing::Failed) if !early => {
                    // An approval based on an earlier state does not open the gate.
                    bench.send(view, &[Command::approve()]);
                    bench.world.behave("1.0.0", Behaviour::Healthy);
                    early = true;
                }
                Some(Standing::Done) if early && !approved => {
                    approved = true;
                    bench.send(view, &[Command::approve()]);
                }
                _ => {}
            },
            Some(StepKind::GateChecklist { list: List::Post })
                if seen(List::Post) == Some(Standing::Open) =>
            {
                assert!(view.touched_traffic());
                assert!(view.marks.is_empty(), "nothing is stable yet");
                say(&bench, view, &post, Act::Tick);
            }
            _ => {}
        }
    });
    assert_eq!(outcome(&view), Outcome::Promoted);
    assert!(fell && early && approved);
    let refused =
        bench.facts(&view).iter().filter(|f| f.event.parts().0 == "command-refused").count();
    assert_eq!(refused, 1);
}

#[test]
fn unattended_runs_tick_nothing() {
    for list in [List::Pre, List::Deploy] {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let plan = plan(Protection::Typed, vec![item(list, "Verified", None)]);
        let view = bench.drive(&plan);
        assert_eq!((outcome(&view), view.exit_code()), (Outcome::Failed, 3), "{list:?}");
        assert!(!view.touched_traffic(), "{list:?}");
        assert!(view.marks.is_empty(), "{list:?}");
    }
}

#[test]
fn checklists_are_advisory_on_open_environments() {
    let bench = Bench::new();
    let lists = List::ALL.map(|list| item(list, "Verified", None)).to_vec();
    let view = bench.drive(&plan(Protection::Open, lists));
    assert_eq!(outcome(&view), Outcome::Promoted);
    assert_eq!(standing(&view, List::Post), Some(Standing::Open), "and says what is open");
}

#[test]
fn unknown_evidence_settles_nothing_without_an_override() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let auto = item(List::Pre, "All tests passing", Some(Source::Pipeline { job: "all".into() }));
    let mut set_aside = false;
    let view = bench.drive_watched(
        &plan(Protection::Confirm, vec![auto.clone()]),
        |view, signals| match (view.gate(), standing(view, List::Pre)) {
            (Some(StepKind::GateChecklist { .. }), Some(Standing::Unknown)) => {
                say(&bench, view, &auto, Act::Tick);
                if !std::mem::replace(&mut set_aside, true) {
                    say(&bench, view, &auto, Act::Override);
                }
            }
            (Some(StepKind::GateSwitch), _) => drop(signals.try_send(Signal::Stop)),
            _ => {}
        },
    );
    assert_eq!(standing(&view, List::Pre), Some(Standing::Overridden));
    assert_eq!(outcome(&view), Outcome::Aborted, "at the gate, by hand");
}

/// A screen with a run that waits at its first checklist.
fn screen_of(protection: Protection) -> Screen {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut items = vec![
        item(List::Pre, "All tests passing", Some(Source::Pipeline { job: "all".into() })),
        item(List::Pre, "Code review completed", None),
        item(List::Pre, "Monitoring configured 漢字 and so on and on and on", Some(probes())),
        item(List::Deploy, "Rollback plan prepared", Some(Source::Rollback)),
        item(List::Post, "Key functionality verified", None),
    ];
    items[2].required = false;
    for item in &mut items {
        "Code quality".clone_into(&mut item.group);
    }
    let mut waits = None;
    bench.drive_watched(&plan(Protection::Confirm, items), |view, signals| {
        if standing(view, List::Pre).is_some() && waits.is_none() {
            waits = Some(view.clone());
            let _ = signals.try_send(Signal::Stop);
        }
    });
    let mut screen = Screen::new(protection);
    screen.run(&waits.unwrap(), Some(7));
    screen.char('6');
    screen
}

#[test]
fn checklist_pane_shows_open_items_and_evidence() {
    let mut screen = screen_of(Protection::Confirm);
    for (name, size, ascii) in
        [("wide", (160, 45), false), ("usual", (100, 30), false), ("compact", (60, 16), true)]
    {
        screen.send(Msg::Resize(size.0, size.1));
        let drawn = steady(&screen.draw(&Theme::without_colour(ascii)));
        insta::assert_snapshot!(format!("pane_checklists_{name}"), drawn);
    }
    for (width, height) in (1..90).step_by(3).flat_map(|w| (1..40).step_by(3).map(move |h| (w, h)))
    {
        screen.send(Msg::Resize(width, height));
        screen.draw(&Theme::without_colour(width % 2 == 0));
    }
}

#[test]
fn keys_tick_only_items_of_people() {
    let mut screen = screen_of(Protection::Confirm);
    assert_eq!(screen.char(' '), [], "a machine verifies that one");
    screen.shows("is verified automatically");
    screen.char('j');
    let ticked = screen.char(' ');
    let [Effect::Tick(_, _, id, Act::Tick, _)] = &ticked[..] else { panic!("{ticked:?}") };
    assert_eq!(id, "pre/code-review-completed");
    assert_eq!(screen.char('u'), [], "it was not read back yet");
    screen.shows("the last tick here is not yours");
    screen.char('O');
    screen.shows("Override an item");
    assert_eq!(screen.key(Code::Enter), []);
    screen.shows("this needs a reason");
    screen.key(Code::Down);
    screen.key(Code::Tab);
    screen.text("no monitoring yet");
    let aside = screen.key(Code::Enter);
    assert!(
        matches!(&aside[..], [Effect::Tick(_, _, _, Act::NotApplicable, why)] if why == "no monitoring yet")
    );
    screen.key(Code::Esc);
    assert_eq!(screen.char('T'), []);
    screen.shows("opens by itself");
    screen.model.read_only = true;
    screen.char('k');
    assert_eq!(screen.char(' '), []);
    screen.shows("read-only");
}

/// A sandbox whose development environment has these checklists.
fn guarded(lists: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("protection: open", "protection: confirm", 1);
    std::fs::write(&file, format!("{text}checklists:\n{lists}")).unwrap();
    sandbox
}

#[test]
fn yes_flag_ticks_nothing_and_tick_command_does() {
    let sandbox = guarded(
        "  pre:\n    - { group: Code, text: Code review completed, required: true }\n    \
         - { group: Code, text: Performance benchmarks met }\n  \
         deploy:\n    - { text: Rollback plan prepared, required: true, auto: { history: rollback } }\n  \
         post:\n    - { text: Health checks passing, required: true, auto: { probe: all } }\n    \
         - { text: Error rates acceptable, required: true }\n",
    );
    let said = sandbox.deploy("1.0.0").exits(3);
    assert!(said.out.is_empty() || said.err.contains("1 open required item"), "{}", said.err);
    assert!(said.err.contains("Code review completed is open"), "{}", said.err);
    assert!(said.err.contains("--yes ticks nothing"), "{}", said.err);
    assert!(said.err.contains("checklist development --release 1.0.0 tick"), "{}", said.err);

    let list = |more: &[&str]| {
        sandbox.run(&[&["checklist", "development", "--release", "1.0.0"], more].concat())
    };
    let shown = list(&[]).exits(0).out;
    assert!(shown.contains("Before the deploy  0/2  (pre)"), "{shown}");
    let said = sandbox.run(&["checklist", "development"]).exits(2);
    assert!(said.err.contains("no run is under way"), "{}", said.err);
    let said = list(&["tick", "code rewiev"]).exits(2);
    assert!(said.err.contains("pre/code-review-completed"), "{}", said.err);
    let said = list(&["tick", "rollback"]).exits(3);
    assert!(said.err.contains("its source: history rollback"), "{}", said.err);
    let said = list(&["tick", "error"]).exits(3);
    assert!(said.err.contains("cannot be seen yet"), "{}", said.err);
    list(&["override", "error"]).exits(3);
    let said = list(&["--read-only", "tick", "code"]).exits(3);
    assert!(said.err.contains("--read-only refuses changes"), "{}", said.err);

    list(&["tick", "Code review", "--note", "PR 311"]).exits(0);
    list(&["override", "error", "rollback", "--reason", "first release"]).exits(0);
    let json = list(&["--json"]).exits(0).json();
    assert_eq!(json["items"][0]["standing"], "done", "{json}");
    assert!(json["items"][0]["said"].as_str().unwrap().contains("PR 311"), "{json}");
    assert_eq!(json["lists"]["pre"], serde_json::json!({"settled": 1, "overridden": 0, "of": 2}));

    let run = sandbox.deploy("1.0.0").exits(0).json();
    let number = run["run"].to_string();
    let json = sandbox.run(&["checklist", &number, "--json"]).exits(0).json();
    assert_eq!(
        json["lists"]["post"],
        serde_json::json!({"settled": 2, "overridden": 1, "of": 2}),
        "{json}"
    );
    let events = sandbox.run(&["events", &number]).exits(0).out;
    assert!(events.contains("checklist post: 1/2, 1 overridden"), "{events}");
    // Ticks of one release do not count for another.
    let other = sandbox.run(&["checklist", "development", "--release", "1.1.0", "--json"]);
    assert_eq!(other.exits(0).json()["lists"]["pre"]["settled"], 0);
}

#[test]
fn checklist_config_errors_have_places() {
    let sandbox = guarded(
        "  pre:\n    - { text: Tests pass, auto: { history: stagin } }\n    \
         - { text: tests  PASS, auto: { lint: everything } }\n    \
         - { text: Probed, auto: { probe: tota-app } }\n",
    );
    let said = sandbox.run(&["check"]).exits(2);
    for part in [
        "\"stagin\" is not a valid history",
        "did you mean \"staging\"?",
        "there are two items \"tests  PASS\"",
        "\"everything\" is not a valid lint",
        "did you mean \"toto-app\"?",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
}

#[test]
fn failed_post_checklist_rolls_back_automatically() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let command =
        Source::Command { name: "smoke".into(), argv: vec!["x".into()], folder: ".".into() };
    // The scripted world has no such command, so the check fails.
    let view = bench
        .drive(&plan(Protection::Confirm, vec![item(List::Post, "Smoke test", Some(command))]));
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::RolledBack, 6));
    assert_eq!(standing(&view, List::Post), Some(Standing::Failed));
}

#[test]
fn gate_evidence_is_frozen_in_its_fact() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let pre = item(List::Pre, "Code review completed", None);
    let mut ticked = false;
    let view =
        bench.drive_watched(&plan(Protection::Confirm, vec![pre.clone()]), |view, signals| {
            match view.gate() {
                Some(StepKind::GateChecklist { .. }) if !std::mem::replace(&mut ticked, true) => {
                    say(&bench, view, &pre, Act::Tick);
                }
                Some(StepKind::GateSwitch) => drop(signals.try_send(Signal::Stop)),
                _ => {}
            }
        });
    let ticks = bench.store().ticks(&view.plan.environment, &label("1.1.0")).unwrap();
    let tomorrow = Timestamp::UNIX_EPOCH + Duration::from_hours(24);
    assert_eq!(listed(&view, &ticks, tomorrow)[0].standing, Standing::Done);
}

/// A pending tick does not delay the failure of a machine-verified item.
#[test]
fn failed_item_does_not_wait_for_pending_ticks() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let (machine, person) =
        (item(List::Post, "All well", Some(probes())), item(List::Post, "Seen", None));
    let plan = plan(Protection::Confirm, vec![machine, person]);
    let view = bench.drive_with(&plan, |view, _| {
        if matches!(view.gate(), Some(StepKind::GateChecklist { list: List::Post })) {
            bench.world.behave("1.1.0", Behaviour::Broken);
        }
    });
    assert_eq!(outcome(&view), Outcome::RolledBack);
}

/// A foreground deploy also waits for items that can be ticked only after the switch.
#[test]
fn foreground_deploy_waits_for_post_checklist() {
    let sandbox = guarded("  post:\n    - { text: Error rates acceptable, required: true }\n");
    let child =
        sandbox.command(&["deploy", "development", "--release", "1.0.0", "--yes"]).spawn().unwrap();
    let facts = || sandbox.run(&["events", "1"]).out;
    wait_until("it waits for the list", || facts().contains("checklist post: 0/1"));
    let tick = ["checklist", "1", "tick", "post/error-rates-acceptable", "--note", "0.1 %"];
    sandbox.run(&tick).exits(0);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("waits for these ticks: Error rates acceptable"), "{said}");
    assert!(said.contains("now: pointsman checklist 1 tick post/error-rates-acceptable"), "{said}");
    // An override of the list does not wait for ticks.
    let more = ["--override", "checklist=first release"];
    let deploy = ["deploy", "development", "--release", "1.1.0", "--yes"];
    let said = sandbox.run(&[&deploy[..], &more].concat()).exits(0);
    assert!(said.err.contains("Overrides checklist"), "{}", said.err);
    assert!(!said.err.contains("waits until"), "{}", said.err);
}
