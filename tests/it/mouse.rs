//! What can be clicked.

use pointsman::domain::policy::Protection;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::Pane;
use pointsman::tui::theme::Theme;
use pointsman::tui::view::{Target, target_at};

use super::health::watched;
use super::screen::{Screen, at_gate, plain};

#[test]
fn keys_and_tabs_can_be_clicked() {
    let mut screen = Screen::new(Protection::Open);
    screen.look();
    screen.run(&at_gate(), Some(7));
    for (width, height) in [(160, 45), (100, 30), (80, 24), (60, 16)] {
        screen.send(Msg::Resize(width, height));
        let drawn = screen.draw(&plain());
        let lines: Vec<&str> = drawn.lines().collect();
        let column = |line: &str, text: &str| {
            let at = line.find(text).unwrap_or_else(|| panic!("{text} is not in {line}"));
            u16::try_from(line[..at].chars().count()).unwrap()
        };
        for (hint, key) in [("T switch", "T"), ("A end run", "A"), ("q quit", "q")] {
            let x = column(lines[lines.len() - 1], hint);
            let target = target_at(&screen.model, &plain(), x, height - 1);
            assert_eq!(target, Some(Target::Key(key.to_owned())), "{width}x{height}");
        }
        if width < 150 {
            let x = column(lines[3], "4 Health");
            assert_eq!(target_at(&screen.model, &plain(), x, 3), Some(Target::Pane(Pane::Health)));
        }
    }
    screen.send(Msg::Click(Pane::Logs, None));
    assert_eq!(screen.model.focus, Pane::Logs);
    assert!(screen.send(Msg::ClickKey("T".to_owned())).is_empty());
    screen.send(Msg::Resize(100, 30));
    screen.shows("Switch traffic to GREEN");
    screen.send(Msg::ClickKey("q".to_owned()));
    screen.shows("Switch traffic to GREEN");
}

#[test]
fn tabs_can_be_clicked_beside_the_wider_marks_of_ascii() {
    let mut screen = Screen::new(Protection::Open);
    screen.look();
    let (board, turned) = watched();
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Probed(name, board.seen(), turned));
    screen.send(Msg::Resize(100, 30));
    for theme in [plain(), Theme::without_colour(true)] {
        let drawn = screen.draw(&theme);
        let tabs = drawn.lines().nth(3).unwrap();
        assert!(tabs.contains("4 Health ✗1") || tabs.contains("4 Health [X]1"), "{tabs}");
        let at = tabs.find("7 Hist").unwrap();
        let x = u16::try_from(tabs[..at].chars().count()).unwrap();
        let target = target_at(&screen.model, &theme, x, 3);
        assert_eq!(target, Some(Target::Pane(Pane::History)), "{tabs}");
    }
}
