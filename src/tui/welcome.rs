//! The first screen without a config: where Pointsman looked for one, and what the user can do without it.

use std::io;
use std::path::Path;

use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use futures_util::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};

use super::terminal::Screen;
use super::theme::Theme;
use super::view::welcome;

/// The choices without a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Rehearse,
    /// A config for this folder's services.
    Create,
    Quit,
}

/// The choices, in the order on the screen: key, choice, name and description.
pub(super) const CHOICES: [(char, Choice, &str, &str); 3] = [
    ('d', Choice::Rehearse, "Try a rehearsal", "a whole blue-green run, in memory only"),
    ('c', Choice::Create, "Create a config", "for this folder's services, with a few questions"),
    ('q', Choice::Quit, "Quit", ""),
];

/// Shows the screen until the user chooses.
pub async fn ask(config: &Path, theme: &Theme) -> io::Result<Choice> {
    let (mut term, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut window = signal(SignalKind::window_change())?;
    let mut screen = Screen::take(std::env::temp_dir().join("pointsman-crash.txt"))?;
    let mut events = EventStream::new();
    let mut selected = 0;
    loop {
        screen.show(|frame| welcome::draw(config, selected, theme, frame))?;
        let event = tokio::select! {
            event = events.next() => event,
            // Redraw at the new size.
            _ = window.recv() => continue,
            _ = term.recv() => None,
            _ = hangup.recv() => None,
        };
        // The terminal is closed, or a signal asked the process to exit.
        let Some(Ok(event)) = event else { return Ok(Choice::Quit) };
        let Event::Key(key) = event else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if ctrl => return Ok(Choice::Quit),
            KeyCode::Char('j') | KeyCode::Down => selected = (selected + 1).min(CHOICES.len() - 1),
            KeyCode::Char('k') | KeyCode::Up => selected = selected.saturating_sub(1),
            KeyCode::Enter => return Ok(CHOICES[selected].1),
            KeyCode::Char(c) => {
                if let Some(found) = CHOICES.iter().find(|(key, ..)| *key == c) {
                    return Ok(found.1);
                }
            }
            _ => {}
        }
    }
}
