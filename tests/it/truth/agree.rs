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
use pointsman::domain::time::Timestamp;
use pointsman::domain::verdict::{Live, Undo};
use pointsman::domain::view::{RunView, TrafficState};
use pointsman::tui::model::environments::Environment;
use pointsman::tui::model::overlay::Sheet;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::Pane;
use serde_json::Value;

use super::told::words;
use crate::health::watched;
use crate::screen::{Screen, plain, seen, states, states_of};
use crate::world::{Behaviour, label, shared_plan};

const SIZES: [(u16, u16); 3] = [(160, 45), (100, 30), (80, 24)];

/// What the platform and the probes say beside the facts of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum World {
    AsTheRunLeftIt,
    /// Probes run, and one that customers reach is down.
    Down,
    /// A service was moved to another build outside of Pointsman.
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
                services: Vec::new(),
                unread: None,
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
    let runs = behaviours.map(|behaviour| (behaviour, states(behaviour)));
    let shared = states_of(&shared_plan("1.1.0"), Behaviour::Alternates(5));
    for (behaviour, states) in runs.into_iter().chain([(Behaviour::Alternates(5), shared)]) {
        for (at, view) in states.into_iter().enumerate() {
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
fn compare(view: &RunView, runner: Option<u32>, world: World, reached: &mut Reached) -> usize {
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
    let places = Places::of(&mut screen);
    for (width, height) in SIZES {
        screen.model.focus = Pane::Environments;
        screen.send(Msg::Resize(width, height));
        let drawn = screen.draw(&plain());
        let lines: Vec<&str> = drawn.lines().collect();
        let sight = Sight {
            about: format!("{:?} in {world:?} at {width}x{height}", view.state),
            narrow: width < 100,
            flat: words(&drawn.replace(['│', '┃', '┏', '┌'], " ")),
            strip: format!("{} {}", lines[1], lines[2]),
            keys: lines[lines.len() - 1].to_owned(),
            drawn,
            places: &places,
        };
        let here = &screen.model.environments[0];
        let evidence = screen.model.evidence(here);
        sight.live(&evidence.live(), reached);
        sight.undo(&evidence.undo(), reached);
        sight.warnings(here, screen.model.now.unwrap(), reached);
    }
    SIZES.len()
}

/// The kinds of statements that were compared.
type Reached = BTreeSet<&'static str>;

/// What is on the screen at one size, and in the other places.
struct Sight<'a> {
    about: String,
    narrow: bool,
    drawn: String,
    /// The panes without their frames.
    flat: String,
    strip: String,
    keys: String,
    places: &'a Places,
}

impl Sight<'_> {
    #[track_caller]
    fn holds(&self, holds: bool, what: &str) {
        let Places { handover, status, sheet, .. } = self.places;
        assert!(holds, "{what}, {}:\n{}\n{handover}\n{status}\n{sheet}", self.about, self.drawn);
    }

    /// Whether every text says something.
    #[track_caller]
    fn said(&self, text: &str) {
        for (place, told) in self.places.texts() {
            self.holds(told.contains(&words(text)), &format!("{text:?} in the {place}"));
        }
    }

    fn live(&self, live: &Live, reached: &mut Reached) {
        let split = self.strip.contains("SPLIT");
        if live.common().is_some() {
            let told = format!("live {}", live.sentence());
            self.holds(split || self.strip.contains(&told), &told);
        }
        let Live::Services(all) = live else {
            reached.insert("unread");
            self.holds(self.places.json["live"].is_null(), "JSON does not know either");
            return self.said(&live.sentence());
        };
        reached.insert("live");
        let json = self.places.json["live"].as_array().unwrap();
        for (of, json) in all.iter().zip(json) {
            self.holds(json["name"] == of.name.as_str(), "the name in JSON");
            self.holds(json["health"].as_str() == of.health.map(State::label), "health in JSON");
            self.said(&of.name);
            let named = format!("{} {}", of.service, of.name);
            self.holds(self.flat.contains(&named), &format!("{named} in Environments"));
            let health = of.health.map_or(String::new(), |state| format!(" ({})", state.word()));
            let told = format!("{named}{health}");
            self.holds(self.places.handover.contains(&told), &format!("{told} in the handover"));
        }
        if let Some((State::Down, services)) = live.worst() {
            reached.insert("down");
            let names: Vec<_> = services.iter().map(ToString::to_string).collect();
            let told = format!("DOWN {}", names.join(", "));
            // A narrow strip says that it is down; the panes say which service.
            let told = if self.narrow { "DOWN" } else { told.as_str() };
            self.holds(split || self.strip.contains(told), told);
        }
    }

    fn undo(&self, undo: &Undo, reached: &mut Reached) {
        let told = match undo {
            Undo::To { release, .. } => format!("undo: B to {release}"),
            Undo::UnderWay | Undo::NothingMoved => format!("undo: {}", undo.sentence()),
            Undo::Impossible(_) => "undo: none:".to_owned(),
            Undo::NotRead | Undo::Unknown(_) => "undo: ".to_owned(),
        };
        self.holds(self.strip.contains(&told), &told);
        let told = format!("undo {}", words(&undo.sentence()));
        self.holds(self.places.status.contains(&told), &told);
        let offered = self.keys.contains("B roll back");
        let Undo::To { release, .. } = undo else {
            self.holds(self.places.json["undo_to"].is_null(), "no target in JSON");
            let known = !matches!(undo, Undo::NotRead | Undo::Unknown(_));
            return self.holds(!known || !offered, "B is not offered");
        };
        reached.insert("undo");
        self.holds(self.places.json["undo_to"] == release.as_str(), "the target in JSON");
        let told = format!("undo to {release}");
        self.holds(self.places.handover.contains(&told), &told);
        let told = format!("rolls back to {release}");
        self.holds(self.places.sheet.contains(&told), &told);
        self.holds(self.keys.contains(&format!("B roll back to {release}")), "B is offered");
    }

    fn warnings(&self, here: &Environment, now: Timestamp, reached: &mut Reached) {
        for told in here.drift() {
            reached.insert("drift");
            self.said(&told);
            let first = told.split(' ').next().unwrap();
            self.holds(self.flat.contains(&format!("drift: {first}")), &told);
        }
        if let Some(told) = here.frozen(now) {
            reached.insert("frozen");
            self.said(&told);
        }
        for told in here.held() {
            reached.insert("held");
            self.said(&told);
            self.holds(self.flat.contains("automatic rollouts DISABLED"), &told);
        }
        if here.in_doubt().is_some() {
            reached.insert("in doubt");
            self.holds(self.places.handover.contains("IN DOUBT"), "IN DOUBT in the handover");
            self.holds(self.strip.contains("IN DOUBT"), "IN DOUBT in the strip");
        }
    }
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
