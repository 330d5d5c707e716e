//! Draws the Deploy pane: the steps of the run, its traffic, and the next action.

mod doubt;
mod plan;
mod steps;
mod tail;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use self::plan::StepLine;
use crate::domain::plan::RunKind;
use crate::domain::time::Timestamp;
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::model::environments::RunSnapshot;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{framed, moment, wrapped, write};

/// Minimum number of visible steps.
const LEAST_STEPS: usize = 3;
/// Rows from which there is room for a heading and a blank line.
const COMFORTABLE: usize = 16;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else {
        return;
    };
    let inner = framed(model, theme, Pane::Deploy, format!(" {} ", here.name), area, buffer);
    let Some(Parts { head, steps, end }) = Parts::of(model, theme, inner) else {
        let empty = if here.read {
            format!("No runs yet for {}. D starts one.", here.name)
        } else {
            "Reading the store…".to_owned()
        };
        return write(&[Line::styled(empty, theme.style(Role::Muted))], inner, buffer);
    };
    let room = usize::from(inner.height).saturating_sub(head.len() + end.len());
    let rest = room.saturating_sub(steps.len());
    let mut shown = head;
    shown.extend(steps.into_iter().map(|(_, line)| line));
    // The bars stay at the bottom, so that they do not move when the number of step lines changes.
    shown.extend(std::iter::repeat_n(Line::raw(""), rest));
    shown.extend(end);
    write(&shown, inner, buffer);
}

/// The steps as a list, so that they can be clicked.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let Parts { head, steps, .. } = Parts::of(model, theme, inner)?;
    let above = u16::try_from(head.len()).unwrap_or(u16::MAX).min(inner.height);
    let height = u16::try_from(steps.len()).unwrap_or(u16::MAX).min(inner.height - above);
    let mut listing = Listing::new(Rect { y: inner.y + above, height, ..inner }, 0);
    for (step, line) in steps {
        match step {
            Some(at) => listing.row(at, false, [line]),
            None => listing.note([line]),
        }
    }
    Some(listing)
}

/// The lines of the pane: the run, its steps, and its traffic with the next action.
struct Parts {
    head: Vec<Line<'static>>,
    steps: Vec<StepLine>,
    end: Vec<Line<'static>>,
}

impl Parts {
    fn of(model: &Model, theme: &Theme, inner: Rect) -> Option<Self> {
        let here = model.here()?;
        let run = here.run.as_ref()?;
        let width = usize::from(inner.width);
        let elapsed = elapsed_ms(model, run);
        let height = usize::from(inner.height);
        // Line 1 names the run too, and the traffic bars the versions: in a low pane a step is worth more.
        let low = height < COMFORTABLE;
        let head = if low { Vec::new() } else { head(run, model.now, theme, width) };
        let in_doubt = here.in_doubt().is_some();
        let mut end = if in_doubt {
            doubt::doubt(model, here, run, theme, width)
        } else {
            tail::tail(model, here, run, false, theme, width)
        };
        // If space is tight, drop the traffic bars first: the second line of the screen shows the traffic too.
        if !in_doubt && head.len() + end.len() + LEAST_STEPS > height {
            end = tail::tail(model, here, run, true, theme, width);
        }
        // The blank line above the traffic is worth less than a step.
        if low && end.first().is_some_and(|line| line.width() == 0) {
            end.remove(0);
        }
        // The traffic and the next action are never scrolled off.
        let room = height.saturating_sub(head.len() + end.len());
        let steps = steps::Look { model, run, elapsed, theme, width }.plan(room);
        Some(Self { head, steps, end })
    }
}

fn head(
    run: &RunSnapshot,
    now: Option<Timestamp>,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let view = &run.view;
    let release = view.plan.name().map_or_else(String::new, |name| name.to_string());
    let blue = view.blue_name();
    let what = match (view.plan.kind, blue) {
        (RunKind::Cleanup, _) => "clean up BLUE".to_owned(),
        (kind, Some(blue)) => {
            format!("{} {blue} BLUE {} {release} GREEN", kind.label(), theme.pick("→", "->"))
        }
        (kind, None) => format!("{} {release} GREEN", kind.label()),
    };
    let watching = if run.watchers.is_empty() {
        String::new()
    } else {
        format!(" · watching: {}", run.watchers.join(", "))
    };
    let (started, by) = (moment(view.started, now), &view.actor);
    let text = format!("{} {what} · started {started} by {by}{watching}", view.number);
    wrapped(&text, width).into_iter().map(Line::raw).collect()
}

/// Time in milliseconds that the run has had a runner. Facts cover only the time up to the last fact; while a
/// runner is alive, the time since then is added.
pub(in crate::tui) fn elapsed_ms(model: &Model, run: &RunSnapshot) -> u64 {
    let view = &run.view;
    let driven = view.ended.is_none() && run.runner.is_some();
    let since = model.clock().filter(|_| driven).map(|now| now.duration_since(view.last_at));
    let since = since.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0);
    view.elapsed_ms + since
}
