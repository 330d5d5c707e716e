//! At every fact of many runs, the places that say what is live and what an undo takes say the same: verdict strip, panes,
//! key line and handover.

use pointsman::domain::policy::Protection;
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
