//! The format of every error: what happened, why, and what to do now.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::code::Code;

/// A problem, reported to a person. `what` is one sentence; `why` and `todo` may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its row in the table of codes. None: it needs no explanation beyond its own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    pub what: String,
    /// The evidence. Empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The next action. Empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub todo: String,
}

impl Problem {
    /// A problem without a code, a reason or a next action.
    pub fn new(what: impl Into<String>) -> Self {
        Self { code: None, what: what.into(), why: String::new(), todo: String::new() }
    }

    pub fn coded(code: Code, what: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::new(what) }
    }

    /// Sets the code, unless a more specific one is set already.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code.get_or_insert(code);
        self
    }

    /// Adds the reason. A second reason is appended, since a cause may have a cause. Drops a full stop at
    /// the end, as other programs write it.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        let mut why = why.into();
        why.truncate(why.trim_end().trim_end_matches('.').len());
        if self.why.is_empty() {
            self.why = why;
        } else if !why.is_empty() {
            self.why = format!("{}: {why}", self.why);
        }
        self
    }

    /// What happened and why, in one line for use inside another sentence. Leaves out what to do.
    pub fn sentence(&self) -> String {
        if self.why.is_empty() { self.what.clone() } else { format!("{}: {}", self.what, self.why) }
    }

    /// Adds what to do now.
    #[must_use]
    pub fn try_this(mut self, todo: impl Into<String>) -> Self {
        self.todo = todo.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if !self.todo.is_empty() {
            write!(f, ". Now: {}", self.todo)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
