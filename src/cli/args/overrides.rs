//! `--override GUARD[=REASON]`.

use std::str::FromStr;

use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::guard::{Guard, Justification};

/// A guard to override, with its own reason if one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideWord {
    /// The guard.
    pub guard: Guard,
    /// Its own reason; `--reason` if left out.
    pub reason: Option<String>,
}

impl FromStr for OverrideWord {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (guard, reason) = match text.split_once('=') {
            Some((guard, reason)) => (guard, Some(reason.trim().to_owned())),
            None => (text, None),
        };
        Ok(Self { guard: guard.parse()?, reason })
    }
}

/// What was said with an act. Every override needs a reason.
pub fn why(reason: Option<&String>, words: &[OverrideWord]) -> Result<Justification, Problem> {
    let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut why = Justification { reason: reason.and_then(text), ..Justification::default() };
    for OverrideWord { guard, reason } in words {
        let reason = reason.as_ref().and_then(text).or_else(|| why.reason.clone());
        let reason = reason.ok_or_else(|| {
            Problem::coded(Code::REASON_NEEDED, format!("--override {guard} needs a reason"))
                .try_this(format!("add --reason TEXT, or write --override {guard}=TEXT"))
        })?;
        why.overrides.insert(*guard, reason);
    }
    Ok(why)
}
