//! Plays a recording of the flight recorder: the same messages draw the same frames. Effects are not run.

use std::path::Path;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;

use super::{Signals, input};
use crate::config::schema::UiConfig;
use crate::domain::error::Problem;
use crate::tui::keys::Code;
use crate::tui::model::Model;
use crate::tui::msg::Msg;
use crate::tui::session::Session;
use crate::tui::terminal::Screen;
use crate::tui::theme::{Looks, Theme};
use crate::tui::update::update;
use crate::tui::view::text_of;

/// Time between two messages during playback.
const MESSAGE_EVERY: Duration = Duration::from_millis(100);

struct Player {
    session: Session,
    model: Model,
    /// Number of messages applied so far.
    at: usize,
    plays: bool,
}

impl Player {
    fn new(session: Session) -> Result<Self, Problem> {
        let model = first(&session)?;
        Ok(Self { session, model, at: 0, plays: true })
    }

    /// Applies messages until `at` of them are applied. To go back, it starts again from the first message.
    fn to(&mut self, at: usize) -> Result<(), Problem> {
        if at < self.at {
            (self.model, self.at) = (first(&self.session)?, 0);
        }
        let at = at.min(self.session.messages.len());
        for message in &self.session.messages[self.at..at] {
            update(&mut self.model, message.clone());
        }
        self.at = at;
        self.plays &= at < self.session.messages.len();
        let state = if self.plays { "playing" } else { "stopped" };
        self.model.replay = Some(format!(
            "RECORDING {state} · message {}/{} · version {} · Space plays, . , next and last message, Home End, q",
            self.at,
            self.session.messages.len(),
            self.session.setup.version
        ));
        Ok(())
    }

    /// Handles a key; `true` if the user quits. Keys control only the
    /// playback: the recorded screen never receives them.
    fn heard(&mut self, event: &Event, theme: &Theme) -> Result<bool, Problem> {
        let Some(Msg::Key(key)) = input::message(event.clone(), &self.model, theme) else {
            return Ok(false);
        };
        match key.code {
            Code::Char('q') | Code::Esc => return Ok(true),
            Code::Char(' ') => {
                self.plays = !self.plays;
                self.to(self.at)?;
            }
            Code::Char('.') => self.stop_at(self.at + 1)?,
            Code::Char(',') => self.stop_at(self.at.saturating_sub(1))?,
            Code::Home => self.stop_at(0)?,
            Code::End => self.stop_at(usize::MAX)?,
            _ => {}
        }
        Ok(false)
    }

    fn stop_at(&mut self, at: usize) -> Result<(), Problem> {
        self.plays = false;
        self.to(at)
    }
}

fn first(session: &Session) -> Result<Model, Problem> {
    session.setup.model().map_err(|wrong| super::unusable_keys(&wrong))
}

fn theme(looks: &Looks) -> Theme {
    looks.theme(&UiConfig::default()).unwrap_or_else(|_| Theme::without_colour(looks.ascii))
}

/// Plays a recording on the screen until the user quits. Without a terminal, returns its last frame as text.
pub async fn replay_session(
    file: &Path,
    crash: std::path::PathBuf,
    looks: &Looks,
    terminal: bool,
) -> Result<Option<String>, Problem> {
    let mut player = Player::new(Session::read(file)?)?;
    let theme = theme(looks);
    if !terminal {
        player.to(usize::MAX)?;
        player.model.replay = None;
        return Ok(Some(text_of(&player.model, &theme)));
    }
    let failed =
        |e: std::io::Error| Problem::new("the screen cannot be shown").because(e.to_string());
    let mut signals = Signals::listen().map_err(failed)?;
    let mut screen = Screen::take(crash).map_err(failed)?;
    let mut events = EventStream::new();
    let mut tick = tokio::time::interval(MESSAGE_EVERY);
    player.to(1)?;
    loop {
        screen.draw(&player.model, &theme).map_err(failed)?;
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => if player.heard(&event, &theme)? { return Ok(None) },
                Some(Err(_)) | None => return Ok(None),
            },
            _ = tick.tick(), if player.plays => player.to(player.at + 1)?,
            _ = signals.window.recv() => {}
            _ = signals.term.recv() => return Ok(None),
            _ = signals.int.recv() => return Ok(None),
            _ = signals.hangup.recv() => return Ok(None),
        }
    }
}
