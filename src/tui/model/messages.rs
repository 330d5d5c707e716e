//! Messages: shown briefly in the message lane, and kept in a list.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Model;
use crate::domain::time::Timestamp;
use crate::tui::list::passes;

/// Severity of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// An action succeeded, or was not possible.
    Info,
    Warning,
    /// A failure. Stays in the message lane until dismissed.
    Error,
}

impl Level {
    fn stays(self) -> Option<Duration> {
        match self {
            Self::Info => Some(Duration::from_secs(5)),
            Self::Warning => Some(Duration::from_secs(10)),
            Self::Error => None,
        }
    }
}

/// A message to the operator, kept for the list of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The time, once the clock is known.
    pub at: Option<Timestamp>,
    pub level: Level,
    pub text: String,
}

/// A message in the message lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub level: Level,
    pub text: String,
    /// When it was said, since the screen started.
    pub since: Duration,
    /// End time since the screen started; `None`: shown until dismissed.
    pub until: Option<Duration>,
}

/// Maximum number of messages in the message lane.
const TOASTS_SHOWN: usize = 3;
/// Maximum number of messages kept.
const MESSAGES_KEPT: usize = 500;

/// All messages, and those still in the message lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    /// All messages, newest last.
    pub all: VecDeque<Message>,
    /// The messages in the message lane, newest last.
    pub toasts: Vec<Toast>,
    /// Number of unread warnings and errors.
    pub unread: usize,
    /// Number of warnings and errors so far, which tells when to save them.
    pub serious: usize,
}

impl Model {
    /// Shows an informational message.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.say(Level::Info, text);
    }

    /// Shows a message of the given severity, and adds it to the list.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        let (text, messages) = (text.into(), &mut self.messages);
        let until = level.stays().map(|stays| self.elapsed + stays);
        messages.toasts.retain(|toast| toast.text != text);
        let since = self.elapsed;
        messages.toasts.push(Toast { level, text: text.clone(), since, until });
        // Drop messages that expire by themselves first.
        while messages.toasts.len() > TOASTS_SHOWN {
            let fades = messages.toasts.iter().position(|toast| toast.until.is_some());
            messages.toasts.remove(fades.unwrap_or(0));
        }
        messages.unread += usize::from(level != Level::Info);
        messages.serious += usize::from(level != Level::Info);
        messages.all.push_back(Message { at: self.now, level, text });
        if messages.all.len() > MESSAGES_KEPT {
            messages.all.pop_front();
        }
    }

    /// The messages that contain every word of a filter, newest first.
    pub fn found_messages(&self, filter: &str) -> Vec<&Message> {
        self.messages.all.iter().rev().filter(|message| passes(filter, &message.text)).collect()
    }

    /// Removes expired messages from the message lane.
    pub fn fade(&mut self) {
        let elapsed = self.elapsed;
        self.messages.toasts.retain(|toast| toast.until.is_none_or(|until| until > elapsed));
    }

    /// Removes the newest message from the message lane; `false` if there is none.
    pub fn dismiss(&mut self) -> bool {
        self.messages.toasts.pop().is_some()
    }
}
