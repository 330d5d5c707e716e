//! Coloured program output: harmless colours are kept, and drawn in the colours of the theme.

use pointsman::adapters::run_log::{FileLog, file_of};
use pointsman::domain::ansi_style::{AnsiStyle, Hue, Pen};
use pointsman::domain::ids::{RunNumber, StepId};
use pointsman::domain::log_level::LogLevel;
use pointsman::domain::time::Timestamp;
use pointsman::ports::log::{LogLine, RunLog as _};
use pointsman::tui::keys::Code;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::logs::model::{Extent, Line, TICKS, Tick};
use pointsman::tui::theme::{Role, Theme};

use crate::finding::waiting;
use crate::screen::{Screen, coloured, plain};

#[test]
fn log_colours_are_kept_and_hide_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let log = FileLog::open(folder.path(), RunNumber(1)).unwrap();
    let say = |text: &str| {
        let (at, step) = (Timestamp::UNIX_EPOCH, StepId::new("build").unwrap());
        log.line(&LogLine { at, step, service: None, text: text.to_owned(), tints: Vec::new() });
    };
    say("10%\r\u{1b}[1;32mready\u{1b}[0m in 3 s");
    say("\u{1b}[33mtoken ghp_0123456789abc\u{1b}[31mdefghijABCDEFGHIJ012345\u{1b}[0m given");
    let text = std::fs::read_to_string(file_of(folder.path(), RunNumber(1))).unwrap();
    let lines: Vec<LogLine> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0].text, "ready in 3 s (2 updates)");
    let green = Pen { hue: Some(Hue::Green), bold: true, underlined: false };
    assert_eq!(lines[0].tints, [AnsiStyle { from: 0, to: 5, pen: green }]);
    assert!(lines[1].text.contains("[redacted]") && !text.contains("ghp_"), "{text}");
    assert_eq!(lines[1].tints, []);
}

fn logged(screen: &mut Screen, text: &str, tints: Vec<AnsiStyle>) {
    let line = Line {
        at: Timestamp::UNIX_EPOCH,
        source: "toto-app".to_owned(),
        level: LogLevel::Info,
        hangs: false,
        text: text.to_owned(),
        tints,
    };
    let mut ticks = vec![None; TICKS];
    (ticks[0], ticks[TICKS / 2], ticks[TICKS - 1]) =
        (Some(Tick::Error), Some(Tick::Warning), Some(Tick::Match));
    let extent = Extent { total: 300, shown: 300, ticks, whole: true, ..Extent::default() };
    let (run, asked) = (screen.model.panes.logs.run.unwrap(), screen.model.panes.logs.asked);
    screen.send(Msg::Logged(run, asked, extent, vec![line; 240]));
}

/// The colours of a word on the screen, cell by cell.
fn colours(screen: &Screen, theme: &Theme, word: &str) -> Vec<ratatui::style::Color> {
    let drawn = screen.draw(theme);
    let found = drawn
        .lines()
        .enumerate()
        .find_map(|(y, row)| row.find(word).map(|at| (row[..at].chars().count(), y)));
    let (x, y) = found.unwrap_or_else(|| panic!("{word:?} is not in\n{drawn}"));
    let cells = screen.cells(theme);
    let cell = |x: usize| cells[(u16::try_from(x).unwrap(), u16::try_from(y).unwrap())].fg;
    (x..x + word.chars().count()).map(cell).collect()
}

#[test]
fn cut_lines_keep_theme_colours() {
    let theme = coloured(false);
    let (red, ink) = (theme.style(Role::LogError).fg, theme.style(Role::LogInfo).fg);
    let (red, ink) = (red.unwrap(), ink.unwrap());
    let mut screen = waiting();
    screen.char('3');
    screen.char('z');
    let pen = Pen { hue: Some(Hue::Red), ..Pen::default() };
    let text = format!("{}abcdef{}", ".".repeat(60), "_".repeat(30));
    logged(&mut screen, &text, vec![AnsiStyle { from: 62, to: 64, pen }]);
    screen.key(Code::Right);
    assert_eq!(colours(&screen, &theme, "abcdef"), [ink, ink, red, red, ink, ink], "moved aside");
    screen.key(Code::Left);
    screen.char('w');
    assert_eq!(colours(&screen, &theme, "cd"), [red, red], "wrapped");
    screen.char('/');
    screen.char('b');
    screen.char('c');
    let found = theme.style(Role::LogMatch).fg.unwrap();
    assert_eq!(colours(&screen, &theme, "abcd"), [ink, found, found, red], "found");
    assert_eq!(colours(&screen, &plain(), "cd"), [ratatui::style::Color::Reset; 2]);
}

#[test]
fn log_frame_shows_position_and_density() {
    let mut screen = waiting();
    screen.char('3');
    screen.char('z');
    logged(&mut screen, "a line", Vec::new());
    let bar = |screen: &Screen, theme: &Theme| {
        let drawn = screen.draw(theme);
        drawn.lines().filter_map(|row| row.chars().last()).collect::<String>()
    };
    let unicode = bar(&screen, &plain());
    for glyph in ["✗", "▲", "▸", "█"] {
        assert!(unicode.contains(glyph), "{glyph} is not in {unicode}");
    }
    let ascii = bar(&screen, &Theme::without_colour(true));
    assert!(ascii.contains('X') && ascii.contains('!') && ascii.contains('>'), "{ascii}");
    logged(&mut screen, "a line", Vec::new());
    let mut short = Extent { total: 3, shown: 3, whole: true, ..Extent::default() };
    short.ticks = vec![Some(Tick::Error); TICKS];
    let (run, asked) = (screen.model.panes.logs.run.unwrap(), screen.model.panes.logs.asked);
    screen.send(Msg::Logged(run, asked, short, Vec::new()));
    assert!(!bar(&screen, &plain()).contains('✗'), "what is seen whole needs no bar");
}
