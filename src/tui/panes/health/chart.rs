//! The response times of the selected probe, with those of its other role and the limit, as a chart.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart as Plot, Dataset, GraphType, Widget as _};

use crate::domain::probe::{Point, ProbeSnapshot};
use crate::domain::step::Side;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::health::model::time;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::write;

/// Maximum height of the chart.
pub(super) const MOST_ROWS: usize = 12;
/// Minimum height of the chart.
const LEAST_ROWS: usize = 8;
/// Minimum width of the chart.
const LEAST_COLUMNS: usize = 36;
/// Answers below which a chart says nothing.
const LEAST_ANSWERS: usize = 3;

/// Whether a chart fits in this room.
pub(super) fn fits(columns: usize, rows: usize) -> bool {
    columns >= LEAST_COLUMNS && rows >= LEAST_ROWS
}

/// The probes of one service or dependency.
pub(super) struct Chart<'a> {
    probes: Vec<&'a ProbeSnapshot>,
}

impl<'a> Chart<'a> {
    /// The chart of the selected probe, once it has answered some times.
    pub(super) fn of(model: &Model, here: &'a Environment) -> Option<Self> {
        let selected = super::model::chosen(model)?;
        let probes: Vec<_> = here.probes.iter().filter(|p| p.name == selected.name).collect();
        probes.iter().any(|probe| probe.stats.good >= LEAST_ANSWERS).then_some(Self { probes })
    }

    pub(super) fn draw(&self, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        let Some(first) = self.probes.first() else { return };
        let lines: Vec<_> =
            self.probes.iter().map(|probe| (role(probe), segments(probe))).collect();
        let good = || lines.iter().flat_map(|(_, segments)| segments.iter().flatten());
        let bad: Vec<_> = self.probes.iter().flat_map(|probe| failures(probe)).collect();
        let oldest = good().chain(&bad).map(|(x, _)| *x).fold(-1.0, f64::min);
        let most = good().map(|(_, y)| *y).fold(0.0, f64::max);
        let limit = first.rules.slow;
        let limit_ms = limit.as_secs_f64() * 1000.0;
        // A limit far above every answer would press the line to the floor.
        let with_limit = limit_ms <= most * 4.0;
        let top = if with_limit { most.max(limit_ms) } else { most } * 1.1;
        let bound = [(oldest, limit_ms), (0.0, limit_ms)];
        let marker = if theme.ascii { Marker::Dot } else { Marker::Braille };
        let plot = |points, role, kind| {
            Dataset::default().marker(marker).graph_type(kind).data(points).style(theme.style(role))
        };
        let mut sets: Vec<Dataset<'_>> = Vec::new();
        if with_limit {
            sets.push(plot(&bound, Role::Warning, GraphType::Line));
        }
        for (role, segments) in &lines {
            sets.extend(segments.iter().map(|points| plot(points, *role, GraphType::Line)));
        }
        sets.push(plot(&bad, Role::Failed, GraphType::Scatter).marker(Marker::Dot));
        let muted = theme.style(Role::Muted);
        let [title, area] =
            area.layout(&Layout::vertical([Constraint::Length(1), Constraint::Min(1)]));
        let name = self.probes.first().map_or("", |probe| probe.name.as_str());
        let text = format!(" {name}, response time, limit {}", time(Some(limit)));
        write(&[Line::styled(text, theme.style(Role::Title))], title, buffer);
        let label = |text: String| Span::styled(text, muted);
        let x = Axis::default()
            .style(muted)
            .bounds([oldest, 0.0])
            .labels([label(format!("{:.0} s ago", -oldest)), label("latest".to_owned())]);
        let y = Axis::default()
            .style(muted)
            .bounds([0.0, top.max(1.0)])
            .labels([label("0".to_owned()), label(format!("{:.0} ms", top.max(1.0)))]);
        // Without its own style the chart resets the background of the theme.
        let ground = theme.style(Role::Text).patch(theme.style(Role::Surface));
        let plot = Plot::new(sets).style(ground).x_axis(x).y_axis(y).legend_position(None);
        plot.render(area, buffer);
    }
}

/// Each answer with the seconds since: negative, the latest at 0.
fn aged(probe: &ProbeSnapshot) -> impl Iterator<Item = (f64, Point)> + '_ {
    let last = probe.points.len().saturating_sub(1);
    probe.points.iter().enumerate().map(move |(at, point)| {
        let back = u32::try_from(last - at).unwrap_or(u32::MAX);
        (-probe.interval.saturating_mul(back).as_secs_f64(), *point)
    })
}

/// The response times in milliseconds, in stretches without a bad answer: a line across one would be invented.
fn segments(probe: &ProbeSnapshot) -> Vec<Vec<(f64, f64)>> {
    let mut segments: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (x, point) in aged(probe) {
        match (point, segments.last_mut()) {
            (Point::Good(time), Some(segment)) => segment.push((x, time.as_secs_f64() * 1000.0)),
            _ => segments.push(Vec::new()),
        }
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

/// The bad answers, on the axis.
fn failures(probe: &ProbeSnapshot) -> impl Iterator<Item = (f64, f64)> + '_ {
    aged(probe).filter(|(_, point)| *point == Point::Bad).map(|(x, _)| (x, 0.0))
}

fn role(probe: &ProbeSnapshot) -> Role {
    match probe.side {
        Some(Side::Green) => Role::Green,
        Some(Side::Blue) | None => Role::Blue,
    }
}
