//! Draws the History pane: past runs, and the timeline of one or a comparison of two.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::describe;
use crate::domain::dora::DoraMetrics;
use crate::domain::event::Outcome;
use crate::domain::plan::RunKind;
use crate::domain::step::StepState;
use crate::domain::view::RunView;
use crate::tui::list::listing::{Listing, marked};
use crate::tui::model::Model;
use crate::tui::panes::Pane;
use crate::tui::panes::deploy::view::elapsed_ms;
use crate::tui::panes::history::model::HistoryPane;
use crate::tui::panes::logs::view::grouped;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, framed, took, wrapped, write};

/// Minimum width to show every column.
const WIDE_COLUMNS: usize = 60;
/// Minimum height to show the names of the columns.
const HEADED_ROWS: u16 = 6;
/// Width of the longest result, `FAILED, WAITING FOR YOU`.
const RESULT_COLUMNS: usize = 23;
/// Period of the DORA metrics.
const MONTH: Duration = Duration::from_hours(30 * 24);

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let history = &model.panes.history;
    let count = format!(" {} runs ", grouped(history.runs.len()));
    let inner = framed(model, theme, Pane::History, count, area, buffer);
    if history.runs.is_empty() {
        let text = match &history.problem {
            Some(problem) => problem.to_string(),
            None if !history.damage().is_empty() => String::new(),
            None if history.read => "No runs yet. D starts one.".to_owned(),
            None => "Reading the store…".to_owned(),
        };
        let width = usize::from(inner.width);
        let mut lines = damaged(history, theme, width);
        lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
        return write(&lines, inner, buffer);
    }
    let Parts { above, middle, bottom, damaged, detail, .. } = parts(model, theme, inner);
    if let Some(listing) = listing(model, theme, inner) {
        listing.draw(theme, buffer);
    }
    write(&damaged, above, buffer);
    write(&detail, middle, buffer);
    write(&[figures_line(model, theme)], bottom, buffer);
}

/// Maximum damaged runs that are named.
const DAMAGED_NAMED: usize = 3;

/// The damaged runs, in lines: a list without them looks complete.
fn damaged(history: &HistoryPane, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let all = history.damage();
    let mut lines: Vec<_> = all.iter().take(DAMAGED_NAMED).map(ToString::to_string).collect();
    if all.len() > DAMAGED_NAMED {
        lines.push(format!("and {} more: pointsman doctor", all.len() - DAMAGED_NAMED));
    }
    let lines = lines.iter().flat_map(|line| wrapped(line, width));
    lines.map(|line| Line::styled(line, theme.style(Role::Failed))).collect()
}

/// The areas of the pane, from top to bottom, and their lines.
struct Parts {
    above: Rect,
    list: Rect,
    middle: Rect,
    bottom: Rect,
    damaged: Vec<Line<'static>>,
    /// Those of the opened run.
    detail: Vec<Line<'static>>,
}

fn parts(model: &Model, theme: &Theme, inner: Rect) -> Parts {
    let (history, width) = (&model.panes.history, usize::from(inner.width));
    let opened = history.opened().filter(|_| inner.width >= 60);
    let detail = opened.map_or_else(Vec::new, |run| {
        detail(history, run, Entry::of(model, run).driven, theme, width)
    });
    let damaged = damaged(history, theme, width);
    let figures = u16::from(inner.height > 6);
    let rows = |lines: &[Line<'_>]| u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = rows(&damaged).min(inner.height / 2);
    let below = rows(&detail).min(inner.height.saturating_sub(4 + figures + top));
    let [above, list, middle, bottom] = inner.layout(&Layout::vertical([
        Constraint::Length(top),
        Constraint::Min(1),
        Constraint::Length(below),
        Constraint::Length(figures),
    ]));
    Parts { above, list, middle, bottom, damaged, detail }
}

/// The list of the runs.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let history = &model.panes.history;
    if history.runs.is_empty() {
        return None;
    }
    let area = parts(model, theme, inner).list;
    let mut listing = Listing::new(area, 0);
    let width = usize::from(area.width);
    let names = history.runs.iter().map(|run| run.plan.environment.as_str().width()).max();
    let names = names.unwrap_or(0).max("WHERE".len());
    listing.header = (area.height >= HEADED_ROWS && width >= WIDE_COLUMNS).then(|| {
        let text = format!(
            " {:<5}  {:<RESULT_COLUMNS$} {:<11} {:<names$} {:<9} {:<24} {:>6}  {:<10} STEPS",
            "RUN", "RESULT", "STARTED", "WHERE", "KIND", "RELEASE", "TOOK", "BY"
        );
        Line::styled(text, theme.style(Role::Muted))
    });
    let chosen = model.chosen(Pane::History);
    for at in model.listed(Pane::History) {
        let (entry, here) = (Entry::of(model, &history.runs[at]), chosen == Some(at));
        let line = row(&entry, theme, (width, names), here);
        listing.row(at, here, [marked(model, theme, Pane::History, here, line)]);
    }
    Some(listing)
}

/// A run as the other panes show it: an environment's latest run is read more often than the list.
struct Entry<'a> {
    run: &'a RunView,
    /// Whether a runner drives it: an unfinished run without one is in doubt.
    driven: bool,
    elapsed_ms: u64,
}

impl<'a> Entry<'a> {
    fn of(model: &'a Model, listed: &'a RunView) -> Self {
        let mut latest = model.environments.iter().filter_map(|here| here.run.as_ref());
        match latest.find(|run| run.view.number == listed.number) {
            Some(run) => Self {
                run: &run.view,
                driven: run.runner.is_some() && run.view.ended.is_none(),
                elapsed_ms: elapsed_ms(model, run),
            },
            None => Self { run: listed, driven: false, elapsed_ms: listed.elapsed_ms },
        }
    }
}

/// A run as one line; `names`: the width of the longest name of an environment. Number, result and release are never cut off; the other columns share the remaining room.
fn row(
    entry: &Entry<'_>,
    theme: &Theme,
    (width, names): (usize, usize),
    selected: bool,
) -> Line<'static> {
    let Entry { run, driven, elapsed_ms } = *entry;
    let mark = theme.run(run, driven);
    let cursor = if selected { theme.pick("▶", ">") } else { " " };
    let release = run.plan.name().map_or("-".to_owned(), |name| name.to_string());
    let blue = run.services.values().find_map(|s| s.blue_release.as_ref());
    let mut spans = vec![
        Span::raw(format!("{cursor}{:<5}", run.number.to_string())),
        Span::styled(format!("{} ", mark.glyph), theme.style(mark.role)),
    ];
    if width < WIDE_COLUMNS {
        let environment = run.plan.environment.as_str();
        // A deploy is named by its release: most runs are deploys, and a release is worth more than the word.
        let what = match run.plan.kind {
            RunKind::Deploy => release,
            kind @ (RunKind::Rollback | RunKind::Cleanup | RunKind::Migrate) => {
                format!("{} {release}", kind.label()).trim_end_matches(" -").to_owned()
            }
        };
        let room = width.saturating_sub(15 + names + mark.glyph.width());
        let time = took(elapsed_ms);
        spans.push(Span::raw(format!(
            "{environment:<names$} {:<room$} {time:>6}",
            cut(&what, room)
        )));
        return Line::from(spans);
    }
    let version = match blue {
        Some(blue) => format!("{blue} {} {release}", theme.pick("→", "->")),
        None => release,
    };
    spans.push(Span::styled(format!("{:<RESULT_COLUMNS$} ", mark.word), theme.style(mark.role)));
    spans.push(Span::raw(format!(
        "{} {:<names$} {:<9} {version:<24} {:>6}  {:<10} ",
        run.started.strftime("%m-%d %H:%M"),
        run.plan.environment,
        run.plan.kind.label(),
        took(elapsed_ms),
        run.actor
    )));
    for step in &run.steps {
        let mark = theme.step(&step.state);
        let glyph = if theme.ascii { &mark.glyph[1..2] } else { mark.glyph };
        spans.push(Span::styled(glyph.to_owned(), theme.style(mark.role)));
    }
    Line::from(spans)
}

/// The timeline of a run, or its comparison with the previous run, step by step.
fn detail(
    history: &HistoryPane,
    run: &RunView,
    driven: bool,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let rule = theme.pick("─", "-").repeat(width);
    let mut lines = vec![Line::styled(rule, theme.style(Role::Border))];
    let before = history.before(run).filter(|_| history.compare);
    let head = match before {
        Some(before) => format!(" {} beside {}", run.number, before.number),
        None => format!(" {} {}", run.number, story(run)),
    };
    lines.push(Line::styled(head, theme.style(Role::Focus)));
    for (guard, reason) in &run.plan.overrides {
        let text = format!(" overrides {guard}: {reason}");
        lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
    }
    for step in &run.steps {
        let mark = theme.step(&step.state);
        let mut spans = vec![
            Span::styled(format!(" {} ", mark.glyph), theme.style(mark.role)),
            Span::raw(format!("{:<34.34} ", step.plan.title)),
        ];
        let time = if step.began_ms.is_some() { took(step.took_ms) } else { "-".to_owned() };
        spans.push(Span::raw(format!("{time:>6} ")));
        match before {
            Some(before) => {
                let same = before.steps.iter().find(|s| s.plan.id == step.plan.id);
                spans.push(Span::raw(beside(step.took_ms, same.map(|s| (&s.state, s.took_ms)))));
            }
            None => spans.extend(bar(run, step, theme, width.saturating_sub(46))),
        }
        lines.push(Line::from(spans));
    }
    if let Some((step, problem, _)) = &run.failure {
        let text = format!(" {step}: {problem}");
        let style = theme.style(Role::Failed);
        lines.extend(wrapped(&text, width).into_iter().take(3).map(|l| Line::styled(l, style)));
    }
    lines.push(Line::styled(
        format!(" {}", run.customers(driven).unwrap_or_default()),
        theme.style(Role::Muted),
    ));
    lines
}

fn story(run: &RunView) -> String {
    let reason = run.plan.reason.as_ref().map(|r| format!(" · reason: {r}")).unwrap_or_default();
    let undo = run.undo.as_ref().map(|(_, why)| format!(" · rolled back: {why}"));
    let release = run.plan.name().map_or_else(String::new, |name| name.to_string());
    format!(
        "{} {release} on {} by {}{reason}{}",
        run.plan.kind.label(),
        run.plan.environment,
        run.actor,
        undo.unwrap_or_default()
    )
}

/// The duration of the same step in the previous run, and the difference.
fn beside(took_ms: u64, before: Option<(&StepState, u64)>) -> String {
    let Some((_, earlier)) = before else {
        return "    not in that run".to_owned();
    };
    let (sign, by) =
        if took_ms >= earlier { ("+", took_ms - earlier) } else { ("-", earlier - took_ms) };
    let by = crate::domain::time::spoken(Duration::from_millis(by));
    format!("{:>6}   {sign}{by}", took(earlier))
}

/// Start and duration of a step within the run.
fn bar(
    run: &RunView,
    step: &crate::domain::view::StepView,
    theme: &Theme,
    width: usize,
) -> Vec<Span<'static>> {
    let Some(began) = step.began_ms.filter(|_| width > 8) else {
        return Vec::new();
    };
    let total = run.elapsed_ms.max(1);
    let cells = |ms: u64| usize::try_from(ms.saturating_mul(width as u64) / total).unwrap_or(width);
    let from = cells(began).min(width.saturating_sub(1));
    let length = cells(step.took_ms).clamp(1, width - from);
    let gate = step.plan.kind.is_gate();
    let (fill, role) = if gate {
        (theme.pick("░", "."), Role::GaugeEmpty)
    } else {
        (theme.pick("▓", "#"), Role::GaugeFull)
    };
    vec![Span::raw(" ".repeat(from)), Span::styled(fill.repeat(length), theme.style(role))]
}

/// The DORA metrics of the selected environment.
fn figures_line(model: &Model, theme: &Theme) -> Line<'static> {
    let (Some(here), Some(now)) = (model.here(), model.now) else {
        return Line::raw("");
    };
    let figures = DoraMetrics::of(&model.panes.history.runs, &here.name, now, MONTH);
    let mark = |outcome: Outcome| theme.outcome(outcome).glyph;
    let mut parts = vec![format!(
        " {}, 30 days: {} {}{} {}{} {}{} {}{}",
        here.name,
        describe::counted(figures.deploys() + figures.stopped, "deploy"),
        figures.promoted,
        mark(Outcome::Promoted),
        figures.rolled_back,
        mark(Outcome::RolledBack),
        figures.failed,
        mark(Outcome::Failed),
        figures.stopped,
        mark(Outcome::Aborted),
    )];
    let spoken = |length: Duration| took(u64::try_from(length.as_millis()).unwrap_or(0));
    parts.extend(figures.deploy_p50.map(|p50| format!("median {}", spoken(p50))));
    parts.extend(figures.change_failures().map(|percent| format!("change failures {percent} %")));
    parts.extend(figures.undo_p50.map(|p50| format!("undo median {}", spoken(p50))));
    parts.extend(figures.recovery_p50.map(|p50| format!("recovery median {}", spoken(p50))));
    parts.extend(figures.lead_p50.map(|p50| format!("lead median {}", spoken(p50))));
    Line::styled(parts.join(" · "), theme.style(Role::Muted))
}
