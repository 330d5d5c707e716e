//! The platform's figures of a service, as a line in the Health pane.

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};

use crate::domain::ids::EnvironmentName;
use crate::domain::runtime_figures::{FigureReading, SHOWN_PERIOD};
use crate::domain::snapshot::Evidence;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::cut;

/// Readings that are kept of each service: half an hour.
const KEPT: usize = 30;

/// The readings of each service, oldest first.
pub type FigureReadings = BTreeMap<String, Vec<FigureReading>>;

/// Takes new readings.
pub(in crate::tui) fn read(model: &mut Model, name: &EnvironmentName, new: Vec<FigureReading>) {
    let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) else { return };
    for reading in new {
        let kept = here.figures.entry(reading.service.to_string()).or_default();
        kept.push(reading);
        let more = kept.len().saturating_sub(KEPT);
        kept.drain(..more);
    }
}

/// The line of a service: its requests, its share of failed ones and its latency, with the latency of each reading.
pub(super) fn line(
    theme: &Theme,
    service: &str,
    readings: &[FigureReading],
    width: usize,
) -> Option<Line<'static>> {
    let last = readings.last()?;
    let figures = match &last.figures {
        Evidence::Known(figures) => figures,
        Evidence::Unknown(why) => {
            let text = cut(&format!(" {service}: figures unknown: {why}"), width);
            return Some(Line::styled(text, theme.style(Role::Unknown)));
        }
    };
    let said =
        format!(" {service}: {}, in {} min  ", figures.sentence(), SHOWN_PERIOD.as_secs() / 60);
    let ramp: Vec<char> = theme.pick("▁▂▃▄▅▆▇█", "._-=+*#@").chars().collect();
    let said = cut(&said, width);
    let room = width.saturating_sub(said.chars().count());
    let role = if figures.errors > 0 { Role::Warning } else { Role::Text };
    Some(Line::from(vec![
        Span::styled(said, theme.style(role)),
        Span::styled(chart(readings, &ramp, room), theme.style(Role::Muted)),
    ]))
}

/// The latency of each reading, on one scale. A reading without one is a gap.
fn chart(readings: &[FigureReading], ramp: &[char], room: usize) -> String {
    let p95 = |reading: &FigureReading| match &reading.figures {
        Evidence::Known(figures) => figures.p95_ms,
        Evidence::Unknown(_) => None,
    };
    let most = readings.iter().filter_map(p95).fold(0.0, f64::max);
    let skipped = readings.len().saturating_sub(room);
    let bar = |reading: &FigureReading| {
        let share = p95(reading).filter(|_| most > 0.0)? / most;
        let step = (1..ramp.len()).filter(|step| share > share_of(*step, ramp.len())).count();
        ramp.get(step).copied()
    };
    readings.iter().skip(skipped).map(|reading| bar(reading).unwrap_or(' ')).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a ramp has eight steps")]
fn share_of(step: usize, steps: usize) -> f64 {
    step as f64 / steps as f64
}
