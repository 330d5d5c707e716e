//! The Health pane: drawing and keys.

use std::time::Duration;

use pointsman::domain::health::Identity;
use pointsman::domain::ids::{BuildId, ServiceName};
use pointsman::domain::probe::{
    Answer, Board, Check, Expect, Fault, Measurement, Mute, Probe, ProbeChange, Rules, State,
    Timing,
};
use pointsman::domain::runtime_figures::{FigureReading, Figures};
use pointsman::domain::snapshot::{BuildSnapshot, Evidence, Health, Readiness};
use pointsman::domain::step::Side;
use pointsman::domain::time::Timestamp;
use pointsman::tui::effect::Effect;
use pointsman::tui::keys::Code;
use pointsman::tui::msg::Msg;
use pointsman::tui::theme::Theme;

use super::finding::waiting;
use super::screen::{Screen, plain, steady};

fn shot(screen: &Screen, name: &str, theme: &Theme) {
    insta::assert_snapshot!(format!("pane_{name}"), steady(&screen.draw(theme)));
}

fn probe(name: &str, side: Option<Side>, live: bool) -> Probe {
    let role = side.map_or(String::new(), |side| format!("@b-{side}"));
    Probe {
        found: None,
        key: format!("development/{name}{role}"),
        name: name.to_owned(),
        side,
        live,
        check: Check::Http {
            url: format!("https://{name}.example/api/health"),
            expect: Box::new(Expect::default()),
            fresh: true,
        },
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        rules: Rules::default(),
        controls: Vec::new(),
    }
}

fn heard(second: i64, answer: Answer, ms: u64) -> Measurement {
    Measurement {
        at: Timestamp::from_second(second).unwrap(),
        answer,
        timing: Timing { total: Duration::from_millis(ms), ..Timing::default() },
        identity: Identity::default(),
        certificate: None,
        odd: None,
    }
}

/// A board with every probe state, and its latest changes.
pub(crate) fn watched() -> (Board, Vec<ProbeChange>) {
    let mut board = Board::default();
    let probes = vec![
        probe("toto-app", Some(Side::Blue), true),
        probe("toto-app", Some(Side::Green), false),
        probe("firestore", None, false),
        probe("stripe", None, false),
        probe("a-dependency-with-a-long-name", None, false),
    ];
    let keys: Vec<_> = probes.iter().map(|probe| probe.key.clone()).collect();
    board.watch(probes, |_| Vec::new());
    let mut turned = Vec::new();
    for n in 0..30 {
        let second = n * 5;
        let jitter = u64::try_from(n * 7 % 23).unwrap();
        let mut hear = |at: usize, answer: Answer, ms: u64| {
            turned.extend(board.hear(&keys[at], heard(second, answer, ms)));
        };
        hear(0, Answer::Good, 140 + jitter);
        hear(1, Answer::Good, 180 + jitter * 2);
        let bad = Answer::Bad(Fault::Redirect, "HTTP 302, sends to https://login.example/".into());
        hear(2, if n >= 27 { bad } else { Answer::Good }, 60);
        let blind = Answer::Blind("no route from here; none of 3 control probes answers".into());
        hear(3, if n >= 20 { blind } else { Answer::Good }, 200);
        hear(4, Answer::Good, if n == 9 { 900 } else { 20 });
    }
    turned.reverse();
    (board, turned)
}

fn shown(screen: &mut Screen, board: &Board, turned: Vec<ProbeChange>) -> Vec<Effect> {
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Probed(name, board.seen(), turned))
}

#[test]
fn health_pane_shows_every_state_with_its_reason() {
    let mut screen = waiting();
    let now = Timestamp::from_second(148).unwrap();
    screen.send(Msg::Tick(now, Duration::from_secs(148)));
    screen.char('4');
    shot(&screen, "health_empty", &plain());
    let (mut board, turned) = watched();
    board.tick(now);
    shown(&mut screen, &board, turned);
    for (name, size) in [("wide", (160, 45)), ("usual", (100, 30)), ("narrow", (80, 24))] {
        screen.send(Msg::Resize(size.0, size.1));
        shot(&screen, &format!("health_{name}"), &plain());
    }
    screen.send(Msg::Resize(100, 30));
    screen.char('4');
    shot(&screen, "health_zoomed", &plain());
    shot(&screen, "health_zoomed_ascii", &Theme::without_colour(true));
    screen.shows("last bad answer");
    let drawn = screen.draw(&plain());
    assert!(!drawn.contains("toto-app BLUE") && drawn.contains("firestore"), "{drawn}");
    screen.shows("3 ok, o lists them");
    screen.char('o');
    screen.shows("toto-app BLUE live");
    screen.shows("sends to https://login.example/");
}

#[test]
fn public_outage_notifies_once_and_rings() {
    let mut screen = waiting();
    let mut board = Board::default();
    let live = probe("toto-app", Some(Side::Blue), true);
    board.watch(vec![live.clone()], |_| Vec::new());
    for second in [0, 5, 10] {
        board.hear(&live.key, heard(second, Answer::Good, 20));
    }
    shown(&mut screen, &board, Vec::new());
    screen.shows("1 of 1 probes ok");
    screen.send(Msg::Focus(false));
    for second in [15, 20] {
        let bad = Answer::Bad(Fault::Status, "HTTP 503".into());
        board.hear(&live.key, heard(second, bad, 20));
    }
    let rings = shown(&mut screen, &board, Vec::new());
    assert!(matches!(&rings[..], [Effect::Ring(text)] if text.contains("DOWN for customers")));
    screen.shows("toto-app on development is DOWN for customers: 2 fails in a row");
    assert!(shown(&mut screen, &board, Vec::new()).is_empty(), "once");

    let mut quiet = waiting();
    let until = Timestamp::from_second(9999).unwrap();
    let mute: Mute = (until, "planned".to_owned());
    board.watch(vec![live.clone()], |_| Vec::new());
    let mutes: std::collections::BTreeMap<_, _> = [(live.muted_by(), mute)].into();
    board.mute(mutes.clone(), until);
    assert!(board.seen()[0].muted.is_none(), "a mute ends");
    board.mute(mutes, Timestamp::UNIX_EPOCH);
    let mut before = board.seen();
    before[0].state = State::Ok;
    let name = quiet.model.environments[0].name.clone();
    quiet.send(Msg::Probed(name, before, Vec::new()));
    assert!(shown(&mut quiet, &board, Vec::new()).is_empty(), "a muted probe alerts no one");
    quiet.char('4');
    quiet.shows("MUTED");
    quiet.shows("planned");
}

#[test]
fn health_pane_probes_now_and_copies() {
    let mut screen = waiting();
    assert_eq!(screen.key(Code::Function(5)), [Effect::ProbeNow]);
    screen.char('4');
    assert!(screen.char('y').is_empty());
    let (board, turned) = watched();
    shown(&mut screen, &board, turned);
    let copied = screen.char('y');
    assert!(
        matches!(&copied[..], [Effect::Copy(text, 5)] if text.contains("https://toto-app.example")),
        "{copied:?}"
    );
}

#[test]
fn mute_asks_for_length_and_reason() {
    let (board, turned) = watched();
    let mut screen = waiting();
    shown(&mut screen, &board, turned);
    screen.char('4');
    screen.char('o');
    screen.char('j');
    screen.char('j');
    // The list is sorted again, but the same probe stays selected.
    screen.char('m');
    screen.shows("Mute for a while");
    assert_eq!(screen.key(Code::Down), []);
    assert_eq!(screen.key(Code::Enter), []);
    screen.shows("a mute needs a reason");
    screen.key(Code::Tab);
    screen.text("planned");
    let asked = screen.key(Code::Enter);
    let two_hours = Duration::from_hours(2);
    assert!(
        matches!(&asked[..], [Effect::Mute(_, of, Some((length, why)))]
            if of == "development/toto-app" && *length == two_hours && why == "planned"),
        "{asked:?}"
    );
}

#[test]
fn live_slot_follows_the_run_on_a_first_release() {
    let sandbox = super::sandbox::Sandbox::new();
    let loaded = pointsman::config::load(&sandbox.folder.path().join("config.yaml")).unwrap();
    let spec = loaded.spec("development").unwrap();
    let watching = loaded.watching("development").unwrap();
    let mut seen = super::screen::seen();
    seen.services[1].side = Side::Green;
    let probes = pointsman::engine::proposal::probes(&spec, &watching, &seen);
    let told: Vec<_> = probes.iter().map(|probe| (probe.label(), probe.live)).collect();
    assert_eq!(told, [("toto-bo BLUE".to_owned(), true), ("toto-app GREEN".to_owned(), true)]);
    // At the gate of a first release no build is live, and GREEN is probed.
    for service in &mut seen.services {
        let aside = BuildSnapshot {
            revision: None,
            preview: Some("http://127.0.0.1:1".into()),
            ..service.live.take().unwrap()
        };
        (service.green, service.side, service.health) = (Some(aside), Side::Blue, Health::Off);
    }
    let probes = pointsman::engine::proposal::probes(&spec, &watching, &seen);
    let told: Vec<_> = probes.iter().map(|probe| (probe.label(), probe.live)).collect();
    assert_eq!(told, [("toto-bo GREEN".to_owned(), false), ("toto-app GREEN".to_owned(), false)]);
}

#[test]
fn narrow_lines_never_drop_a_down_state() {
    let mut screen = Screen::new(pointsman::domain::policy::Protection::Open);
    let mut seen = super::screen::seen();
    for service in &mut seen.services {
        let why = "every other release that served here is marked bad".to_owned();
        service.rollback = Readiness::none(why);
    }
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Looked(name, seen));
    let (board, turned) = watched();
    shown(&mut screen, &board, turned);
    for (width, height) in [(160, 45), (100, 30), (80, 24)] {
        screen.send(Msg::Resize(width, height));
        let drawn = screen.draw(&plain());
        let line = drawn.lines().nth(2).unwrap().trim_end();
        assert!(line.contains("undo: none:") && line.contains("1 down"), "{line}");
        assert_eq!(line.contains("marked bad"), width == 160, "{line}");
    }
}

#[test]
fn health_pane_shows_the_platforms_figures_and_when_they_are_unknown() {
    let mut screen = waiting();
    let now = Timestamp::from_second(148).unwrap();
    screen.send(Msg::Tick(now, Duration::from_secs(148)));
    screen.char('4');
    let (mut board, turned) = watched();
    board.tick(now);
    shown(&mut screen, &board, turned);
    let reading = |second: i64, figures: Evidence<Figures>| FigureReading {
        service: ServiceName::new("toto-app").unwrap(),
        build: Some(BuildId::new("b1").unwrap()),
        at: Timestamp::from_second(second).unwrap(),
        figures,
    };
    let measured = |p95: f64| {
        let until = Some(Timestamp::from_second(120).unwrap());
        Evidence::Known(Figures { requests: 1200, errors: 6, p95_ms: Some(p95), until })
    };
    let name = screen.model.environments[0].name.clone();
    for (second, p95) in [(0, 40.0), (60, 160.0), (120, 80.0)] {
        let read = vec![reading(second, measured(p95))];
        screen.send(Msg::Figures(name.clone(), read));
    }
    screen.send(Msg::Resize(160, 45));
    screen.char('4');
    screen.shows("toto-app: 0.5 % of 1200 failed, p95 80 ms, until 00:02Z, in 10 min  ▂█▄");
    let why = "Cloud Monitoring answered HTTP 403".to_owned();
    screen.send(Msg::Figures(name, vec![reading(140, Evidence::Unknown(why))]));
    screen.shows("figures unknown: Cloud Monitoring answered HTTP 403");
}
