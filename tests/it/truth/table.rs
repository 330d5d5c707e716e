//! The table of false reports: one row for each kind that a run can show, in all five places.

use std::collections::BTreeMap;
use std::time::Duration;

use pointsman::domain::checklist::{Act, List};
use pointsman::domain::command::Command;
use pointsman::domain::event::Split;
use pointsman::domain::guard::Guard;
use pointsman::domain::ids::BuildId;
use pointsman::domain::plan::Plan;
use pointsman::domain::policy::Protection;
use pointsman::domain::step::{Failure, StepKind};

use super::drift::{build, drifted, part};
use super::evidence::during_the_soak;
use super::told::{Told, told};
use crate::checklist::{item, plan, say};
use crate::world::{Behaviour, Bench, Fault, deploy_plan};

struct Row {
    /// The kind: what would be false.
    kind: &'static str,
    told: fn() -> Told,
    exit: u8,
    screen: &'static [&'static str],
    /// Where in the JSON, and the value there.
    json: &'static [(&'static str, &'static str)],
    report: &'static [&'static str],
    /// The alerts, in order: each must contain its text, and there are no others.
    alerts: &'static [&'static str],
    /// In none of the places.
    never: &'static [&'static str],
}

fn one_minute(release: &str) -> Plan {
    let mut plan = deploy_plan(release);
    plan.policy.soak.length = Duration::from_mins(1);
    plan
}

/// 1.0.0 is live, and 1.1.0 is deployed with a behaviour.
fn behaving(behaviour: Behaviour) -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", behaviour);
    let view = bench.drive(&one_minute("1.1.0"));
    told(&bench, &view)
}

fn half_of_the_answers_bad() -> Told {
    behaving(Behaviour::Alternates(5))
}

fn half_of_the_answers_old() -> Told {
    behaving(Behaviour::OldAnswers(5))
}

fn no_revision_in_the_answers() -> Told {
    behaving(Behaviour::Nameless)
}

fn at_commit(commit: char) -> Plan {
    use pointsman::domain::plan::Source;
    let mut plan = deploy_plan("main");
    for member in &mut plan.members {
        member.source = Some(Source::Commit(commit.to_string().repeat(40)));
    }
    plan
}

fn a_branch_deployed_twice() -> Told {
    let bench = Bench::new();
    for commit in ['a', 'b'] {
        bench.drive(&at_commit(commit));
    }
    let view = bench.drive(&super::identity::back(&bench));
    told(&bench, &view)
}

fn one_guard_overridden() -> Told {
    let bench = Bench::new();
    let mut plan = deploy_plan("1.0.0");
    plan.overrides = BTreeMap::from([(Guard::Freeze, "INC-12".to_owned())]);
    let view = bench.drive(&plan);
    told(&bench, &view)
}

/// From the fourth read after the switch on, `toto-app` has other traffic.
fn foreign(traffic: fn(&BuildId) -> Vec<Split>) -> Told {
    let (bench, view) = drifted(3, traffic);
    told(&bench, &view)
}

fn traffic_split_by_another() -> Told {
    foreign(|green| vec![part(green, 90), part(&build("b-foreign"), 10)])
}

fn traffic_taken_by_a_foreign_build() -> Told {
    foreign(|_| vec![part(&build("b-foreign"), 100)])
}

fn traffic_removed() -> Told {
    foreign(|_| Vec::new())
}

fn a_switch_without_an_answer() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let (mut hung, world) = (false, bench.world.clone());
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        let switching = view.services.values().any(|s| s.switch_asked);
        if switching && !std::mem::replace(&mut hung, true) {
            world.hang("traffic");
            world.hang("set_active");
        }
    });
    told(&bench, &view)
}

fn the_same_label_again() -> Told {
    let bench = Bench::new();
    bench.world.hides_revisions();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.drive(&deploy_plan("1.0.0"));
    told(&bench, &view)
}

/// The platform refuses a call during the switch for good.
fn a_switch_that_is_refused() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    for at in 0..40 {
        bench.world.fail(Some(Fault { at, class: Failure::Lasting, acts: false, lasts: false }));
        let view = bench.drive(&deploy_plan("1.1.0"));
        bench.world.fail(None);
        if view.undo.is_some() {
            return told(&bench, &view);
        }
        if view.exit_code() == 0 {
            bench.drive(&deploy_plan("1.0.0"));
        }
    }
    unreachable!("some call is one after the first switch")
}

fn we_cannot_ask() -> Told {
    behaving(Behaviour::Blind)
}

fn a_build_that_fails() -> Told {
    behaving(Behaviour::DoesNotBuild)
}

/// Nothing was live before.
fn a_first_build_that_fails() -> Told {
    let bench = Bench::new();
    bench.world.behave("1.0.0", Behaviour::DoesNotBuild);
    let view = bench.drive(&deploy_plan("1.0.0"));
    told(&bench, &view)
}

/// The platform says nothing at all.
fn a_run_that_could_not_look() -> Told {
    let bench = Bench::new();
    bench.world.fail(Some(Fault { at: 0, class: Failure::Lasting, acts: false, lasts: true }));
    let view = bench.drive(&deploy_plan("1.0.0"));
    bench.world.fail(None);
    told(&bench, &view)
}

fn interrupted(command: &Command) -> Told {
    let (bench, view) = during_the_soak(command);
    told(&bench, &view)
}

fn a_rollback_by_a_person() -> Told {
    interrupted(&Command::Rollback)
}

fn an_abort_by_a_person() -> Told {
    interrupted(&Command::Abort { now: true })
}

/// A foreign rollout after a run that was promoted.
fn a_foreign_rollout_at_rest() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.drive(&deploy_plan("1.1.0"));
    bench.world.give_traffic("toto-app", &build("b-foreign"));
    told(&bench, &view)
}

/// A person overrides an open item.
fn an_overridden_item() -> Told {
    let bench = Bench::new();
    let backup = item(List::Pre, "backup taken", None);
    let mut said = false;
    let view = bench.drive_watched(&plan(Protection::Confirm, vec![backup.clone()]), |view, _| {
        if view.checklists.contains_key(&List::Pre) && !std::mem::replace(&mut said, true) {
            say(&bench, view, &backup, Act::Override);
        }
        if view.gate() == Some(&StepKind::GateSwitch) {
            bench.send(view, &[Command::approve()]);
        }
    });
    told(&bench, &view)
}

/// What an old run left, after another one.
fn an_old_run() -> Told {
    let bench = Bench::new();
    let old = bench.drive(&deploy_plan("1.0.0"));
    bench.drive(&deploy_plan("1.1.0"));
    told(&bench, &old)
}

/// The runner died at the tenth fact.
fn a_dead_run() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.crash(&deploy_plan("1.1.0"), 10, false).unwrap();
    told(&bench, &view)
}

const ROWS: &[Row] = &[
    Row {
        kind: "A1, B30: half of the answers of a soak are bad",
        told: half_of_the_answers_bad,
        exit: 6,
        screen: &["ROLLED BACK", "answers bad (5", "more than 1 %", "1.0.0 was live again"],
        json: &[("/outcome", "rolled_back"), ("/failure/step", "soak"), ("/marks/0/mark", "bad")],
        report: &["rolled back automatically", "answers bad", "1.1.0 is marked bad"],
        alerts: &["ended: rolled back automatically. When it ended, 1.0.0 was live again."],
        never: &["soak passed", "1.1.0 is marked stable"],
    },
    Row {
        kind: "A1: half of the answers of a soak are the old build's",
        told: half_of_the_answers_old,
        exit: 6,
        screen: &["ROLLED BACK", "version is 1.0.0, wanted 1.1.0"],
        json: &[("/outcome", "rolled_back"), ("/failure/step", "soak"), ("/marks", "[]")],
        report: &["version is 1.0.0, wanted 1.1.0"],
        alerts: &["version is 1.0.0, wanted 1.1.0"],
        never: &["soak passed", "is marked bad"],
    },
    Row {
        kind: "A2: a moving branch is named by its commit, and its way back never leads to what was left",
        told: a_branch_deployed_twice,
        exit: 0,
        screen: &["main@bbbbbbb is marked bad", "live main@aaaaaaa", "undo: none"],
        json: &[("/name", "main@aaaaaaa"), ("/marks/0/mark", "bad"), ("/marks/0/commit", "bbbb")],
        report: &["main@bbbbbbb is marked bad", "rollback main@aaaaaaa"],
        alerts: &["rollback main@aaaaaaa (run #3) ended"],
        never: &["main is marked bad", "undo: B to main"],
    },
    Row {
        kind: "A3: an override is for one guard, and is reported wherever the run is",
        told: one_guard_overridden,
        exit: 0,
        screen: &["overrides freeze: INC-12"],
        json: &[("/overrides/freeze", "INC-12")],
        report: &["override of freeze: INC-12"],
        alerts: &["overridden: freeze (INC-12)"],
        never: &["overrides promotion", "override of promotion"],
    },
    Row {
        kind: "A5: a missing value is no match",
        told: no_revision_in_the_answers,
        exit: 6,
        screen: &["the answer has no revision, wanted b-1-1-0"],
        json: &[("/outcome", "rolled_back"), ("/failure/step", "attest")],
        report: &["the answer has no revision, wanted b-1-1-0"],
        alerts: &["the answer has no revision, wanted b-1-1-0"],
        never: &["5 answers in a row: 5 × 1.1.0"],
    },
    Row {
        kind: "A8, A22: that we could not ask is no evidence against a release",
        told: we_cannot_ask,
        exit: 5,
        screen: &["not known to be healthy", "could not ask", "It moved no traffic"],
        json: &[("/failure/class", "inconclusive"), ("/marks", "[]")],
        report: &["not known to be healthy"],
        alerts: &["ended: failed. It moved no traffic: 1.0.0 stayed live"],
        never: &["is not healthy", "marked bad"],
    },
    Row {
        kind: "A9, A17: a switch without an answer leaves the live build unknown",
        told: a_switch_without_an_answer,
        exit: 7,
        screen: &["The live build is unknown: ", "toto-bo unknown: not read after the last switch"],
        json: &[
            ("/services/0/serving", "null"),
            ("/services/0/traffic", "unknown"),
            ("/may_be_split", "true"),
        ],
        report: &["customers: The live build is unknown: "],
        alerts: &["ended: failed. The live build is unknown: "],
        never: &[
            "1.0.0 was live again",
            "1.1.0 was live.",
            "Now: pointsman status shows which build is live; then retry or roll back. Now:",
        ],
    },
    Row {
        kind: "A10: automatic rollouts stay held after a run that was not promoted",
        told: a_build_that_fails,
        exit: 1,
        screen: &[
            "the build failed",
            "It moved no traffic: 1.0.0 stayed live",
            "rollouts DISABLED, P enables",
        ],
        json: &[("/services/0/rollouts_held", "true"), ("/outcome", "failed")],
        report: &["automatic rollouts of toto-app, toto-bo were left DISABLED"],
        alerts: &["ended: failed. It moved no traffic: 1.0.0 stayed live"],
        never: &["marked bad", "- rolled back"],
    },
    Row {
        kind: "what was never live does not stay live",
        told: a_first_build_that_fails,
        exit: 1,
        screen: &["It moved no traffic, and no build was live. Nothing to undo."],
        json: &[("/customers", "It moved no traffic, and no build was live.")],
        report: &["customers: It moved no traffic, and no build was live."],
        alerts: &["ended: failed. It moved no traffic, and no build was live."],
        never: &["stayed live", "was not read"],
    },
    Row {
        kind: "traffic that was not read is unknown",
        told: a_run_that_could_not_look,
        exit: 1,
        screen: &["It moved no traffic; which build is live was not read."],
        json: &[("/customers", "It moved no traffic; which build is live was not read.")],
        report: &[
            "customers: It moved no traffic; which build is live was not read.",
            "| not read |",
        ],
        alerts: &["ended: failed. It moved no traffic; which build is live was not read."],
        never: &["stayed live", "after the last switch", "no build was live"],
    },
    Row {
        kind: "A15: a foreign split after the switch is not promoted",
        told: traffic_split_by_another,
        exit: 1,
        screen: &[
            "No release has all traffic: toto-app b-1-1-0",
            "90 %, b-foreign 10 %",
            "toto-app SPLIT",
        ],
        json: &[
            ("/services/1/serving", "null"),
            ("/services/1/traffic", "split"),
            ("/failure/class", "drift"),
        ],
        report: &["customers: No release has all traffic: ", "90 %, b-foreign 10 % |"],
        alerts: &["ended: failed. No release has all traffic: "],
        never: &[
            "marked bad",
            "PROMOTED 01-01 00:00 development deploy 1.0.0 → 1.1.0",
            "live build is unknown",
        ],
    },
    Row {
        kind: "A17: a foreign build that serves is named as the live one",
        told: traffic_taken_by_a_foreign_build,
        exit: 1,
        screen: &[
            "No release has all traffic: toto-app b-foreign",
            "live toto-bo 1.1.0, toto-app b-foreign",
        ],
        json: &[("/services/1/serving", "b-foreign"), ("/failure/class", "drift")],
        report: &["| `b-foreign` |"],
        alerts: &["ended: failed. No release has all traffic: toto-app b-foreign"],
        never: &["marked bad", "1.0.0 was live again"],
    },
    Row {
        kind: "A17: removed traffic is served by nothing",
        told: traffic_removed,
        exit: 1,
        screen: &["No release has all traffic: toto-app no build"],
        json: &[("/services/1/serving", "null"), ("/services/1/traffic", "none")],
        report: &["| no build |"],
        alerts: &["ended: failed. No release has all traffic: toto-app no build"],
        never: &["marked bad", "1.1.0 was live."],
    },
    Row {
        kind: "A21: the same label again proves nothing where only the version is reported",
        told: the_same_label_again,
        exit: 5,
        screen: &["the build that answers for toto-bo is unknown", "may report the same version"],
        json: &[("/failure/class", "inconclusive"), ("/failure/step", "attest")],
        report: &["the switch of toto-bo and toto-app may be unverifiable"],
        alerts: &["the build that answers for toto-bo is unknown"],
        never: &["is marked stable", "marked bad"],
    },
    Row {
        kind: "A22: a switch that the platform refuses is no evidence against a release",
        told: a_switch_that_is_refused,
        exit: 6,
        screen: &["the platform refused", "1.0.0 was live again"],
        json: &[("/marks", "[]"), ("/failure/step", "switch:toto-bo")],
        report: &["rolled back automatically: the platform refused"],
        alerts: &["ended: rolled back automatically"],
        never: &["marked bad"],
    },
    Row {
        kind: "B24, B28: a release that is marked bad is no way back, and not warm",
        told: half_of_the_answers_bad,
        exit: 6,
        screen: &["undo: none: every other release", "undo none: every other release"],
        json: &[("/marks/0/release", "1.1.0"), ("/marks/0/mark", "bad")],
        report: &["1.1.0 is marked bad"],
        alerts: &["rolled back automatically"],
        never: &["undo to 1.1.0", "undo: B to 1.1.0", "warm until"],
    },
    Row {
        kind: "B31: drift is reported in every environment",
        told: a_foreign_rollout_at_rest,
        exit: 0,
        screen: &["▲ drift: toto-app b-foreign", "drift toto-app b-foreign"],
        json: &[("/customers", "When it ended, 1.1.0 was live.")],
        report: &["customers: When it ended, 1.1.0 was live."],
        alerts: &["ended: promoted"],
        never: &["Customers are on"],
    },
    Row {
        kind: "B33: what a person overrode is not done",
        told: an_overridden_item,
        exit: 0,
        screen: &["PROMOTED"],
        json: &[("/checklists/pre/0/standing", "overridden")],
        report: &["0/1, 1 overridden"],
        alerts: &["waits for its checklist", "waits for approval", "ended: promoted"],
        never: &["1/1"],
    },
    Row {
        kind: "B26: what customers are on is not told from the page of an old run",
        told: an_old_run,
        exit: 0,
        screen: &["When it ended, 1.0.0 was live.", "live 1.1.0"],
        json: &[("/customers", "When it ended, 1.0.0 was live.")],
        report: &["customers: When it ended, 1.0.0 was live."],
        alerts: &["ended: promoted"],
        never: &["Customers are"],
    },
    Row {
        kind: "B27: a run whose process is gone is in doubt",
        told: a_dead_run,
        exit: 7,
        screen: &["? IN DOUBT at 2/9", "#2 ? IN DOUBT", "It had moved no traffic yet"],
        json: &[
            ("/outcome", "unknown"),
            ("/customers", "It had moved no traffic yet: 1.0.0 was live"),
        ],
        report: &["customers: It had moved no traffic yet: 1.0.0 was live"],
        alerts: &[],
        never: &["RUNNING", "Customers are"],
    },
    Row {
        kind: "B29: a rollback by a person is no failed soak",
        told: a_rollback_by_a_person,
        exit: 1,
        screen: &["■", "rolled back: rolled back by ben"],
        json: &[("/undone_because", "rolled back by ben"), ("/failure/class", "cancelled")],
        report: &["rolled back by a person: rolled back by ben"],
        alerts: &[
            "ended: rolled back by a person. When it ended, 1.0.0 was live again. | rolled back by ben",
        ],
        never: &["became unhealthy", "waits for a person", "automatically"],
    },
    Row {
        kind: "B29: an abort needs no confirmation of health and blames no one",
        told: an_abort_by_a_person,
        exit: 1,
        screen: &["rolled back: aborted after traffic moved"],
        json: &[("/undone_because", "aborted after traffic moved"), ("/marks", "[]")],
        report: &["rolled back by a person: aborted after traffic moved"],
        alerts: &["ended: rolled back by a person"],
        never: &["became unhealthy", "waits for a person", "marked bad"],
    },
];

#[test]
fn every_output_agrees_and_none_is_false() {
    let wrong: Vec<_> = ROWS.iter().flat_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is wrong with a row.
fn wrong(row: &Row) -> Vec<String> {
    let Told { exit, screen, json, report, alerts } = (row.told)();
    let mut wrong = Vec::new();
    let mut check = |right: bool, what: &dyn Fn() -> String| {
        if !right {
            wrong.push(format!("{}: {}", row.kind, what()));
        }
    };
    check(exit == row.exit, &|| format!("exits {exit}, not {}", row.exit));
    for text in row.screen {
        check(screen.contains(text), &|| format!("the screen lacks {text:?}:\n{screen}"));
    }
    for (at, text) in row.json {
        let found = json.pointer(at).map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        });
        let right = found.as_ref().is_some_and(|found| found.starts_with(text));
        check(right, &|| format!("the JSON has {found:?} at {at}, not {text:?}"));
    }
    for text in row.report {
        check(report.contains(text), &|| format!("the report lacks {text:?}:\n{report}"));
    }
    let told = alerts.len() == row.alerts.len()
        && alerts.iter().zip(row.alerts).all(|(alert, text)| alert.contains(text));
    check(told, &|| format!("the alerts are {alerts:#?}, not {:#?}", row.alerts));
    let everywhere = [screen.clone(), json.to_string(), report.clone(), alerts.join("\n")];
    for text in row.never {
        let said = everywhere.iter().any(|place| place.contains(text));
        let around =
            everywhere.iter().find_map(|place| place.split_once(text)).map(|(before, _)| {
                before
                    .chars()
                    .rev()
                    .take(90)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<String>()
            });
        check(!said, &|| format!("somewhere it says {text:?}, after {around:?}"));
    }
    wrong
}
