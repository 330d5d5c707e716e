//! Secrets taken out of text before it reaches a screen, a disk or an alert (F51): first by their values, where
//! those are known, then by their shapes.

mod facts;
mod known;
mod shapes;

pub use self::facts::{without_secrets, without_secrets_of};
pub use self::known::{know, without_known};
use self::shapes::{begins_key, by_shape, ends_key};

/// Replaces a secret.
const HIDDEN: &str = "[redacted]";

/// The text without anything that is known to be a secret, or looks like one. Names stay.
pub fn redacted(text: &str) -> String {
    by_shape(&without_known(text))
}

/// A stream of lines: a key that goes over several of them is taken out of each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines {
    in_key: bool,
}

impl Lines {
    /// The next line without secrets.
    pub fn redacted(&mut self, line: &str) -> String {
        if self.in_key {
            self.in_key = !ends_key(line);
            // Any other text ends the key: one that was cut short must not swallow the log.
            let part = |c: char| c.is_ascii_alphanumeric() || "+/=\r\t -:,.".contains(c);
            if line.chars().all(part) || ends_key(line) {
                return HIDDEN.to_owned();
            }
            self.in_key = false;
        }
        self.in_key = begins_key(line);
        redacted(line)
    }
}

#[cfg(test)]
mod tests;
