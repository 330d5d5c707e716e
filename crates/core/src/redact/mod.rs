//! Removes secrets from text before it reaches a screen, a disk or an alert (F51): first
//! by known values, then by shapes.

mod facts;
mod known;
mod shapes;

pub use self::facts::{without_secrets, without_secrets_of};
pub use self::known::{know, without_known};
use self::shapes::{begins_key, by_shape, ends_key};

/// Replaces a secret.
const HIDDEN: &str = "[redacted]";

/// The text without known secrets, and without text that looks like one. Names stay.
pub fn redacted(text: &str) -> String {
    by_shape(&without_known(text))
}

/// Redacts a stream of lines. A key that spans several lines is removed from each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines {
    /// Number of lines that may still belong to a key.
    of_key: u16,
}

/// Maximum number of lines of a PEM key.
const LONGEST_KEY: u16 = 100;

impl Lines {
    /// The next line without secrets.
    pub fn redacted(&mut self, line: &str) -> String {
        if self.of_key > 0 {
            let ends = ends_key(line);
            self.of_key = if ends { 0 } else { self.of_key - 1 };
            // Any other text ends the key, so that a truncated key does not hide the rest of the log.
            if ends || is_of_key(line) {
                return HIDDEN.to_owned();
            }
            self.of_key = 0;
        }
        self.of_key = if begins_key(line) { LONGEST_KEY } else { 0 };
        redacted(line)
    }
}

/// Whether a line consists of the characters of a key's body, or is one of its headers.
fn is_of_key(line: &str) -> bool {
    let bare = line.trim().trim_matches(['"', ',', '\\']);
    let sign = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    ["Proc-Type:", "DEK-Info:"].iter().any(|head| bare.starts_with(head)) || bare.chars().all(sign)
}

#[cfg(test)]
mod tests;
