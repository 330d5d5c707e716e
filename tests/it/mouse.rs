//! What can be clicked.

use pointsman::domain::ids::EnvironmentName;
use pointsman::domain::policy::Protection;
use pointsman::tui::keys::Code;
use pointsman::tui::model::arrangement::{Arrangement, Border};
use pointsman::tui::model::environments::Environment;
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
        for (hint, key) in [("T switch", "T"), ("A abort", "A"), ("q quit", "q")] {
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

/// Presses the mouse at a position, as the driver does.
fn click(screen: &mut Screen, x: u16, y: u16) {
    let message = match target_at(&screen.model, &plain(), x, y).unwrap() {
        Target::Pane(pane) => Msg::Click(pane, None),
        Target::Row(pane, key) => Msg::Click(pane, Some(key)),
        Target::Header(pane) => Msg::ClickHeader(pane),
        Target::Key(key) => Msg::ClickKey(key),
        Target::Border(border) => Msg::Hold(Some(border)),
    };
    screen.send(message);
}

fn place_of(screen: &Screen, text: &str) -> (u16, u16) {
    let drawn = screen.draw(&plain());
    let found = drawn.lines().enumerate().find_map(|(y, line)| Some((line, line.find(text)?, y)));
    let (line, at, y) = found.unwrap_or_else(|| panic!("{text} is not in\n{drawn}"));
    (u16::try_from(line[..at].chars().count()).unwrap(), u16::try_from(y).unwrap())
}

#[test]
fn steps_environments_and_the_acts_of_the_strip_can_be_clicked() {
    let mut screen = Screen::new(Protection::Open);
    let other = EnvironmentName::new("staging").unwrap();
    screen.model.environments.push(Environment::new(other, Protection::Open, Vec::new()));
    screen.look();
    screen.run(&at_gate(), Some(7));
    screen.send(Msg::Resize(160, 45));
    let (x, y) = place_of(&screen, "5 ");
    click(&mut screen, x, y);
    assert_eq!(screen.model.focus, Pane::Deploy);
    let (x, y) = place_of(&screen, "T switch to 1.1.0");
    assert!(y < 3, "the strip names the act too");
    screen.wait(1000);
    click(&mut screen, x, y);
    screen.shows("Switch traffic to GREEN");
    screen.key(Code::Esc);
    let (x, _) = place_of(&screen, "staging");
    click(&mut screen, x, 0);
    assert_eq!(screen.model.selected, 1);
}

#[test]
fn borders_follow_the_mouse_until_it_is_released() {
    let mut screen = Screen::new(Protection::Open);
    screen.look();
    screen.run(&at_gate(), Some(7));
    for (width, height) in [(160, 45), (100, 30)] {
        screen.send(Msg::Resize(width, height));
        let border = |screen: &Screen| {
            let at = |x: &u16| {
                let target = target_at(&screen.model, &plain(), *x, 20);
                target == Some(Target::Border(Border::Left))
            };
            (0..width).find(at).unwrap()
        };
        let before = border(&screen);
        click(&mut screen, before, 20);
        screen.send(Msg::Drag(before + 6));
        assert_eq!(border(&screen), before + 6, "at {width}x{height}");
        screen.send(Msg::Drag(before));
        assert_eq!(border(&screen), before, "at {width}x{height}");
        screen.send(Msg::Hold(None));
        screen.send(Msg::Drag(before + 9));
        assert_eq!(border(&screen), before, "a released border stays");
        screen.send(Msg::Hold(Some(Border::Left)));
        for x in [0, width, 0, u16::MAX, before + 3] {
            screen.send(Msg::Drag(x));
            screen.draw(&plain());
        }
        assert_eq!(border(&screen), before + 3, "it comes back from beyond the limits at once");
        screen.send(Msg::Hold(None));
        screen.model.arrangement = Arrangement::default();
    }
}
