//! Draws the Health pane: the state of each probe, and how fresh it is.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::health::Verdict;
use crate::domain::probe::{Difference, Point, ProbeSnapshot, State, differences};
use crate::domain::step::Side;
use crate::domain::time::Timestamp;
use crate::tui::keys::commands::Command;
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::panes::health::chart::{self, Chart};
use crate::tui::panes::health::figures;
use crate::tui::panes::health::model::{counts, listed, place, time};
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;
use crate::tui::view::{clock, cut, framed, selected, styled, wrapped_in, write};

/// Minimum width to show a probe on one line, without the column of names.
const WIDE_COLUMNS: usize = 72;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else { return };
    let title = title(here);
    let inner = framed(model, theme, Pane::Health, title, area, buffer);
    let look = Look::of(model, theme, here, inner);
    if here.probes.is_empty() {
        let text = styled(theme, Role::Muted, &look.empty(), look.width);
        return write(&text, inner, buffer);
    }
    let listing = look.listing(inner);
    listing.draw(theme, buffer);
    let used = u16::try_from(listing.height()).unwrap_or(u16::MAX).min(inner.height);
    let mut rest = Rect { y: inner.y + used, height: inner.height - used, ..inner };
    let chart = Chart::of(model, here);
    if let Some(chart) = chart.filter(|_| chart::fits(look.width, usize::from(rest.height))) {
        let most = u16::try_from(chart::MOST_ROWS).unwrap_or(u16::MAX).min(rest.height);
        chart.draw(theme, Rect { height: most, ..rest }, buffer);
        rest = Rect { y: rest.y + most, height: rest.height - most, ..rest };
    }
    write(&look.changes(usize::from(rest.height)), rest, buffer);
}

/// The list of the probes.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let here = model.here().filter(|here| !here.probes.is_empty())?;
    Some(Look::of(model, theme, here, inner).listing(inner))
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

impl<'a> Look<'a> {
    fn of(model: &'a Model, theme: &'a Theme, here: &'a Environment, inner: Rect) -> Self {
        let (width, height) = (usize::from(inner.width), usize::from(inner.height));
        // Show addresses if there is room for all of them.
        let addresses = width >= WIDE_COLUMNS + 10 && height >= here.probes.len() * 2 + 26;
        Self { model, theme, here, width, addresses }
    }

    fn empty(&self) -> String {
        match &self.here.seen {
            None => "Not read yet.".to_owned(),
            Some((seen, _)) => match &seen.unseen {
                Some(problem) => format!("No probe runs: {}.", problem.what),
                None if seen.services.iter().any(|s| s.live.is_some()) => "Asking…".to_owned(),
                None if available(self.model, Command::Deploy).is_ok() => {
                    "No services are running. D deploys a release.".to_owned()
                }
                None => "No services are running.".to_owned(),
            },
        }
    }

    fn listing(&self, inner: Rect) -> Listing {
        let (listed, chosen) = (listed(self.model), self.model.chosen(Pane::Health));
        let compared = differences(&self.here.probes);
        let shown = self.model.listed(Pane::Health);
        let mut listing = Listing::new(inner, 4);
        listing.header = self.is_wide().then(|| self.head());
        for (number, at) in shown.iter().copied().enumerate() {
            let (probe, here) = (listed[at], chosen == Some(at));
            let lines =
                if self.is_wide() { self.wide(probe, here) } else { self.narrow(probe, here) };
            listing.row(at, here, lines);
            let last = shown[number + 1..].iter().all(|next| listed[*next].name != probe.name);
            let difference = compared.iter().find(|(name, _)| *name == probe.name);
            if let Some((_, difference)) = difference.filter(|_| last) {
                listing.note([self.difference(difference)]);
            }
        }
        if listed.len() < self.here.probes.len() {
            let ok = self.here.probes.iter().filter(|probe| probe.state == State::Ok).count();
            let mark = self.theme.state(State::Ok);
            listing.note([Line::from(vec![
                Span::styled(format!(" {} {ok} ok", mark.glyph), self.theme.style(mark.role)),
                Span::styled(", o lists them", self.theme.style(Role::Muted)),
            ])]);
        }
        // Also of services whose healthy probes are hidden: their customers may still get errors.
        for (service, readings) in &self.here.figures {
            listing.note(figures::line(self.theme, service, readings, self.width));
        }
        listing
    }

    /// The width of the column of names: no name is cut.
    fn names(&self) -> usize {
        let widest = self.here.probes.iter().map(|probe| probe.label().width()).max();
        widest.unwrap_or(0).clamp(10, 32)
    }

    fn is_wide(&self) -> bool {
        self.width >= WIDE_COLUMNS + self.names()
    }

    fn head(&self) -> Line<'static> {
        let (names, spark) = (self.names(), self.spark_width());
        let head = format!(
            " {:<8} {:<names$} {:<5} {:<8} {:>7} {:>7} {:>7}  {:<spark$} {:>4}",
            "STATE", "PROBE", "", "IN A ROW", "LAST", "p95", "LIMIT", "LAST ANSWERS", "NEXT"
        );
        Line::styled(head, self.theme.style(Role::Muted))
    }

    fn wide(&self, probe: &ProbeSnapshot, here: bool) -> Vec<Line<'static>> {
        let mark = self.theme.probe(probe);
        let names = self.names();
        let line = Line::from(vec![
            Span::raw(self.cursor(here)),
            Span::styled(format!("{} {:<6} ", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::styled(format!("{:<names$} ", probe.label()), self.theme.style(role(probe))),
            Span::raw(format!(
                "{:<5} {:<8} {:>7} {:>7} {:>7}  ",
                place(probe, self.here),
                self.row(probe),
                time(probe.last),
                time(probe.stats.p95),
                time(Some(probe.rules.slow)),
            )),
            Span::styled(self.spark(probe, self.spark_width()), self.theme.style(mark.role)),
            Span::styled(format!(" {:>4}", self.next(probe)), self.theme.style(Role::Muted)),
        ]);
        let mut lines = vec![self.line(line, here)];
        lines.extend(self.details(probe, here));
        lines
    }

    fn narrow(&self, probe: &ProbeSnapshot, here: bool) -> Vec<Line<'static>> {
        let mark = self.theme.probe(probe);
        let value = if probe.state == State::Ok { time(probe.last) } else { self.row(probe) };
        let label = format!("{} {}", probe.label(), place(probe, self.here));
        let room = self.width.saturating_sub(10 + value.width() + mark.glyph.width());
        let line = Line::from(vec![
            Span::raw(self.cursor(here)),
            Span::styled(format!("{} {:<6} ", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::styled(
                format!("{:<room$}", cut(label.trim_end(), room)),
                self.theme.style(role(probe)),
            ),
            Span::raw(format!(" {value}")),
        ]);
        let mut lines = vec![self.line(line, here)];
        if probe.side.is_some() && probe.state == State::Ok {
            let p95 = format!("p95 {} of {}", time(probe.stats.p95), time(Some(probe.rules.slow)));
            let room = self.width.saturating_sub(p95.width() + 4);
            lines.push(Line::from(vec![
                Span::raw("   "),
                Span::styled(self.spark(probe, room), self.theme.style(role(probe))),
                Span::styled(format!(" {p95}"), self.theme.style(Role::Muted)),
            ]));
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
            let since = probe.since.filter(|_| !well).map(|at| format!(", since {}", clock(at)));
            texts.push(format!("{}{}", self.why(probe), since.unwrap_or_default()));
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
        let rows = texts.iter().flat_map(|text| wrapped_in(text, room, 2));
        rows.map(|text| Line::styled(format!("   {}", cut(&text, room)), style)).collect()
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
        self.width.saturating_sub(63 + self.names()).clamp(8, 40)
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
        Line::styled(cut(&text, self.width), self.theme.style(role))
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
                lines.push(Line::raw(cut(&text, self.width)));
            }
        }
        if let Some(probe) = self.here.probes.first().filter(|_| room > lines.len() + 1) {
            let rules = format!(" {}", probe.rules);
            let most = room.saturating_sub(lines.len() + 1);
            lines.push(Line::raw(""));
            let rules = wrapped_in(&rules, self.width, most).into_iter();
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
