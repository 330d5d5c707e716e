//! Navigation: palette, help, prefixes, messages, log and history. None of it changes a deployment.

use std::collections::BTreeMap;

use pointsman::domain::event::Mark as Mark_;
use pointsman::domain::log_level::LogLevel;
use pointsman::domain::policy::Protection;
use pointsman::domain::readiness::Target;
use pointsman::domain::release::ReleaseName;
use pointsman::domain::time::Timestamp;
use pointsman::tui::effect::{Effect, Intent, LogAsk, LogUse, ThemeUse};
use pointsman::tui::keys::Code;
use pointsman::tui::keys::bindings::Bindings;
use pointsman::tui::keys::commands::COMMANDS;
use pointsman::tui::model::remembered::Remembered;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::Pane;
use pointsman::tui::panes::logs::model::{Extent, Line, Mark, TimeMode};
use pointsman::tui::theme::Theme;

use super::screen::{Screen, acts, at_gate, plain, states, steady};
use super::world::{Behaviour, Bench, deploy_plan, label, service};

pub(crate) fn waiting() -> Screen {
    let mut screen = Screen::new(Protection::Open);
    screen.run(&at_gate(), Some(7));
    screen
}

#[test]
fn palette_finds_commands_which_still_confirm() {
    let mut screen = waiting();
    screen.char(':');
    screen.text("swit");
    screen.shows("approve the gate");
    assert!(!acts(&screen.key(Code::Enter)), "the palette opens the box, and no more");
    screen.shows("Switch traffic to GREEN");
    screen.key(Code::Esc);
    screen.char(':');
    screen.text("goto logs");
    screen.key(Code::Enter);
    assert_eq!(screen.model.focus, Pane::Logs);
    screen.char(':');
    screen.text("zzzz");
    screen.shows("nothing is called that");
    screen.key(Code::Enter);
    assert!(screen.model.overlay.is_none() && screen.model.dialog.is_none());
}

#[test]
fn palette_shows_a_theme_while_it_is_chosen() {
    let mut screen = waiting();
    screen.model.themes = vec!["nord".to_owned(), "light".to_owned()];
    screen.char(':');
    for c in "theme nord".chars() {
        screen.char(c);
    }
    assert_eq!(screen.model.shown_theme.as_deref(), Some("nord"));
    let back = screen.key(Code::Esc);
    assert_eq!(back, [Effect::Theme(ThemeUse::Back)]);
    screen.char(':');
    let mut effects = Vec::new();
    for c in "theme nord".chars() {
        effects.extend(screen.char(c));
    }
    assert!(effects.contains(&Effect::Theme(ThemeUse::Show("nord".to_owned()))), "{effects:?}");
    assert_eq!(screen.key(Code::Enter), [Effect::Theme(ThemeUse::Keep("nord".to_owned()))]);
    assert_eq!(screen.model.shown_theme, None);
}

#[test]
fn palette_replays_an_ended_run() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut screen = waiting();
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.char(':');
    screen.text("replay 1");
    assert_eq!(screen.key(Code::Enter), [Effect::Replay(bench.runs()[0].number)]);
}

#[test]
fn help_lists_every_command() {
    let mut screen = waiting();
    screen.send(Msg::Resize(160, 120));
    screen.char('?');
    let drawn = screen.draw(&plain());
    let missing =
        COMMANDS.iter().filter(|row| !drawn.contains(row.doc) && !drawn.contains(row.name));
    assert_eq!(missing.map(|row| row.name).collect::<Vec<_>>(), [""; 0], "{drawn}");
}

#[test]
fn help_shows_why_keys_are_off_and_filters() {
    let mut screen = waiting();
    screen.char('?');
    let drawn = screen.draw(&plain());
    let at = |text: &str| drawn.find(text).unwrap_or_else(|| panic!("{text} is not in\n{drawn}"));
    assert!(at("DEPLOYMENT (confirmed first)") < at("NAVIGATION"));
    screen.shows("off: no step has failed");
    screen.text("pause");
    let drawn = screen.draw(&plain());
    let why = "off: the run waits at its gate anyway";
    assert!(drawn.contains(why) && !drawn.contains("off: no step has failed"), "{drawn}");
    screen.key(Code::Esc);
    screen.shows("off: no step has failed");
    screen.key(Code::Esc);
    assert!(screen.model.overlay.is_none());
    assert_eq!(screen.model.focus, Pane::Deploy);
}

#[test]
fn prefix_key_shows_its_continuations() {
    let mut screen = waiting();
    screen.char('g');
    assert!(!screen.draw(&plain()).contains("go to"), "not at once");
    assert!(screen.model.due().is_some(), "but by itself");
    screen.wait(300);
    screen.shows("go to");
    screen.wait(60_000);
    screen.char('l');
    assert_eq!(screen.model.focus, Pane::Logs);
    screen.char('g');
    screen.key(Code::Esc);
    screen.char('d');
    assert_eq!(screen.model.focus, Pane::Logs, "Esc took the prefix away");
    screen.char('g');
    screen.char('x');
    screen.shows("g x means nothing here");
    screen.model.focus = Pane::Logs;
    screen.char('g');
    screen.char('n');
    assert_eq!(screen.model.focus, Pane::Deploy, "the gate needs a person");
}

#[test]
fn read_only_screen_refuses_changes() {
    let mut screen = waiting();
    screen.model.read_only = true;
    screen.shows("READ-ONLY");
    for c in "DTBAKRSp".chars() {
        assert_eq!(screen.char(c), [], "{c}");
        screen.shows("this screen is read-only");
        assert!(screen.model.dialog.is_none(), "{c}");
    }
    screen.key(Code::Enter);
    assert!(screen.model.dialog.is_none());
    screen.char('?');
    screen.shows("off: this screen is read-only");
}

#[test]
fn rebound_key_is_shown_and_works() {
    let mut screen = waiting();
    let own =
        BTreeMap::from([("goto logs".to_owned(), vec!["F3".to_owned(), "Ctrl-x l".to_owned()])]);
    screen.model.bindings = Bindings::with(&own).unwrap();
    screen.char('3');
    assert_eq!(screen.model.focus, Pane::Deploy);
    screen.key(Code::Function(3));
    assert_eq!(screen.model.focus, Pane::Logs);
    screen.char('?');
    screen.text("goto logs");
    screen.shows("F3  Ctrl-x l");
}

#[test]
fn messages_can_be_read_again() {
    let mut screen = waiting();
    screen.send(Msg::Alarm("the log cannot be saved: no room".to_owned()));
    screen.send(Msg::Tell("saved 3 lines".to_owned()));
    screen.shows("no room");
    screen.wait(60_000);
    let drawn = screen.draw(&plain());
    assert!(drawn.contains("no room"), "what failed stays until it is taken away");
    assert!(!drawn.contains("saved 3 lines"));
    screen.shows("! lists them");
    screen.key(Code::Esc);
    assert!(!screen.draw(&plain()).contains("no room"));
    screen.char('!');
    screen.shows("saved 3 lines");
    screen.shows("no room");
    assert_eq!(screen.char('y'), [Effect::Copy("saved 3 lines".to_owned(), 1)]);
    screen.text("/no room");
    screen.shows("/no room▏  1 of 2");
    assert!(!screen.draw(&plain()).contains("saved 3 lines"));
    screen.key(Code::Enter);
    let text = "the log cannot be saved: no room".to_owned();
    assert_eq!(screen.char('y'), [Effect::Copy(text, 1)]);
    screen.key(Code::Esc);
    screen.shows("saved 3 lines");
    // The next session lists them too, as read.
    let kept = serde_json::to_string(&Remembered::of(&screen.model)).unwrap();
    let kept: Remembered = serde_json::from_str(&kept).unwrap();
    let mut next = waiting();
    kept.recall(&mut next.model);
    assert!(!next.draw(&plain()).contains("unread"));
    next.char('!');
    next.shows("no room");
}

#[test]
fn arrangement_survives_a_restart() {
    let mut screen = waiting();
    screen.send(Msg::Resize(160, 45));
    for key in ['g', '2'] {
        screen.char(key);
    }
    assert_eq!(screen.model.focus, Pane::Health);
    let width = |screen: &Screen| {
        let drawn = screen.draw(&plain());
        let line = drawn.lines().find(|line| line.contains("1 Environments")).unwrap();
        line.chars().position(|c| "┐┓".contains(c)).unwrap()
    };
    screen.char('1');
    let before = width(&screen);
    screen.char('>');
    assert_eq!(width(&screen), before + 4);
    let mut next = waiting();
    next.send(Msg::Resize(160, 45));
    Remembered::of(&screen.model).recall(&mut next.model);
    assert_eq!(width(&next), before + 4);
    assert_eq!(next.model.arrangement, screen.model.arrangement);
    // So does the order of a list.
    screen.model.focus = Pane::History;
    screen.char(',');
    Remembered::of(&screen.model).recall(&mut next.model);
    assert_eq!(next.model.lists.of(Pane::History).order, 1);
}

/// Sends the screen a log of `to` lines, of which the driver has loaded those from `from` on.
fn log(screen: &mut Screen, from: usize, to: usize) -> Vec<Effect> {
    let line = |n: usize| Line {
        at: Timestamp::UNIX_EPOCH,
        source: "toto-app".to_owned(),
        level: if n.is_multiple_of(50) { LogLevel::Error } else { LogLevel::Info },
        hangs: false,
        text: format!("line {n}"),
        tints: Vec::new(),
    };
    let extent = Extent { total: to, shown: to, errors: to / 50, whole: true, ..Extent::default() };
    let (run, asked) = (screen.model.panes.logs.run.unwrap(), screen.model.panes.logs.asked);
    screen.send(Msg::Logged(run, asked, extent, (from..to).map(line).collect()))
}

#[test]
fn scrolled_log_stays_and_counts_new_lines() {
    let mut screen = waiting();
    log(&mut screen, 800, 1000);
    screen.char('3');
    screen.char('z');
    screen.shows("line 999");
    screen.shows("FOLLOW");
    screen.key(Code::PageUp);
    let before = screen.draw(&plain());
    let asks = log(&mut screen, 1200, 1400);
    assert!(matches!(asks[..], [Effect::Log(LogAsk::Window { .. })]), "{asks:?}");
    screen.shows("400 new");
    let from = screen.model.panes.logs.bottom.unwrap().saturating_sub(400);
    let line = |n: usize| Line {
        at: Timestamp::UNIX_EPOCH,
        source: "toto-app".to_owned(),
        level: LogLevel::Info,
        hangs: false,
        text: format!("line {n}"),
        tints: Vec::new(),
    };
    screen.send(Msg::LogWindow(
        screen.model.panes.logs.asked,
        from,
        (from..from + 800).map(line).collect(),
    ));
    let after = screen.draw(&plain());
    let row = |drawn: &str| drawn.lines().nth(10).unwrap().to_owned();
    assert_eq!(row(&before), row(&after), "what is read does not move");
    screen.char('f');
    screen.shows("line 1399");
    let stale = Msg::LogWindow(screen.model.panes.logs.asked - 1, 0, Vec::new());
    let window = screen.model.panes.logs.window.clone();
    screen.send(stale);
    assert_eq!(screen.model.panes.logs.window, window, "an answer to an older question is none");
}

#[test]
fn mark_jumps_back() {
    let mut screen = waiting();
    screen.char('3');
    screen.char('\'');
    screen.shows("m marks one");
    log(&mut screen, 760, 1000);
    screen.char('z');
    screen.key(Code::PageUp);
    screen.shows("line 970");
    screen.char('m');
    screen.shows("line marked");
    screen.key(Code::PageUp);
    assert!(!screen.draw(&plain()).contains("line 970"));
    screen.char('\'');
    screen.shows("line 970");
    let there = screen.model.panes.logs.bottom;
    screen.char('\'');
    assert_ne!(screen.model.panes.logs.bottom, there, "and back again");
}

#[test]
fn time_format_is_configurable() {
    let mut screen = waiting();
    screen.model.zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    log(&mut screen, 800, 1000);
    screen.char('3');
    screen.char('z');
    for (time, shown) in
        [(TimeMode::Utc, "00:00:00.000 I"), (TimeMode::Local, "02:00:00.000+02:00 I")]
    {
        assert_eq!(screen.model.panes.logs.time, time);
        screen.shows(shown);
        screen.char('t');
    }
    screen.char('t');
    assert_eq!(screen.model.panes.logs.time, TimeMode::Off);
    assert!(!screen.draw(&plain()).contains(".000"));
}

#[test]
fn terminal_report_lists_and_tests_capabilities() {
    let mut screen = waiting();
    assert_eq!(screen.key(Code::Function(12)), [Effect::Terminal]);
    screen.shows("This terminal");
    screen.shows("columns");
    assert!(matches!(screen.char('c')[..], [Effect::Copy(..)]));
    assert!(matches!(screen.char('n')[..], [Effect::Ring(_)]));
    screen.key(Code::Esc);
    assert!(!screen.draw(&plain()).contains("This terminal"));
}

#[test]
fn incident_card_opens_with_one_key() {
    let mut screen = waiting();
    screen.key(Code::Function(9));
    screen.shows("BREAK GLASS: run #2 deploy 1.1.0 on development");
    screen.shows("pointsman rollback development --yes");
    screen.shows("rolloutId=by-hand-");
    let copied = screen.char('y');
    assert!(
        matches!(&copied[..], [Effect::Copy(text, _)] if text.contains("toto-app to b-1-0-0")),
        "{copied:?}"
    );
    screen.key(Code::Esc);
    assert!(!screen.draw(&plain()).contains("BREAK GLASS"));
}

#[test]
fn leave_now_pressed_twice_leaves_immediately() {
    let mut screen = waiting();
    screen.char('B');
    let leave = pointsman::tui::keys::Key::ctrl('\\');
    assert!(screen.send(Msg::Key(leave)).is_empty());
    screen.wait(2500);
    assert!(screen.send(Msg::Key(leave)).is_empty(), "too late to be the second one");
    assert_eq!(screen.send(Msg::Key(leave)), [Effect::Quit]);
}

#[test]
fn log_search_jump_select_and_copy() {
    let mut screen = waiting();
    log(&mut screen, 800, 1000);
    screen.char('/');
    for c in "time".chars() {
        let asked = screen.char(c);
        assert!(matches!(asked[..], [Effect::Log(LogAsk::Query { .. })]), "counted as it grows");
    }
    screen.shows("/time");
    let found = screen.key(Code::Enter);
    assert!(
        matches!(found[..], [Effect::Log(LogAsk::Find { mark: Mark::Match, .. })]),
        "{found:?}"
    );
    log(&mut screen, 800, 1000);
    let asked = screen.model.panes.logs.asked;
    screen.send(Msg::LogFound(asked, Mark::Match, Some((850, 3))));
    screen.model.panes.logs.extent.matches = 17;
    screen.shows("match 3 of 17");
    screen.shows("line 850");
    assert_eq!(
        screen.char('y'),
        [Effect::Log(LogAsk::Use { asked, from: 850, to: 851, what: LogUse::Copy })]
    );
    screen.char('v');
    screen.char('j');
    screen.char('j');
    assert_eq!(
        screen.char('y'),
        [Effect::Log(LogAsk::Use { asked, from: 850, to: 853, what: LogUse::Copy })]
    );
    assert_eq!(
        screen.char('s'),
        [Effect::Log(LogAsk::Use { asked, from: 0, to: 1000, what: LogUse::Save })]
    );
    let filtered = screen.char('&');
    let [Effect::Log(LogAsk::Query { query, .. })] = &filtered[..] else { panic!("{filtered:?}") };
    assert_eq!(query.filter.as_deref(), Some("time"));
    screen.key(Code::Esc);
    let off = screen.key(Code::Esc);
    assert!(
        off.iter().any(
            |e| matches!(e, Effect::Log(LogAsk::Query { query, .. }) if query.search.is_none())
        )
    );
    screen.send(Msg::LogFound(screen.model.panes.logs.asked, Mark::Error, None));
    screen.shows("no line says that it is an error");
}

#[test]
fn history_opens_compares_and_reports_runs() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.drive(&deploy_plan("1.1.0"));
    bench.world.behave("1.2.0", Behaviour::Broken);
    bench.drive(&deploy_plan("1.2.0"));
    let mut screen = waiting();
    screen.char('7');
    screen.shows("Reading the store");
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.shows("3 runs");
    screen.char('j');
    screen.key(Code::Enter);
    screen.shows("#2 deploy 1.1.0 on development by ana");
    screen.shows("3 deploys 2✓ 0↩ 0✗ 1■");
    screen.shows("change failures 0 %");
    screen.char('c');
    screen.shows("#2 beside #1");
    let number = bench.runs()[1].number;
    assert_eq!(screen.char('y'), [Effect::Report(number, LogUse::Copy)]);
    screen.run(&states(Behaviour::Healthy).pop().unwrap(), None);
    screen.char('B');
    let ticket = screen.model.dialog.as_ref().unwrap().ticket;
    let target = |release: &str, usual| Target {
        release: ReleaseName { label: label(release), commit: None },
        mark: Mark_::Stable,
        usual,
        left: Some(Timestamp::UNIX_EPOCH),
        faults: Vec::new(),
        gone: if usual { Vec::new() } else { vec![service("toto-app")] },
        schema: Vec::new(),
    };
    screen.send(Msg::Targets(ticket, Ok(vec![target("1.0.0", true), target("1.1.0", false)])));
    screen.shows("▶ 1.1.0");
    screen.shows("until 01 Jan 00:00Z");
    screen.shows("NOT ready: toto-app");
    screen.shows("Not undone: what was written to databases");
    screen.key(Code::Esc);
    screen.char('k');
    screen.shows("It moved no traffic: 1.1.0 stayed live. Nothing to undo.");
    screen.key(Code::Esc);
    assert!(screen.model.panes.history.open.is_none());
}

#[test]
fn durations_are_predicted_after_three_runs() {
    let bench = Bench::new();
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        bench.drive(&deploy_plan(release));
    }
    let mut screen = waiting();
    screen.shows("no estimate yet");
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.send(Msg::Resize(160, 45));
    screen.shows("usual");
    screen.shows("more, without waiting (median of 3 runs)");
    let ended = states(Behaviour::Healthy).pop().unwrap();
    screen.run(&ended, None);
    screen.shows("undo is instant until K cleans up BLUE");
    // No rollback was made yet: its time is that of the switches and verifications of the deploys.
    screen.shows("(as 3 deploys switched)");
}

#[test]
fn unfocused_operator_is_notified_once() {
    let mut screen = waiting();
    let running = states(Behaviour::Healthy).into_iter().nth(4).unwrap();
    let rings = |effects: Vec<Effect>| -> Vec<String> {
        effects
            .into_iter()
            .filter_map(|e| if let Effect::Ring(text) = e { Some(text) } else { None })
            .collect()
    };
    screen.run(&running, Some(7));
    assert_eq!(rings(screen.run(&at_gate(), Some(7))), [] as [String; 0], "the run is in view");
    screen.send(Msg::Focus(false));
    screen.run(&running, Some(7));
    assert_eq!(rings(screen.run(&at_gate(), Some(7))), ["run #2 on development waits for you"]);
    assert_eq!(screen.model.title(), "development #2 waiting 4/9 · pointsman");
    screen.run(&running, Some(7));
    assert_eq!(rings(screen.run(&at_gate(), Some(7))), [] as [String; 0], "not again at once");
    screen.wait(11_000);
    screen.run(&running, Some(7));
    assert_eq!(rings(screen.run(&running, None)), ["run #2 on development is interrupted"]);
}

#[test]
fn stale_observation_blocks_deploys_and_not_rollbacks() {
    let mut screen = waiting();
    screen.char('T');
    screen.shows("now   1.0.0 BLUE 100 %");
    screen.shows("Traffic checked");
    screen.wait(20_000);
    let asked = screen.char('y');
    assert!(!acts(&asked) && matches!(asked[..], [Effect::Look(_)]), "{asked:?}");
    screen.shows("looking again first");
    let switched = states(Behaviour::Healthy)
        .into_iter()
        .find(|view| view.touched_traffic() && view.can_go_back())
        .unwrap();
    screen.key(Code::Esc);
    screen.run(&switched, Some(7));
    screen.char('B');
    assert!(acts(&screen.char('y')), "a rollback waits for nothing");
}

#[test]
fn foreign_rollout_is_shown_as_drift() {
    let mut screen = Screen::new(Protection::Open);
    let ended = states(Behaviour::Healthy).pop().unwrap();
    screen.run(&ended, None);
    screen.send(Msg::Resize(160, 45));
    screen.shows("drift: toto-bo b-1-0-0, not");
    let waits = at_gate();
    screen.run(&waits, Some(7));
    assert!(
        !screen.draw(&plain()).contains("drift"),
        "while a run moves things nothing is foreign"
    );
}

#[test]
fn rollback_is_possible_during_a_run() {
    let mut screen = waiting();
    let all = states(Behaviour::Healthy);
    let on_green: Vec<_> = all
        .iter()
        .filter(|v| v.touched_traffic() && v.can_go_back() && v.ended.is_none())
        .cloned()
        .collect();
    let (first, later) = (on_green.first().unwrap(), on_green.last().unwrap());
    assert!(first.decided_at < later.decided_at);
    screen.run(first, Some(7));
    screen.char('B');
    screen.shows("now   live: toto-bo switching, toto-app 1.0.0");
    screen.run(later, Some(7));
    let asked = screen.char('y');
    assert!(acts(&asked), "{asked:?}\n{}", screen.draw(&plain()));
    let mut screen = waiting();
    screen.run(first, Some(7));
    screen.char('B');
    screen.run(all.last().unwrap(), None);
    screen.shows("CHANGED while this was open");
    assert!(!acts(&screen.char('y')), "what is over is not gone back from like that");
}

/// Every pane and overlay, with long names and wide characters.
#[test]
fn pane_snapshots() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", Behaviour::Leaks(8));
    bench.drive(&deploy_plan("1.1.0"));
    let mut screen = waiting();
    let shot = |screen: &Screen, name: &str, theme: &Theme| {
        insta::assert_snapshot!(format!("pane_{name}"), steady(&screen.draw(theme)));
    };
    screen.char('7');
    shot(&screen, "history_empty", &plain());
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.key(Code::Enter);
    shot(&screen, "history_open", &plain());
    screen.send(Msg::Resize(60, 16));
    shot(&screen, "history_compact", &Theme::without_colour(true));
    screen.send(Msg::Resize(80, 24));
    screen.key(Code::Esc);
    screen.char('3');
    screen.char('3');
    let line = |text: &str, level| Line {
        at: Timestamp::UNIX_EPOCH,
        source: "a-service-with-a-long-name".to_owned(),
        level,
        hangs: text.starts_with(' '),
        text: text.to_owned(),
        tints: Vec::new(),
    };
    let lines = vec![
        line(
            "漢字 are two cells wide, each of them: 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
            LogLevel::Warn,
        ),
        line(&"a long line ".repeat(20), LogLevel::Info),
        line("ERROR it broke", LogLevel::Error),
        line("    at refund (refund.ts:88)", LogLevel::Error),
        line("", LogLevel::Debug),
    ];
    let extent =
        Extent { total: 5, shown: 5, errors: 1, warnings: 1, whole: true, ..Extent::default() };
    let (run, asked) = (screen.model.panes.logs.run.unwrap(), screen.model.panes.logs.asked);
    screen.send(Msg::Logged(run, asked, extent, lines));
    shot(&screen, "logs_wide_letters", &plain());
    screen.char('w');
    screen.char('t');
    shot(&screen, "logs_wrapped", &Theme::without_colour(true));
    screen.send(Msg::Resize(100, 30));
    screen.char('?');
    shot(&screen, "help", &plain());
    screen.key(Code::Esc);
    screen.char(':');
    screen.text("roll");
    shot(&screen, "palette", &plain());
    screen.key(Code::Esc);
    screen.send(Msg::Alarm("the log cannot be saved: no room on the disk".to_owned()));
    screen.send(Msg::Tell("saved 4 lines".to_owned()));
    shot(&screen, "toasts", &plain());
    screen.char('!');
    shot(&screen, "messages", &plain());
}

#[test]
fn new_lines_filter_toggles() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.drive(&deploy_plan("1.1.0"));
    let mut screen = waiting();
    screen.char('3');
    assert_eq!(screen.char('d'), []);
    screen.shows("no release was promoted here before");
    screen.send(Msg::Past(Ok(bench.runs().into())));
    let asked = screen.char('d');
    let [Effect::Log(LogAsk::Query { query, .. })] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(query.news, Some(bench.runs()[1].number));
    screen.send(Msg::Resize(160, 45));
    screen.shows("new since #1");
    let again = screen.char('d');
    let [Effect::Log(LogAsk::Query { query, .. })] = &again[..] else { panic!("{again:?}") };
    assert_eq!(query.news, None);
}

#[test]
fn handover_lists_pending_and_changed() {
    let mut screen = waiting();
    let bench = Bench::new();
    bench.drive(&deploy_plan("0.9.0"));
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.send(Msg::Resize(120, 40));
    screen.char('g');
    screen.char('o');
    screen.shows("Handover");
    for part in [
        "DEVELOPMENT",
        "toto-bo 1.0.0 (ok)",
        "WAITS FOR APPROVAL at gate",
        "deploy 0.9.0 by ana: promoted",
    ] {
        screen.shows(part);
    }
    let copied = screen.char('y');
    assert!(matches!(&copied[..], [Effect::Copy(text, _)] if text.contains("WAITS FOR APPROVAL")));
}

fn proposes(effects: &[Effect], label: &str) -> bool {
    matches!(effects, [Effect::Propose(_, Intent::Deploy { release, .. })] if release.as_str() == label)
}

#[test]
fn key_that_opened_a_picker_is_not_typed_into_it() {
    let mut screen = waiting();
    screen.run(&states(Behaviour::Healthy).pop().unwrap(), None);
    screen.char('D');
    // Pressed again while the box was slow to open: no release is called D, and j still moves.
    screen.char('D');
    screen.char('k');
    assert!(!screen.draw(&plain()).contains("as typed"));
    assert!(proposes(&screen.key(Code::Enter), "1.0.0"));
}

#[test]
fn letters_typed_in_a_list_are_not_lost() {
    let mut screen = waiting();
    screen.run(&states(Behaviour::Healthy).pop().unwrap(), None);
    screen.char('D');
    screen.text("1.7.0");
    screen.shows("▶ 1.7.0 ");
    screen.shows("as typed, not among the 2 releases offered");
    screen.key(Code::Esc);
    // Half of a name takes the release that has it; the text itself is the row below.
    screen.char('D');
    "1.1".chars().for_each(|c| drop(screen.char(c)));
    screen.shows("▶ 1.1.0");
    screen.shows("1 of 2 contain it");
    assert!(proposes(&screen.key(Code::Enter), "1.1.0"));
    screen.key(Code::Esc);
    screen.char('D');
    "1.1".chars().for_each(|c| drop(screen.char(c)));
    screen.key(Code::Down);
    assert!(proposes(&screen.key(Code::Enter), "1.1"));
    screen.key(Code::Esc);
    screen.char('4');
    let (board, turned) = super::health::watched();
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Probed(name, board.seen(), turned));
    screen.char('m');
    screen.text("planned");
    screen.shows("planned");
}
