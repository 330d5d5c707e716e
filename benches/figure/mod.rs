//! What a bench found: printed, and left for the page of figures (`benches/figures.rs`).

use std::fs::OpenOptions;
use std::io::Write as _;

use serde::{Deserialize, Serialize};

/// The file to which each figure is added, as a line of JSON. Set by `cargo bench --bench figures`.
pub(crate) const FILE: &str = "POINTSMAN_FIGURES";

/// The limit that a figure has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    pub(crate) fn reached(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    /// `reached` or `missed`.
    pub(crate) fn verdict(self, value: f64) -> &'static str {
        if self.reached(value) { "reached" } else { "missed" }
    }

    pub(crate) fn words(self, unit: &str) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {} {unit}", number(limit)),
            Self::AtLeast(limit) => format!("≥ {} {unit}", number(limit)),
        }
    }
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: f64,
    /// `×` for a ratio to a peer.
    pub(crate) unit: String,
    pub(crate) goal: Option<Goal>,
    /// The two values of a ratio, or how often it was measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) of: String,
}

/// Reports a figure without a goal.
pub(crate) fn seen(what: &str, value: f64, unit: &str, of: &str) {
    tell(what, value, unit, None, of);
}

/// Reports a figure with its goal.
pub(crate) fn judged(what: &str, value: f64, unit: &str, goal: Goal, of: &str) {
    tell(what, value, unit, Some(goal), of);
}

fn tell(what: &str, value: f64, unit: &str, goal: Option<Goal>, of: &str) {
    let figure =
        Figure { what: what.to_owned(), value, unit: unit.to_owned(), goal, of: of.to_owned() };
    let judged = goal.map_or_else(String::new, |goal| {
        format!("goal {} {}", goal.words(""), goal.verdict(value))
    });
    println!("{what:<58} {:>10} {unit:<10} {judged:<24} {of}", number(value));
    if let Some(file) = std::env::var_os(FILE) {
        let line = serde_json::to_string(&figure).unwrap();
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// Three significant digits, or all of those before the point.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        let left = whole.len() - at;
        if at > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
