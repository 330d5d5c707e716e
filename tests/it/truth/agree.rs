//! At every fact of many runs, the places that say what is live and what an undo takes say the same: verdict strip, panes,
//! key line and handover.

use pointsman::domain::command::Command;
use pointsman::domain::event::{Event, Fact, Recorded};
use pointsman::domain::hash::Hash;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::policy::Protection;
use pointsman::domain::run::RunState;
use pointsman::domain::verdict::{Live, Undo};
use pointsman::domain::view::RunView;
use pointsman::tui::msg::Msg;

use super::told::words;
use crate::screen::{Screen, plain, states};
use crate::world::Behaviour;

const SIZES: [(u16, u16); 3] = [(160, 45), (100, 30), (80, 24)];

#[test]
fn every_place_agrees_at_every_fact() {
    let behaviours = [
        Behaviour::Healthy,
        Behaviour::Broken,
        Behaviour::OldAnswers(5),
        Behaviour::Alternates(5),
        Behaviour::Nameless,
    ];
    let mut compared = 0;
    for behaviour in behaviours {
        for view in states(behaviour) {
            for runner in [Some(7), None] {
                compared += compare(&view, runner);
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

/// Compares what the places say; returns how many were compared.
fn compare(view: &RunView, runner: Option<u32>) -> usize {
    let mut screen = Screen::new(Protection::Open);
    screen.look();
    screen.run(view, runner);
    let here = &screen.model.environments[0];
    let evidence = screen.model.evidence(here);
    let (live, undo) = (evidence.live(), evidence.undo());
    let handover = words(&screen.model.handover());
    let mut compared = 0;
    for (width, height) in SIZES {
        screen.send(Msg::Resize(width, height));
        let drawn = screen.draw(&plain());
        let context = || format!("{:?} at {width}x{height}:\n{drawn}\n{handover}", view.state);
        let lines: Vec<&str> = drawn.lines().collect();
        let (strip, keys) = (format!("{} {}", lines[1], lines[2]), lines[lines.len() - 1]);
        if !strip.contains("SPLIT") {
            assert!(strip.contains(&format!("live {}", live.sentence())), "{}", context());
        }
        if let Live::Services(all) = &live {
            for of in all {
                let named = format!("{} {}", of.service, of.name);
                assert!(handover.contains(&named), "{named} in the handover, {}", context());
                let listed = width < 100 || words(&drawn).contains(&named);
                assert!(listed, "{named} in Environments, {}", context());
            }
        }
        let (said, offered) = match &undo {
            Undo::To { release, .. } => (format!("undo: B to {release}"), true),
            Undo::UnderWay | Undo::NothingMoved => (format!("undo: {}", undo.sentence()), false),
            Undo::Impossible(_) => ("undo: none:".to_owned(), false),
            Undo::NotRead | Undo::Unknown(_) => ("undo: ".to_owned(), false),
        };
        assert!(strip.contains(&said), "{said}, {}", context());
        if let Undo::To { release, .. } = &undo {
            assert!(handover.contains(&format!("undo to {release}")), "{}", context());
            let key = format!("B roll back to {release}");
            assert!(!offered || keys.contains(&key), "{key}, {}", context());
        }
        let driven = matches!(undo, Undo::UnderWay | Undo::NothingMoved);
        assert!(!driven || !keys.contains("B roll back"), "{}", context());
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
