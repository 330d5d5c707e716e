//! The screen without a terminal: what keys do and do not do, and what is drawn. The real engine drives the runs
//! that it shows, in the scripted world.

use std::time::Duration;

use pointsman::domain::changes::{Changes, Commit};
use pointsman::domain::command::Command;
use pointsman::domain::error::Problem;
use pointsman::domain::guard::{Guard, GuardHit, Justification, Refused, standing};
use pointsman::domain::health::Verdict;
use pointsman::domain::ids::{BuildId, EnvironmentName};
use pointsman::domain::log_level::LogLevel;
use pointsman::domain::plan::Plan;
use pointsman::domain::policy::Protection;
use pointsman::domain::probe::State;
use pointsman::domain::release::ReleaseName;
use pointsman::domain::snapshot::{
    BuildSnapshot, EnvironmentSnapshot, Health, Readiness, ServiceSnapshot,
};
use pointsman::domain::step::Side;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::{RunView, TrafficState};
use pointsman::tui::effect::{Effect, Intent};
use pointsman::tui::keys::bindings::Meaning;
use pointsman::tui::keys::commands::{COMMANDS, Command as Key_};
use pointsman::tui::keys::{Code, Key};
use pointsman::tui::model::Model;
use pointsman::tui::model::dialog::{Kind, Phase};
use pointsman::tui::model::environments::{Environment, RunSnapshot};
use pointsman::tui::msg::{Msg, Stored};
use pointsman::tui::panes::Pane;
use pointsman::tui::panes::logs::model::{Extent, Line};
use pointsman::tui::theme::{Depth, Theme, Themes};
use pointsman::tui::update::update;
use pointsman::tui::view::render;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::world::{Behaviour, Bench, deploy_plan, label, service};

pub(crate) fn coloured(ascii: bool) -> Theme {
    let palette = Themes::default().palette("default-dark").unwrap();
    Theme::new(&palette, Depth::True, ascii)
}

pub(crate) fn plain() -> Theme {
    Theme::without_colour(false)
}

/// A screen and its clock.
pub(crate) struct Screen {
    pub(crate) model: Model,
    elapsed: Duration,
}

impl Screen {
    pub(crate) fn new(protection: Protection) -> Self {
        let name = EnvironmentName::new("development").unwrap();
        let services = vec!["toto-bo".to_owned(), "toto-app".to_owned()];
        let here = Environment::new(name, protection, services);
        let offered = vec!["1.0.0".to_owned(), "1.1.0".to_owned()];
        let model = Model::new(vec![here], offered, "ana".to_owned());
        let mut screen = Self { model, elapsed: Duration::ZERO };
        screen.send(Msg::Resize(100, 30));
        screen.send(Msg::Looked(screen.name(), seen()));
        screen
    }

    fn name(&self) -> EnvironmentName {
        self.model.environments[0].name.clone()
    }

    pub(crate) fn send(&mut self, msg: Msg) -> Vec<Effect> {
        update(&mut self.model, msg)
    }

    /// Advances the clock.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.elapsed += Duration::from_millis(ms);
        let now = Timestamp::UNIX_EPOCH + self.elapsed;
        self.send(Msg::Tick(now, self.elapsed));
    }

    /// Sends a new observation of the environment.
    pub(crate) fn look(&mut self) {
        self.send(Msg::Looked(self.name(), seen()));
    }

    /// Presses a key, one second after the last one.
    pub(crate) fn key(&mut self, code: Code) -> Vec<Effect> {
        self.wait(1000);
        self.send(Msg::Key(Key::plain(code)))
    }

    pub(crate) fn char(&mut self, c: char) -> Vec<Effect> {
        self.key(Code::Char(c))
    }

    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            assert_eq!(self.char(c), []);
        }
    }

    /// Reports this run as the latest one in the store.
    pub(crate) fn run(&mut self, view: &RunView, runner: Option<u32>) -> Vec<Effect> {
        let run =
            Some(RunSnapshot { view: view.clone(), runner, host: None, watchers: Vec::new() });
        let environment = self.name();
        self.send(Msg::Stored(Ok(vec![Stored { environment, run, ticks: Vec::new(), lock: None }])))
    }

    fn phase(&self) -> Option<Phase> {
        match &self.model.dialog.as_ref()?.kind {
            Kind::Confirm(asked) => Some(asked.phase.clone()),
            _ => None,
        }
    }

    pub(crate) fn cells(&self, theme: &Theme) -> Buffer {
        let (width, height) = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        render(&self.model, theme, buffer.area, &mut buffer);
        buffer
    }

    pub(crate) fn draw(&self, theme: &Theme) -> String {
        let (width, height) = self.model.size;
        let buffer = self.cells(theme);
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
        let rows: Vec<String> = (0..height).map(|y| row(y).trim_end().to_owned()).collect();
        rows.join("\n")
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let drawn = self.draw(&plain());
        assert!(drawn.contains(text), "{text:?} is not in\n{drawn}");
    }
}

pub(crate) fn seen() -> EnvironmentSnapshot {
    let one = |name: &str| ServiceSnapshot {
        service: service(name),
        url: format!("http://{name}"),
        live: Some(BuildSnapshot {
            release: Some(label("1.0.0")),
            commit: None,
            revision: None,
            build: BuildId::new("b-1-0-0").unwrap(),
            state: "READY".to_owned(),
            preview: None,
        }),
        traffic: TrafficState::Whole(BuildId::new("b-1-0-0").unwrap()),
        rollouts_held: false,
        side: Side::Blue,
        green: None,
        blue: None,
        health: Health::Ok,
        found: None,
        rollback: Readiness {
            target: Some(ReleaseName { label: label("0.9.0"), commit: None }),
            build: Some(BuildId::new("b-0-9-0").unwrap()),
            why: None,
            faults: Vec::new(),
        },
    };
    EnvironmentSnapshot {
        services: vec![one("toto-bo"), one("toto-app")],
        databases: None,
        lint: None,
        findings: Vec::new(),
        freeze: Vec::new(),
        unseen: None,
    }
}

/// Every state of a deploy of 1.1.0.
pub(crate) fn states(behaviour: Behaviour) -> Vec<RunView> {
    states_of(&deploy_plan("1.1.0"), behaviour)
}

/// The state after every fact of a plan for 1.1.0, after 1.0.0.
pub(crate) fn states_of(plan: &Plan, behaviour: Behaviour) -> Vec<RunView> {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", behaviour);
    let ended = bench.drive(plan);
    let facts = bench.facts(&ended);
    let mut view = RunView::begin(ended.number, &facts[0]).unwrap();
    let mut states = vec![view.clone()];
    for fact in &facts[1..] {
        view.apply(fact).unwrap();
        states.push(view.clone());
    }
    states
}

pub(crate) fn at_gate() -> RunView {
    let waits = |view: &RunView| view.state.label() == "waiting";
    let view = states(Behaviour::Healthy).into_iter().find(waits).unwrap();
    assert!(view.services.values().all(|s| s.green_health == Some(Verdict::Pass)));
    view
}

pub(crate) fn acts(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Start(..) | Effect::Send(..) | Effect::TakeOver(..)))
}

#[test]
fn gate_needs_its_key_and_a_confirmation_bound_to_seen_facts() {
    let mut screen = Screen::new(Protection::Open);
    let view = at_gate();
    screen.run(&view, Some(7));
    screen.shows("WAITING FOR YOU");
    screen.shows("BLUE 100 %");
    assert_eq!(screen.char('T'), []);
    screen.shows("Switch traffic to GREEN");
    let effects = screen.char('y');
    let [Effect::Send(ticket, run, seen, Command::Approve(_))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((*run, *seen), (view.number, view.last_seq));
    assert_eq!(screen.phase(), Some(Phase::Works), "not closed before the answer is there");
    assert_eq!(screen.char('y'), [], "and not sent twice");
    let refused = Problem::new("run #2 refuses").because("the run moved on");
    screen.send(Msg::Done(*ticket, Err(refused)));
    screen.shows("the run moved on");
}

#[test]
fn repeated_keys_and_pastes_confirm_nothing() {
    for opener in ['T', 'A'] {
        let mut screen = Screen::new(Protection::Open);
        screen.run(&at_gate(), Some(7));
        for _ in 0..20 {
            assert_eq!(screen.char(opener), []);
        }
        assert_eq!(screen.phase(), Some(Phase::Asks), "the opening key does nothing inside");
        for code in [Code::Enter, Code::Esc, Code::Char('n')] {
            let _ = screen.char(opener);
            assert!(!acts(&screen.key(code)));
            assert_eq!(screen.phase(), None, "{code:?} is no");
        }
        // Mashed keys: y right after the opening key, then a held y.
        let _ = screen.char(opener);
        for _ in 0..50 {
            screen.wait(20);
            assert_eq!(screen.send(Msg::Key(Key::plain(Code::Char('y')))), []);
        }
        let held = Key { repeat: true, ..Key::plain(Code::Char('y')) };
        screen.wait(1000);
        assert_eq!(screen.send(Msg::Key(held)), []);
        screen.send(Msg::Paste("y\n".to_owned()));
        assert_eq!(screen.phase(), Some(Phase::Asks));
        screen.look();
        assert!(acts(&screen.char('y')), "a meant y is a yes");
    }
    let mut screen = Screen::new(Protection::Open);
    screen.run(&at_gate(), Some(7));
    screen.send(Msg::Paste("TDABy\n".to_owned()));
    assert!(screen.model.dialog.is_none());
    screen.shows("paste is off");
}

#[test]
fn typed_environment_needs_its_exact_name() {
    let mut screen = Screen::new(Protection::Typed);
    screen.run(&at_gate(), Some(7));
    let _ = screen.char('T');
    assert_eq!(screen.char('y'), []);
    let _ = screen.send(Msg::Key(Key::ctrl('u')));
    screen.text("develop");
    assert_eq!(screen.key(Code::Enter), []);
    screen.shows("4 more to type");
    screen.send(Msg::Paste("ment".to_owned()));
    screen.shows("paste is off");
    assert_eq!(screen.key(Code::Enter), []);
    let _ = screen.send(Msg::Key(Key::ctrl('u')));
    screen.text("Development");
    assert_eq!(screen.key(Code::Enter), []);
    screen.shows("case counts");
    let _ = screen.send(Msg::Key(Key::ctrl('u')));
    screen.text("development");
    screen.look();
    assert!(acts(&screen.key(Code::Enter)));
}

#[test]
fn change_under_a_box_clears_the_answer() {
    let mut screen = Screen::new(Protection::Typed);
    let view = at_gate();
    screen.run(&view, Some(7));
    let _ = screen.char('T');
    screen.text("developmen");
    let ended = states(Behaviour::Healthy).pop().unwrap();
    screen.run(&ended, None);
    screen.shows("CHANGED");
    screen.text("t");
    assert!(!acts(&screen.key(Code::Enter)));
    assert_eq!(screen.phase(), None);
}

#[test]
fn deploy_is_picked_proposed_and_confirmed() {
    let mut screen = Screen::new(Protection::Open);
    let _ = screen.char('D');
    screen.shows("live on toto-bo, toto-app");
    let _ = screen.char('j');
    let effects = screen.key(Code::Enter);
    let [Effect::Propose(ticket, Intent::Deploy { release, why, .. })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((release.as_str(), why), ("1.1.0", &Justification::default()));
    screen.shows("checking");
    // Two guards: each has a separate line to override it, and each needs a reason.
    let met = |guard, what: &str| GuardHit { guard, problem: Problem::new(what) };
    let guards = vec![
        met(Guard::Freeze, "development is frozen"),
        met(Guard::Promotion, "1.1.0 was not promoted on staging"),
    ];
    let refused = |guards: Vec<GuardHit>| Err(Refused { problem: standing(&guards), guards });
    screen.send(Msg::Proposed(*ticket, refused(guards.clone())));
    screen.shows("[ ] freeze: development is frozen");
    screen.shows("[ ] promotion: 1.1.0 was not promoted on staging");
    let _ = screen.char(' ');
    screen.shows("[x] freeze");
    assert_eq!(screen.key(Code::Enter), [], "an override without a reason");
    screen.shows("the override of freeze needs a reason");
    let _ = screen.key(Code::Tab);
    screen.text("INC-12");
    let asked = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::Propose(_, Intent::Deploy { why, .. })] => why.clone(),
        other => panic!("{other:?}"),
    };
    let why = asked(screen.key(Code::Enter));
    assert_eq!(why.overrides.keys().copied().collect::<Vec<_>>(), [Guard::Freeze]);
    // The other guard still blocks, and the first stays overridden.
    screen.send(Msg::Proposed(*ticket, refused(guards[1..].to_vec())));
    screen.shows("[x] freeze");
    let _ = screen.char(' ');
    let why = asked(screen.key(Code::Enter));
    assert_eq!(why.overrides.get(&Guard::Promotion).map(String::as_str), Some("INC-12"));
    assert_eq!(why.overrides.len(), 2);
    let plan = Box::new(deploy_plan("1.1.0"));
    screen.send(Msg::Proposed(*ticket, Ok((plan.clone(), "Build it.".to_owned()))));
    screen.shows("Build it.");
    screen.look();
    assert!(matches!(screen.char('y').as_slice(), [Effect::Start(_, started)] if *started == plan));
}

#[test]
fn picker_shows_new_commits_of_a_release() {
    let mut screen = Screen::new(Protection::Open);
    // The live release comes first in the list. A deploy more likely means the one that was never live.
    let effects = screen.char('D');
    screen.shows("▶ 1.1.0");
    let [Effect::Offer(_), Effect::Compare(ticket, from, to)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((from.as_str(), to.as_str()), ("1.0.0", "1.1.0"));
    let commit = |n: usize| Commit {
        id: format!("abc{n}"),
        author: "ana".to_owned(),
        subject: format!(
            "Do the thing number {n}, which takes a line that is longer than the box is wide"
        ),
    };
    let changes = Changes { added: 7, left: 0, latest: (0..7).map(commit).collect() };
    screen.send(Msg::Compared(*ticket, to.clone(), Ok(Some(changes.clone()))));
    insta::assert_snapshot!("picker_changes", steady(&screen.draw(&plain())));
    let back = Changes { added: 0, left: 2, latest: Vec::new() };
    screen.send(Msg::Compared(*ticket, to.clone(), Ok(Some(back))));
    screen.shows("older than 1.0.0: 2 of its commits are not in it");
    let unknown = Problem::new("1.1.0 names no commit of /repository");
    screen.send(Msg::Compared(*ticket, to.clone(), Err(unknown)));
    screen.shows("new commits unknown: 1.1.0 names no commit");
    // If releases are not commits, the picker shows no commits. It also drops an answer about a release that is no
    // longer selected.
    screen.send(Msg::Compared(*ticket, to.clone(), Ok(None)));
    assert!(!screen.draw(&plain()).contains("is new"));
    screen.send(Msg::Compared(*ticket, to.clone(), Ok(Some(changes))));
    let effects = screen.char('k');
    assert!(effects.is_empty(), "the live build is not compared with itself: {effects:?}");
    assert!(!screen.draw(&plain()).contains("commits since"));
}

#[test]
fn traffic_that_a_run_has_read_elsewhere_is_looked_at_at_once() {
    let mut screen = Screen::new(Protection::Open);
    let traffic = |view: &RunView| {
        view.services.values().map(|service| service.traffic.clone()).collect::<Vec<_>>()
    };
    let mut moves = 0;
    let mut before: Option<RunView> = None;
    for view in states(Behaviour::Healthy) {
        let effects = screen.run(&view, Some(7));
        if before.is_some_and(|before| traffic(&before) != traffic(&view)) {
            moves += 1;
            let looks = effects.iter().any(|effect| matches!(effect, Effect::Look(_)));
            assert!(looks, "{:?}: BLUE would be shown as live beside traffic on GREEN", view.state);
        }
        before = Some(view);
    }
    assert!(moves > 0);
}

#[test]
fn public_probe_has_the_role_that_the_run_has_read() {
    let (board, turned) = super::health::watched();
    let mut screen = Screen::new(Protection::Open);
    let name = screen.model.environments[0].name.clone();
    // Answers from before the run read the traffic were those of BLUE; later ones count.
    let answered = |before: bool| {
        let mut probes = board.seen();
        let at =
            if before { Timestamp::UNIX_EPOCH - Duration::from_secs(1) } else { Timestamp::MAX };
        for probe in &mut probes {
            probe.answered = Some(at);
        }
        probes
    };
    let mut switched = 0;
    for view in states(Behaviour::Healthy).into_iter().filter(|view| view.ended.is_none()) {
        for (before, state) in [(true, State::Off), (false, State::Ok)] {
            screen.run(&view, Some(7));
            screen.send(Msg::Probed(name.clone(), answered(before), turned.clone()));
            let service = &view.services[&service("toto-app")];
            let green = service.green.clone().map(TrafficState::Whole);
            let at_green = green.is_some_and(|green| service.traffic == green);
            let probes = &screen.model.environments[0].probes;
            let mut of_service = probes.iter().filter(|probe| probe.name == "toto-app");
            let public = of_service.next().unwrap();
            if at_green {
                switched += 1;
                assert_eq!((public.side, public.state), (Some(Side::Green), state));
                assert_eq!(of_service.next(), None, "the probe of the public address covers GREEN");
            } else if service.blue_known {
                assert_eq!((public.side, public.state), (Some(Side::Blue), State::Ok));
            }
        }
    }
    assert!(switched > 0);
}

#[test]
fn question_about_rollouts_names_what_was_pushed_meanwhile() {
    let mut screen = Screen::new(Protection::Open);
    let ended = states(Behaviour::Healthy).pop().unwrap();
    screen.run(&ended, None);
    let mut held = seen();
    held.services[0].rollouts_held = true;
    screen.send(Msg::Looked(screen.name(), held));
    let effects = screen.char('P');
    let [Effect::AskPushed(ticket, _)] = effects.as_slice() else { panic!("{effects:?}") };
    screen.shows("Enables automatic rollouts of");
    screen.send(Msg::Pushed(*ticket, vec!["Pushed to main meanwhile: 3f2a1c9 Fix it".into()]));
    screen.shows("Pushed to main meanwhile: 3f2a1c9 Fix it");
    let effects = screen.char('y');
    assert!(matches!(effects.as_slice(), [Effect::AllowRollouts(..)]), "{effects:?}");
}

#[test]
fn dead_run_is_in_doubt_until_a_choice() {
    let mut screen = Screen::new(Protection::Open);
    let soaking = |view: &RunView| view.state.sentence() == "in soak";
    let view = states(Behaviour::Healthy).into_iter().find(soaking).unwrap();
    let effects = screen.run(&view, None);
    assert!(effects.contains(&Effect::Observe(view.number)), "{effects:?}");
    screen.shows("IN DOUBT: the process of run");
    screen.shows("asking the platform");
    screen.shows("LOST");
    assert_eq!(screen.char('D'), []);
    screen.shows("is in doubt; decide about it first");
    let observed = [(service("toto-bo"), pointsman::domain::recover::Serving::Foreign("x".into()))];
    let doubt =
        pointsman::domain::recover::reconcile(&view, &observed.into_iter().collect()).unwrap();
    screen.send(Msg::Observed(view.number, Ok(doubt)));
    screen.shows("x, which is not from this run");
    assert_eq!(screen.key(Code::Enter), []);
    let effects = screen.char('y');
    assert!(matches!(effects.as_slice(), [Effect::TakeOver(..)]), "{effects:?}");
}

#[test]
fn quitting_never_touches_a_run() {
    let mut screen = Screen::new(Protection::Open);
    screen.run(&at_gate(), Some(7));
    let interrupt = |screen: &mut Screen| {
        screen.wait(500);
        screen.send(Msg::Key(Key::ctrl('c')))
    };
    for _ in 0..5 {
        assert_eq!(interrupt(&mut screen), []);
    }
    screen.shows("Stay");
    assert_eq!(screen.key(Code::Enter), []);
    assert!(screen.model.dialog.is_none());
    for _ in 0..30 {
        assert_eq!(screen.key(Code::Esc), []);
    }
    let _ = screen.char('q');
    assert_eq!(screen.char('d'), [Effect::Quit]);

    let mut idle = Screen::new(Protection::Open);
    assert_eq!(interrupt(&mut idle), []);
    idle.shows("again");
    assert_eq!(interrupt(&mut idle), [Effect::Quit]);
    assert_eq!(Screen::new(Protection::Open).char('q'), [Effect::Quit]);
}

#[test]
fn too_small_window_confirms_nothing() {
    let mut screen = Screen::new(Protection::Open);
    screen.run(&at_gate(), Some(7));
    let _ = screen.char('T');
    screen.send(Msg::Resize(50, 10));
    screen.shows("too small");
    for c in ['y', 'T', 'B', 'A', 'D'] {
        assert_eq!(screen.char(c), [], "{c}");
    }
    screen.send(Msg::Resize(100, 30));
    screen.shows("Switch traffic to GREEN");
    let early = screen.send(Msg::Key(Key::plain(Code::Char('y'))));
    assert_eq!(early, [], "it was typed before the question could be read");
    assert_ne!(screen.char('y'), []);
}

/// A key by its name in the table.
fn key_of(name: &str) -> Key {
    let code = match name {
        "Tab" => Code::Tab,
        "Shift-Tab" => Code::BackTab,
        "Enter" => Code::Enter,
        "Esc" => Code::Esc,
        "Up" => Code::Up,
        "Down" => Code::Down,
        "Left" => Code::Left,
        "Right" => Code::Right,
        "Home" => Code::Home,
        "End" => Code::End,
        "PgUp" => Code::PageUp,
        "PgDn" => Code::PageDown,
        name => match name.strip_prefix("Ctrl-") {
            Some(letter) => return Key::ctrl(letter.chars().next().unwrap()),
            None => Code::Char(name.chars().next().unwrap()),
        },
    };
    Key::plain(code)
}

#[test]
fn every_key_acts_or_explains_why_not() {
    for row in COMMANDS {
        for key in row.keys {
            let pressed: Vec<Key> = key.split(' ').map(key_of).collect();
            let mut screen = Screen::new(Protection::Open);
            screen.model.focus = row.pane.unwrap_or(Pane::Deploy);
            let meaning = screen.model.bindings.meaning(key, screen.model.focus);
            assert_eq!(meaning, Meaning::Command(row.command), "{key}");
            screen.run(&states(Behaviour::Healthy).pop().unwrap(), None);
            screen.wait(1000);
            for key in pressed {
                assert!(!acts(&screen.send(Msg::Key(key))), "{key:?} acts without asking");
            }
            let told = !screen.model.messages.toasts.is_empty() || screen.model.dialog.is_some();
            let off = [Key_::Switch, Key_::Abort, Key_::Retry, Key_::Skip, Key_::Pause];
            assert!(told || !off.contains(&row.command), "{key} says nothing");
        }
    }
}

#[test]
fn failed_step_shows_cause_impact_and_next_step() {
    let mut screen = Screen::new(Protection::Open);
    let ended = states(Behaviour::Broken).pop().unwrap();
    screen.run(&ended, None);
    screen.shows("FAILED");
    screen.shows("HTTP 503");
    screen.shows("It moved no traffic: 1.0.0 stayed live. Nothing to undo.");
}

#[test]
fn unknown_values_are_shown_as_unknown() {
    let mut screen = Screen::new(Protection::Open);
    screen.wait(60_000);
    screen.shows("STALE");
    let drawn = screen.draw(&plain());
    assert!(!drawn.contains("✓ OK"), "an old look is no OK\n{drawn}");
    screen.send(Msg::Stored(Err(Problem::new("store.db cannot be read"))));
    screen.shows("OLD: the store cannot be read");
}

#[test]
fn screens_fit_every_window() {
    let mut screens = Vec::new();
    for behaviour in [Behaviour::Healthy, Behaviour::Broken, Behaviour::Leaks(8)] {
        let mut screen = Screen::new(Protection::Typed);
        screen.run(&states(behaviour).pop().unwrap(), Some(7));
        screens.push(screen);
    }
    let mut boxed = Screen::new(Protection::Typed);
    boxed.run(&at_gate(), Some(7));
    let _ = boxed.char('T');
    screens.push(boxed);
    let mut picker = Screen::new(Protection::Open);
    let _ = picker.char('D');
    screens.push(picker);
    let mut help = Screen::new(Protection::Open);
    let _ = help.char('?');
    screens.push(help);
    // A third of the small sizes, where rectangles become empty, and some large ones.
    let small = (1..70).flat_map(|w| (1..26).map(move |h| (w, h))).step_by(3);
    let large = (70..=200).step_by(13).flat_map(|w| (1..=60).step_by(7).map(move |h| (w, h)));
    let sizes: Vec<(u16, u16)> = small.chain(large).collect();
    let themes = [coloured(false), coloured(true)];
    for screen in &mut screens {
        let line = Line {
            at: Timestamp::UNIX_EPOCH,
            source: "toto-app".to_owned(),
            level: LogLevel::Warn,
            hangs: false,
            text: "漢字 wide and very ".repeat(40),
            tints: Vec::new(),
        };
        if let Some(run) = screen.model.panes.logs.run {
            let extent = Extent { total: 100, shown: 100, warnings: 100, ..Extent::default() };
            let asked = screen.model.panes.logs.asked;
            screen.send(Msg::Logged(run, asked, extent, vec![line; 100]));
        }
        for (width, height) in &sizes {
            screen.send(Msg::Resize(*width, *height));
            screen.draw(&themes[usize::from(width % 2)]);
        }
    }
}

#[test]
fn screens_work_without_colour_and_unicode() {
    let mut screen = Screen::new(Protection::Open);
    screen.run(&at_gate(), Some(7));
    for (width, height) in [(160, 45), (100, 30), (80, 24), (60, 16)] {
        screen.send(Msg::Resize(width, height));
        let drawn = screen.draw(&Theme::without_colour(true));
        assert!(drawn.is_ascii(), "{drawn}");
        for word in ["WAIT", "GREEN", "DEVELOPMENT", "undo: not needed"] {
            assert!(drawn.contains(word), "{word} at {width}x{height}\n{drawn}");
        }
        // The smallest window has no room for the traffic bars; the strip says who is live.
        let live = if height > 16 { "BLUE 100 %" } else { "live 1.0.0" };
        assert!(drawn.contains(live), "{live} at {width}x{height}\n{drawn}");
    }
}

#[test]
fn screen_snapshots() {
    let mut screen = Screen::new(Protection::Open);
    screen.wait(3_600_000 + 7_000);
    screen.send(Msg::Looked(screen.name(), seen()));
    for (name, size) in [("wide", (160, 45)), ("usual", (100, 30)), ("small", (80, 24))] {
        let (width, height) = size;
        screen.send(Msg::Resize(width, height));
        screen.run(&at_gate(), Some(7));
        insta::assert_snapshot!(format!("gate_{name}"), steady(&screen.draw(&plain())));
        let ended = states(Behaviour::Broken).pop().unwrap();
        screen.run(&ended, None);
        insta::assert_snapshot!(format!("failed_{name}"), steady(&screen.draw(&plain())));
    }
}

/// Masks the random parts of build ids.
pub(crate) fn steady(drawn: &str) -> String {
    let mut out = String::new();
    let mut rest = drawn;
    while let Some(at) = rest.find("-r") {
        let (before, after) = rest.split_at(at + 2);
        out.push_str(before);
        let id = after.chars().take_while(char::is_ascii_digit).count();
        let tail = &after[id..];
        let random = tail
            .strip_prefix('-')
            .map_or(0, |t| t.chars().take_while(char::is_ascii_hexdigit).count());
        if id > 0 && random > 0 {
            out.push_str(&after[..id]);
            out.push('-');
            out.push_str(&"x".repeat(random));
            rest = &tail[1 + random..];
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[test]
fn early_confirmation_is_refused_and_the_next_counts() {
    let mut screen = Screen::new(Protection::Open);
    screen.run(&at_gate(), Some(7));
    screen.look();
    screen.char('T');
    screen.wait(100);
    assert_eq!(screen.send(Msg::Key(Key::plain(Code::Char('y')))), []);
    screen.shows("too early to be an answer; press y again");
    assert!(acts(&screen.char('y')));
}

#[test]
fn environment_without_a_run_shows_no_foreign_log() {
    let mut screen = Screen::new(Protection::Open);
    let staging = EnvironmentName::new("staging").unwrap();
    let other = Environment::new(staging, Protection::Open, vec!["toto-bo".to_owned()]);
    screen.model.environments.push(other);
    screen.run(&at_gate(), Some(7));
    assert_eq!(screen.model.panes.logs.run, Some(at_gate().number));
    screen.char(']');
    assert_eq!((screen.model.selected, screen.model.panes.logs.run), (1, None));
    screen.shows("No run, no log");
    screen.char('[');
    assert_eq!(screen.model.panes.logs.run, Some(at_gate().number));
}

#[test]
fn decision_time_is_not_step_time() {
    let failed = |view: &RunView| view.state.label() == "step_failed";
    let all = states(Behaviour::Broken);
    let at = all.iter().position(failed).unwrap();
    let took = |view: &RunView| view.steps.iter().map(|step| step.took_ms).collect::<Vec<_>>();
    let (then, ended) = (took(&all[at]), all.last().unwrap());
    assert!(ended.ended.is_some());
    assert_eq!(then[..], took(ended)[..then.len()]);
}

#[test]
fn answer_of_a_box_is_visible_in_every_window() {
    for (width, height) in [(160, 45), (100, 30), (80, 24), (60, 16)] {
        let mut screen = Screen::new(Protection::Typed);
        screen.look();
        screen.run(&at_gate(), Some(7));
        screen.send(Msg::Resize(width, height));
        screen.wait(1_000);
        screen.char('T');
        screen.shows("Type development to continue:");
        screen.shows("letters to go");
        screen.text("dev");
        screen.shows("dev▏");
        let cut = screen.draw(&plain()).contains("make the window larger to read them");
        assert_eq!(cut, height == 16, "{width}x{height}");
    }
}
