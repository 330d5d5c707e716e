//! What every list of the screen can do: filter, sort, scroll, be clicked, and give its place back.

use pointsman::domain::checklist::List;
use pointsman::domain::error::Problem;
use pointsman::domain::ids::{EnvironmentName, RunNumber};
use pointsman::domain::lint_report::{About, LintFinding};
use pointsman::domain::policy::Protection;
use pointsman::domain::snapshot::EnvironmentSnapshot;
use pointsman::ports::journal::Damage;
use pointsman::tui::keys::Code;
use pointsman::tui::model::environments::Environment;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::Pane;
use pointsman::tui::panes::history::model::PastRuns;
use pointsman::tui::theme::Theme;
use pointsman::tui::view::{Target, target_at};

use super::alerts_pane::queue;
use super::checklist::item;
use super::health::watched;
use super::pipeline;
use super::schema_pane::database;
use super::screen::{Screen, at_gate, plain, seen};
use super::world::{Bench, deploy_plan};

/// The panes with a list, and a word that only some of their rows contain.
const LISTS: [(Pane, &str); 7] = [
    (Pane::Environments, "staging"),
    (Pane::Health, "stripe"),
    (Pane::Migrations, "contract"),
    (Pane::Checklists, "flags"),
    (Pane::History, "1.1.0"),
    (Pane::Pipeline, "test"),
    (Pane::Alerts, "410"),
];

/// A screen with several rows in each list.
fn full() -> Screen {
    let mut screen = Screen::new(Protection::Open);
    for name in ["staging", "production"] {
        let name = EnvironmentName::new(name).unwrap();
        screen.model.environments.push(Environment::new(name, Protection::Open, Vec::new()));
    }
    let name = screen.model.environments[0].name.clone();
    let mut view = at_gate();
    view.plan.checklist = ["Feature flags configured", "Code reviewed", "Monitoring configured"]
        .map(|text| item(List::Pre, text, None))
        .to_vec();
    view.plan.checklist[0].required = false;
    screen.run(&view, Some(7));
    let databases = Some(vec![database()]);
    screen.send(Msg::Looked(name.clone(), EnvironmentSnapshot { databases, ..seen() }));
    let (board, turned) = watched();
    screen.send(Msg::Probed(name.clone(), board.seen(), turned));
    screen.model.environments[0].tested = true;
    screen.send(Msg::Pipeline(name, Ok(Some(pipeline::seen("main_waiting")))));
    screen.send(Msg::Alerts(queue()));
    let bench = Bench::new();
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        bench.drive(&deploy_plan(release));
    }
    let mut runs = bench.runs();
    runs[2].elapsed_ms += 60_000;
    screen.send(Msg::Past(Ok(runs.into())));
    screen.send(Msg::Resize(160, 45));
    screen
}

/// Shows a pane of the first environment alone.
fn focus(screen: &mut Screen, pane: Pane) {
    screen.model.selected = 0;
    screen.model.panes.health.folds = Some(false);
    (screen.model.focus, screen.model.zoom) = (pane, true);
}

#[test]
fn every_list_filters_and_gives_its_place_back() {
    let mut screen = full();
    for (pane, word) in LISTS {
        focus(&mut screen, pane);
        let all = screen.model.listed(pane).len();
        assert!(all > 1, "{pane:?} has {all} rows");
        screen.char('j');
        let place = screen.model.chosen(pane);
        screen.char('/');
        screen.text(word);
        let left = screen.model.listed(pane).len();
        assert!(0 < left && left < all, "{pane:?}: {word} leaves {left} of {all}");
        screen.shows(&format!("/{word}▏  {left} of {all}"));
        // Letters are text now: none of them is a command, and none can change a deployment.
        assert!(screen.model.dialog.is_none() && screen.model.overlay.is_none(), "{pane:?}");
        screen.key(Code::Enter);
        screen.shows(&format!("/{word}  {left} of {all}"));
        assert!(screen.model.listed(pane).contains(&screen.model.chosen(pane).unwrap()));
        screen.key(Code::Esc);
        assert_eq!(screen.model.listed(pane).len(), all, "{pane:?}: Esc shows every row again");
        assert_eq!(screen.model.chosen(pane), place, "{pane:?}: Esc gives the place back");
        screen.char('/');
        screen.text("no row says this");
        screen.shows("0 of");
        screen.key(Code::Esc);
        assert_eq!(screen.model.chosen(pane), place, "{pane:?}");
    }
}

#[test]
fn every_list_sorts_and_keeps_the_selected_row() {
    let mut screen = full();
    for (pane, _) in LISTS {
        focus(&mut screen, pane);
        screen.char('j');
        let (own, chosen) = (screen.model.listed(pane), screen.model.chosen(pane));
        let mut orders = vec![own.clone()];
        for _ in 0..10 {
            screen.char(',');
            assert_eq!(screen.model.chosen(pane), chosen, "{pane:?}: the row stays selected");
            let now = screen.model.listed(pane);
            if screen.draw(&plain()).contains(" by: ") {
                orders.push(now.clone());
            } else {
                break;
            }
            let mut rows = now;
            rows.sort_unstable();
            assert_eq!(rows, (0..own.len()).collect::<Vec<_>>(), "{pane:?}: no row is lost");
        }
        assert_eq!(screen.model.listed(pane), own, "{pane:?}: the last order leads to the first");
        assert!(orders.iter().any(|order| *order != own), "{pane:?}: another order differs");
    }
}

#[test]
fn every_row_that_is_drawn_can_be_clicked() {
    for theme in [plain(), Theme::without_colour(true)] {
        let mut screen = full();
        for (width, height) in [(160, 45), (100, 30), (80, 24), (60, 16)] {
            screen.send(Msg::Resize(width, height));
            for (pane, _) in LISTS {
                focus(&mut screen, pane);
                screen.char('g');
                screen.char('g');
                let mut hit = Vec::new();
                for y in 0..height {
                    let target = target_at(&screen.model, &theme, width / 2, y);
                    if let Some(Target::Row(of, key)) = target {
                        assert_eq!(of, pane);
                        if !hit.contains(&key) {
                            hit.push(key);
                        }
                    }
                }
                let most = screen.model.listed(pane).len();
                assert!(!hit.is_empty() && hit.len() <= most, "{pane:?} at {width}x{height}");
                for (at, key) in hit.into_iter().enumerate() {
                    screen.send(Msg::Click(pane, Some(key)));
                    let chosen = screen.model.chosen(pane);
                    assert_eq!(chosen, Some(screen.model.listed(pane)[at]), "{pane:?}");
                }
            }
        }
    }
}

#[test]
fn the_end_of_every_list_is_reached_and_marked() {
    let mut screen = full();
    screen.send(Msg::Resize(100, 30));
    for (pane, _) in LISTS {
        focus(&mut screen, pane);
        screen.send(Msg::Resize(80, 16));
        screen.char('G');
        let last = screen.model.listed(pane).last().copied();
        if pane != Pane::Environments {
            assert_eq!(screen.model.chosen(pane), last, "{pane:?}");
        }
        let drawn = screen.draw(&plain());
        assert!(drawn.contains('▶'), "{pane:?}: the selected row is in view\n{drawn}");
    }
}

#[test]
fn a_new_run_above_the_list_leaves_the_selected_one() {
    let bench = Bench::new();
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        bench.drive(&deploy_plan(release));
    }
    let mut screen = Screen::new(Protection::Open);
    let runs = bench.runs();
    screen.send(Msg::Past(Ok(runs[1..].to_vec().into())));
    focus(&mut screen, Pane::History);
    screen.send(Msg::Past(Ok(runs.clone().into())));
    assert_eq!(screen.model.chosen(Pane::History), Some(0), "at the top it shows the newest");
    screen.send(Msg::Past(Ok(runs[1..].to_vec().into())));
    screen.char('j');
    screen.send(Msg::Past(Ok(runs.into())));
    assert_eq!(screen.model.chosen(Pane::History), Some(2), "elsewhere it stays at its run");
}

#[test]
fn headers_can_be_clicked_to_sort() {
    let mut screen = full();
    for pane in [Pane::Health, Pane::History] {
        focus(&mut screen, pane);
        let y = (0..45)
            .find(|y| target_at(&screen.model, &plain(), 80, *y) == Some(Target::Header(pane)));
        assert!(y.is_some(), "{pane:?} has a header");
        screen.send(Msg::ClickHeader(pane));
        screen.shows(" by: ");
    }
}

#[test]
fn enter_opens_every_row_in_full() {
    let mut screen = full();
    let opened = [
        (Pane::Environments, "not needed, nothing moved"),
        (Pane::Health, "asks      "),
        (Pane::Migrations, "phase     "),
        (Pane::Checklists, "ticked by a person"),
        (Pane::Alerts, "refused: connection refused"),
        (Pane::History, "deploy 1."),
    ];
    for (pane, text) in opened {
        focus(&mut screen, pane);
        let place = screen.model.chosen(pane);
        screen.key(Code::Enter);
        screen.shows(text);
        screen.key(Code::Esc);
        assert!(screen.model.overlay.is_none(), "{pane:?}");
        assert_eq!((screen.model.focus, screen.model.chosen(pane)), (pane, place));
    }
}

#[test]
fn environment_explains_its_warnings() {
    let mut screen = full();
    let name = screen.model.environments[0].name.clone();
    let problem = Problem::new("production cannot be read")
        .because("there are no Google credentials")
        .try_this("gcloud auth application-default login");
    let findings = vec![LintFinding {
        about: About::Config,
        place: "toto-app/apphosting.yaml:3:5".into(),
        what: "unknown field cpuu".into(),
    }];
    let lint = Some("1 warning".to_owned());
    screen.send(Msg::Looked(
        name,
        EnvironmentSnapshot { lint, findings, unseen: Some(problem), ..seen() },
    ));
    focus(&mut screen, Pane::Environments);
    screen.shows("lint: 1 warning, Enter explains");
    screen.key(Code::Enter);
    for text in [
        "because: there are no Google credentials",
        "now: gcloud auth application-default login",
        "toto-app/apphosting.yaml:3:5: unknown field cpuu",
    ] {
        screen.shows(text);
    }
}

#[test]
fn filter_never_leaves_an_environment_selected_that_is_hidden() {
    let mut screen = full();
    focus(&mut screen, Pane::Environments);
    screen.char('/');
    screen.text("stag");
    assert_eq!(screen.model.here().unwrap().name.as_str(), "staging", "keys act on what is shown");
    screen.key(Code::Esc);
    assert_eq!(screen.model.selected, 0, "Esc gives the place back");
    screen.char('/');
    screen.text("ion");
    screen.key(Code::Enter);
    screen.char('j');
    let chosen = screen.model.selected;
    screen.key(Code::Esc);
    assert_eq!(screen.model.selected, chosen, "a row that was chosen since stays");
}

#[test]
fn jobs_with_one_name_are_two_rows() {
    let mut screen = full();
    let name = screen.model.environments[0].name.clone();
    let mut run = pipeline::seen("main_waiting");
    let twin = run.jobs[0].clone();
    run.jobs.insert(1, twin);
    screen.send(Msg::Pipeline(name, Ok(Some(run))));
    focus(&mut screen, Pane::Pipeline);
    screen.char('j');
    assert_eq!(screen.model.chosen(Pane::Pipeline), Some(1));
    screen.char('j');
    assert_eq!(screen.model.chosen(Pane::Pipeline), Some(2));
}

#[test]
fn damaged_runs_are_named_where_runs_are_listed() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let damage = |run: u64, because: &str| Damage {
        run: RunNumber(run),
        seq: 4,
        because: because.to_owned(),
        ended: true,
    };
    let changed = damage(2, "its content was changed after it was written");
    for (width, height) in [(160, 45), (100, 30), (80, 24)] {
        let mut screen = Screen::new(Protection::Open);
        screen.send(Msg::Resize(width, height));
        screen.run(&bench.runs()[0], None);
        screen.send(Msg::Damaged(vec![changed.clone()]));
        screen.shows("DAMAGED #2   live 1.0.0");
        screen.char('7');
        screen.char('z');
        let many = (3..8).map(|run| damage(run, "it is missing"));
        let damaged = many.chain([changed.clone()]).collect();
        screen.send(Msg::Past(Ok(PastRuns { runs: bench.runs(), damaged })));
        let drawn = screen.draw(&plain());
        for said in ["#7 is damaged", "verify 5", "and 3 more: pointsman doctor", "PROMOTED"] {
            assert!(drawn.contains(said), "{said} is not in\n{drawn}");
        }
        // Without any other run, the list does not say that there was none.
        let damaged = vec![changed.clone()];
        screen.send(Msg::Past(Ok(PastRuns { runs: Vec::new(), damaged })));
        let drawn = screen.draw(&plain());
        assert!(drawn.contains("verify 2") && !drawn.contains("No runs yet"), "{drawn}");
    }
}
