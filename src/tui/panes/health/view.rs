//! Draws the Health pane: the state of each probe, and how fresh it is.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::health::Verdict;
use crate::domain::probe::{Difference, Point, ProbeSnapshot, State, differences};
use crate::domain::step::Side;
use crate::domain::time::Timestamp;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::panes::health::model::{counts, slot, time};
use crate::tui::panes::logs::view::fit;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{clock, first_shown, framed, selected, styled, wrapped, write};

/// Minimum width to show a probe on one line.
const WIDE_COLUMNS: usize = 74;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else { return };
    let title = title(here);
    let inner = framed(model, theme, Pane::Health, title, area, buffer);
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    // Show addresses if there is room for all of them.
    let addresses = width >= WIDE_COLUMNS && height >= here.probes.len() * 2 + 12;
    let look = Look { model, theme, here, width, addresses };
    if here.probes.is_empty() {
        return write(&styled(theme, Role::Muted, &look.empty(), width), inner, buffer);
    }
    let (mut lines, at) = look.probes();
    lines.extend(look.changes(height.saturating_sub(lines.len())));
    // Keep the selection visible.
    let from = first_shown(at, 4, lines.len(), height);
    write(&lines[from..], inner, buffer);
}

fn title(here: &Environment) -> String {
    let counted = counts(&here.probes).into_iter();
    let parts: Vec<_> = counted.map(|(state, count)| format!("{count} {}", state.word())).collect();
    if parts.is_empty() { String::new() } else { format!(" {} ", parts.join(" · ")) }
}

struct Look<'a> {
    model: &'a Model,
    theme: &'a Theme,
    here: &'a Environment,
    width: usize,
    addresses: bool,
}

impl Look<'_> {
    fn empty(&self) -> String {
        match &self.here.seen {
            None => "Not read yet.".to_owned(),
            Some((seen, _)) => match &seen.unseen {
                Some(problem) => format!("No probe runs: {}.", problem.what),
                None if seen.services.iter().any(|s| s.live.is_some()) => "Asking…".to_owned(),
                None => "No services are running. D deploys a release.".to_owned(),
            },
        }
    }

    /// The lines of the probes, and the index of the selected probe's line.
    fn probes(&self) -> (Vec<Line<'static>>, usize) {
        let pane = self.model.panes.health;
        let shown = pane.shown(&self.here.probes);
        let compared = differences(&self.here.probes);
        let (mut lines, mut at) = (Vec::new(), 0);
        if self.width >= WIDE_COLUMNS {
            let spark = self.spark_width();
            let head = format!(
                " {:<11}{:<11} {:<8} {:<9} {:>6} {:>6}  {:<spark$} {:>4}",
                "PROBE", "SLOT", "STATE", "IN A ROW", "LAST", "p95", "LAST ANSWERS", "NEXT"
            );
            lines.push(Line::styled(head, self.theme.style(Role::Muted)));
        }
        let mut before = "";
        for (number, probe) in shown.iter().enumerate() {
            let here = number == pane.selected;
            if here {
                at = lines.len();
            }
            let first = probe.name != before;
            before = &probe.name;
            let rows = if self.width >= WIDE_COLUMNS {
                self.wide(probe, first, here)
            } else {
                self.narrow(probe, first, here)
            };
            lines.extend(rows);
            let last = shown.get(number + 1).is_none_or(|next| next.name != probe.name);
            let difference = compared.iter().find(|(name, _)| *name == probe.name);
            if let Some((_, difference)) = difference.filter(|_| last) {
                lines.push(self.difference(difference));
            }
        }
        if shown.is_empty() {
            lines.push(Line::styled("everything is ok; o shows it", self.theme.style(Role::Muted)));
        }
        (lines, at)
    }

    fn wide(&self, probe: &ProbeSnapshot, first: bool, here: bool) -> Vec<Line<'static>> {
        let mark = self.theme.probe(probe);
        let name = if first { probe.name.as_str() } else { "" };
        let line = Line::from(vec![
            Span::raw(format!("{}{:<11}", self.cursor(here), fit(name, 10))),
            Span::styled(format!("{:<11} ", slot(probe)), self.theme.style(role(probe))),
            Span::styled(format!("{} {:<6}", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::raw(format!(
                " {:<9} {:>6} {:>6}  ",
                self.row(probe),
                time(probe.last),
                time(probe.stats.p95)
            )),
            Span::raw(self.spark(probe, self.spark_width())),
            Span::styled(format!(" {:>4}", self.next(probe)), self.theme.style(Role::Muted)),
        ]);
        let mut lines = vec![self.line(line, here)];
        lines.extend(self.details(probe, here));
        lines
    }

    fn narrow(&self, probe: &ProbeSnapshot, first: bool, here: bool) -> Vec<Line<'static>> {
        let mark = self.theme.probe(probe);
        let mut lines = Vec::new();
        let label = match probe.side {
            Some(_) => {
                if first {
                    lines.push(Line::raw(probe.name.clone()));
                }
                format!("{:<10}", slot(probe))
            }
            None => format!("{:<10}", fit(&probe.name, 10)),
        };
        let line = Line::from(vec![
            Span::raw(self.cursor(here)),
            Span::styled(format!("{label} "), self.theme.style(role(probe))),
            Span::styled(format!("{} {:<5}", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::raw(format!(" {:>7} {}", time(probe.last), self.row(probe))),
        ]);
        lines.push(self.line(line, here));
        if probe.side.is_some() {
            let p95 = format!("p95 {:>4}", time(probe.stats.p95));
            let room = self.width.saturating_sub(p95.len() + 3);
            lines.push(Line::raw(format!("  {} {p95}", self.spark(probe, room))));
        }
        lines.extend(self.details(probe, here));
        lines
    }

    fn cursor(&self, here: bool) -> &'static str {
        if here { self.theme.pick("▶", ">") } else { " " }
    }

    fn line(&self, line: Line<'static>, here: bool) -> Line<'static> {
        if here && self.model.focus == Pane::Health {
            return selected(line, self.theme.style(Role::Selection));
        }
        line
    }

    /// The address of the selected probe, and the reasons of that probe and of every unhealthy one.
    fn details(&self, probe: &ProbeSnapshot, here: bool) -> Vec<Line<'static>> {
        let focused = here && self.model.focus == Pane::Health;
        let well = matches!(probe.state, State::Ok | State::Off);
        let mut texts = Vec::new();
        if focused || self.addresses {
            texts.push(probe.address.clone());
        }
        if focused || !well {
            texts.push(self.why(probe));
        }
        let timing = probe.timing.to_string();
        if focused && !timing.is_empty() {
            let p99 = time(probe.stats.p99);
            let n = probe.stats.good + probe.stats.bad;
            texts.push(format!("{timing}; p99 {p99}, {} of {n} bad", probe.stats.bad));
        }
        if let (true, Some((fault, said, at))) = (focused, &probe.fault) {
            let ago = format!("last bad answer {}: {} ({said})", clock(*at), fault.label());
            texts.push(ago);
        }
        if let Some((until, reason)) = &probe.muted {
            texts.push(format!("muted until {}: {reason}", clock(*until)));
        }
        let style = self.theme.style(Role::Muted);
        let room = self.width.saturating_sub(3);
        let rows = texts.iter().flat_map(|text| wrapped(text, room).into_iter().take(2));
        rows.map(|text| Line::styled(format!("   {}", fit(&text, room)), style)).collect()
    }

    fn why(&self, probe: &ProbeSnapshot) -> String {
        match (probe.state, probe.answered.and_then(|at| self.age(at))) {
            (State::Stale, Some(age)) => {
                let age = self.model.seconds(age);
                format!("no fresh answer for {age} s, do not trust it: {}", probe.why)
            }
            _ => probe.why.clone(),
        }
    }

    fn age(&self, at: Timestamp) -> Option<Duration> {
        Duration::try_from(self.model.now?.duration_since(at)).ok()
    }

    fn row(&self, probe: &ProbeSnapshot) -> String {
        if probe.state == State::Stale {
            let age = probe.answered.and_then(|at| self.age(at)).unwrap_or_default();
            return format!("- {} s", self.model.seconds(age));
        }
        match probe.row {
            (_, 0) => "-".to_owned(),
            (true, n) => format!("{n} ok"),
            (false, n) => format!("{n} fail"),
        }
    }

    fn next(&self, probe: &ProbeSnapshot) -> String {
        let age = probe.answered.and_then(|at| self.age(at));
        let left = age.and_then(|age| probe.interval.checked_sub(self.model.shown(age)));
        left.map_or("now".to_owned(), |left| format!("{}s", left.as_secs() + 1))
    }

    fn spark_width(&self) -> usize {
        self.width.saturating_sub(64).clamp(8, 40)
    }

    /// A sparkline of the last response times, on one scale for all probes of a
    /// service. A failure is a cross, never an empty bar.
    fn spark(&self, probe: &ProbeSnapshot, width: usize) -> String {
        let of = self.here.probes.iter().filter(|other| other.name == probe.name);
        let all = of.flat_map(|other| other.points.iter().rev().take(width));
        let times = all.filter_map(|point| match point {
            Point::Good(time) => Some(*time),
            _ => None,
        });
        let most = times.max().unwrap_or_default().as_secs_f64();
        let ramp: Vec<char> = self.theme.pick("▁▂▃▄▅▆▇█", "._-=+*#@").chars().collect();
        let skipped = probe.points.len().saturating_sub(width);
        let drawn = probe.points.iter().skip(skipped).map(|point| match point {
            Point::Good(time) => {
                let share = if most > 0.0 { time.as_secs_f64() / most } else { 0.0 };
                let step = (1..ramp.len()).take_while(|n| share > share_of(*n, ramp.len())).count();
                ramp.get(step).copied().unwrap_or(' ')
            }
            Point::Bad => self.theme.pick("✗", "X").chars().next().unwrap_or('X'),
            Point::Blind => '?',
        });
        let drawn: String = drawn.collect();
        format!("{drawn:<width$}")
    }

    fn difference(&self, difference: &Difference) -> Line<'static> {
        let role = match difference.verdict {
            Verdict::Pass => Role::Ok,
            Verdict::Fail => Role::Warning,
            Verdict::Inconclusive => Role::Muted,
        };
        let sign = self.theme.pick("Δ", "diff");
        let text = format!("   {sign} {}", difference.sentence());
        Line::styled(fit(&text, self.width), self.theme.style(role))
    }

    /// Recent state changes, newest first, as many as fit, with the rules behind them.
    fn changes(&self, room: usize) -> Vec<Line<'static>> {
        let muted = self.theme.style(Role::Muted);
        let mut lines = Vec::new();
        if room >= 4 && !self.here.turned.is_empty() {
            lines.push(Line::raw(""));
            lines.push(Line::styled("STATE CHANGES, newest first", self.theme.style(Role::Title)));
            for turned in self.here.turned.iter().take(room.saturating_sub(4)) {
                let change = &turned.change;
                let arrow = self.theme.pick("→", "->");
                let (from, to) = (change.from.word(), change.to.word());
                let at = clock(change.at);
                let text = format!(" {at} {:<14} {from} {arrow} {to}  {}", turned.name, change.why);
                lines.push(Line::raw(fit(&text, self.width)));
            }
        }
        if let Some(probe) = self.here.probes.first().filter(|_| room > lines.len() + 1) {
            let rules = format!(" {}", probe.rules);
            let most = room.saturating_sub(lines.len() + 1);
            lines.push(Line::raw(""));
            let rules = wrapped(&rules, self.width).into_iter().take(most);
            lines.extend(rules.map(|text| Line::styled(text, muted)));
        }
        lines
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ramp has eight steps")]
fn share_of(step: usize, steps: usize) -> f64 {
    step as f64 / steps as f64
}

fn role(probe: &ProbeSnapshot) -> Role {
    match probe.side {
        Some(Side::Blue) => Role::Blue,
        Some(Side::Green) => Role::Green,
        None => Role::Text,
    }
}
