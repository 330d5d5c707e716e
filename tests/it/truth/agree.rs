//! At every fact of many runs, and whatever else is true, the places that say what is live, how healthy it is, what an
//! undo takes, what drifted and what is frozen say the same: verdict strip, panes, key line, sheet, handover and `status`.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use pointsman::domain::command::Command;
use pointsman::domain::error::Problem;
use pointsman::domain::event::{Event, Fact, Recorded};
use pointsman::domain::freeze::Freeze;
use pointsman::domain::hash::Hash;
use pointsman::domain::ids::{BuildId, RunNumber};
use pointsman::domain::policy::Protection;
use pointsman::domain::probe::State;
use pointsman::domain::run::RunState;
use pointsman::domain::snapshot::EnvironmentSnapshot;
use pointsman::domain::verdict::{Live, Undo};
use pointsman::domain::view::{RunView, TrafficState};
use pointsman::tui::model::overlay::Sheet;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::Pane;
use serde_json::Value;

use super::told::words;
use crate::health::watched;
use crate::screen::{Screen, plain, seen, states};
use crate::world::{Behaviour, label};

const SIZES: [(u16, u16); 3] = [(160, 45), (100, 30), (80, 24)];

/// What the platform and the probes say beside the facts of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum World {
    AsTheRunLeftIt,
    /// Probes run, and one that customers reach is down.
    Down,
    /// Somebody moved a service to another build.
    Moved,
    /// A freeze window is active.
    Frozen,
    /// A run left automatic rollouts disabled.
    Held,
    /// The platform does not answer.
    Unread,
}

const WORLDS: [World; 6] =
    [World::AsTheRunLeftIt, World::Down, World::Moved, World::Frozen, World::Held, World::Unread];

fn snapshot(world: World) -> EnvironmentSnapshot {
    let mut seen = seen();
    match world {
        World::AsTheRunLeftIt | World::Down => {}
        World::Moved => {
            let live = seen.services[1].live.as_mut().unwrap();
            (live.release, live.build) = (Some(label("7.7.7")), BuildId::new("b-7-7-7").unwrap());
            seen.services[1].traffic = TrafficState::Whole(live.build.clone());
        }
        World::Frozen => {
            let (from, to) = ("Mon 00:00", "Sun 23:59");
            seen.freeze = vec![Freeze {
                name: "quarter end".to_owned(),
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                zone: TimeZone::UTC,
            }];
        }
        World::Held => seen.services[0].rollouts_held = true,
        World::Unread => seen.unseen = Some(Problem::new("the platform does not answer")),
    }
    seen
}

#[test]
fn every_place_agrees_at_every_fact() {
    let behaviours = [
        Behaviour::Healthy,
        Behaviour::Broken,
        Behaviour::OldAnswers(5),
        Behaviour::Alternates(5),
        Behaviour::Nameless,
    ];
    let (mut compared, mut reached) = (0, BTreeSet::new());
    for behaviour in behaviours {
        for (at, view) in states(behaviour).into_iter().enumerate() {
            // The facts of the first run meet every world, the others only some: that is enough to reach every
            // combination of what a place can say.
            let worlds = if behaviour == Behaviour::Healthy { WORLDS.len() } else { 2 };
            for world in WORLDS.into_iter().cycle().skip(at).take(worlds) {
                for runner in [Some(7), None] {
                    compared += compare(&view, runner, world, &mut reached);
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
    let all = ["live", "undo", "drift", "frozen", "held", "down", "unread", "in doubt"];
    assert_eq!(reached, BTreeSet::from(all), "each kind was compared");
}

/// Everything that some place says about an environment, each as one line: words are not split.
struct Places {
    handover: String,
    status: String,
    json: Value,
    /// The environment in full, as Enter shows it.
    sheet: String,
}

impl Places {
    fn of(screen: &mut Screen) -> Self {
        let here = &screen.model.environments[0];
        let status = screen.model.status(here);
        let (lines, json) = (status.lines().join("\n"), status.json());
        let handover = words(&screen.model.handover());
        let sheet = screen.model.sheet(Sheet::Row(Pane::Environments));
        Self { handover, status: words(&lines), json, sheet: words(&sheet) }
    }

    fn texts(&self) -> [(&'static str, &str); 3] {
        [("handover", &self.handover), ("status", &self.status), ("sheet", &self.sheet)]
    }
}

/// Compares what the places say; returns how many were compared.
fn compare(
    view: &RunView,
    runner: Option<u32>,
    world: World,
    reached: &mut BTreeSet<&'static str>,
) -> usize {
    let mut screen = Screen::new(Protection::Open);
    let name = screen.model.environments[0].name.clone();
    screen.wait(1);
    screen.send(Msg::Looked(name.clone(), snapshot(world)));
    if world == World::Down {
        let (board, turned) = watched();
        let mut probes = board.seen();
        for probe in probes.iter_mut().filter(|probe| probe.live) {
            (probe.state, probe.why) = (State::Down, "3 fails in a row".to_owned());
        }
        screen.send(Msg::Probed(name, probes, turned));
    }
    screen.run(view, runner);
    let here = &screen.model.environments[0];
    let evidence = screen.model.evidence(here);
    let (live, undo, drift) = (evidence.live(), evidence.undo(), here.drift());
    let (frozen, held) = (here.frozen(screen.model.now.unwrap()), here.held());
    let in_doubt = here.in_doubt().is_some();
    let places = Places::of(&mut screen);
    let said = |text: &str, context: &dyn Fn() -> String| {
        for (place, told) in places.texts() {
            assert!(told.contains(&words(text)), "{text:?} in the {place}, {}", context());
        }
    };
    let mut compared = 0;
    for (width, height) in SIZES {
        screen.model.focus = Pane::Environments;
        screen.send(Msg::Resize(width, height));
        let drawn = screen.draw(&plain());
        let flat = words(&drawn.replace(['│', '┃', '┏', '┌'], " "));
        let context = || {
            format!(
                "{:?} in {world:?} at {width}x{height}:\n{drawn}\n{}\n{}\n{}",
                view.state, places.handover, places.status, places.sheet
            )
        };
        let lines: Vec<&str> = drawn.lines().collect();
        let (strip, keys) = (format!("{} {}", lines[1], lines[2]), lines[lines.len() - 1]);
        if !strip.contains("SPLIT") && live.common().is_some() {
            assert!(strip.contains(&format!("live {}", live.sentence())), "{}", context());
        }
        match &live {
            Live::Services(all) => {
                reached.insert("live");
                let json = places.json["live"].as_array().unwrap();
                for (of, json) in all.iter().zip(json) {
                    assert_eq!(json["name"], of.name, "{}", context());
                    assert_eq!(json["health"].as_str(), of.health.map(State::label));
                    let health = of.health.map_or("", State::word);
                    said(&of.name, &context);
                    let named = format!("{} {}", of.service, of.name);
                    assert!(places.handover.contains(&named), "{named}, {}", context());
                    assert!(flat.contains(&named), "{named} in Environments, {}", context());
                    let well = format!("{named} ({health})");
                    assert!(health.is_empty() || places.handover.contains(&well), "{}", context());
                }
                if let Some((State::Down, services)) = live.worst() {
                    reached.insert("down");
                    let names: Vec<_> = services.iter().map(ToString::to_string).collect();
                    let told = format!("DOWN {}", names.join(", "));
                    // A narrow strip says that it is down; the panes say which service.
                    let told = if width < 100 { "DOWN" } else { told.as_str() };
                    assert!(strip.contains("SPLIT") || strip.contains(told), "{}", context());
                }
            }
            Live::NotRead | Live::Unknown(_) => {
                reached.insert("unread");
                assert!(places.json["live"].is_null(), "{}", context());
                said(&live.sentence(), &context);
            }
        }
        let (told, offered) = match &undo {
            Undo::To { release, .. } => (format!("undo: B to {release}"), true),
            Undo::UnderWay | Undo::NothingMoved => (format!("undo: {}", undo.sentence()), false),
            Undo::Impossible(_) => ("undo: none:".to_owned(), false),
            Undo::NotRead | Undo::Unknown(_) => ("undo: ".to_owned(), false),
        };
        assert!(strip.contains(&told), "{told}, {}", context());
        assert!(
            places.status.contains(&format!("undo {}", words(&undo.sentence()))),
            "{}",
            context()
        );
        if let Undo::To { release, .. } = &undo {
            reached.insert("undo");
            assert_eq!(places.json["undo_to"], release.as_str(), "{}", context());
            assert!(places.handover.contains(&format!("undo to {release}")), "{}", context());
            assert!(places.sheet.contains(&format!("rolls back to {release}")), "{}", context());
            let key = format!("B roll back to {release}");
            assert!(!offered || keys.contains(&key), "{key}, {}", context());
        } else {
            assert!(places.json["undo_to"].is_null(), "{}", context());
        }
        let driven = matches!(undo, Undo::UnderWay | Undo::NothingMoved);
        assert!(!driven || !keys.contains("B roll back"), "{}", context());
        for told in &drift {
            reached.insert("drift");
            said(told, &context);
            let first = told.split(' ').next().unwrap();
            assert!(flat.contains(&format!("drift: {first}")), "{told}, {}", context());
        }
        for told in &frozen {
            reached.insert("frozen");
            said(told, &context);
        }
        for told in &held {
            reached.insert("held");
            said(told, &context);
            assert!(flat.contains("automatic rollouts DISABLED"), "{}", context());
        }
        if in_doubt {
            reached.insert("in doubt");
            assert!(places.handover.contains("IN DOUBT"), "{}", context());
            assert!(strip.contains("IN DOUBT"), "{}", context());
        }
        compared += 1;
    }
    compared
}

#[test]
fn accepted_command_is_shown_until_it_happens() {
    let running = |view: &RunView| matches!(view.state, RunState::Running { .. });
    let mut view = states(Behaviour::Healthy).into_iter().find(running).unwrap();
    let asked = |view: &mut RunView, event: Event| {
        let fact = Fact {
            seq: view.last_seq + 1,
            at: view.last_at,
            elapsed_ms: view.elapsed_ms,
            actor: "ben".to_owned(),
            step: None,
            event: Recorded::Known(event),
            prev: Hash::of(b""),
            hash: Hash::of(b""),
        };
        view.apply(&fact).unwrap();
    };
    let strip = |view: &RunView| {
        let mut screen = Screen::new(Protection::Open);
        screen.look();
        screen.run(view, Some(7));
        screen.draw(&plain()).lines().nth(2).unwrap().to_owned()
    };
    assert!(!strip(&view).contains("after this step"));
    for (command, word) in [
        (Command::Pause, "PAUSING after this step (ben, "),
        (Command::Abort { now: false }, "ABORTING after this step (ben, "),
        (Command::Abort { now: true }, "ABORTING: cancelling this step (ben, "),
    ] {
        asked(&mut view, Event::CommandAccepted { id: 1, command });
        assert!(strip(&view).contains(word), "{}", strip(&view));
    }
    asked(&mut view, Event::RunSuperseded { by: RunNumber(9) });
    assert!(!strip(&view).contains("ABORTING"), "{}", strip(&view));
}
