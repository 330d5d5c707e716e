//! The verdict strip, two lines that never scroll away: what customers get, what the run is waiting for, what an undo
//! takes, and which keys act now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::{cut, footer, moment, rollback, took};
use crate::domain::probe::State;
use crate::domain::run::RunState;
use crate::domain::step::StepKind;
use crate::domain::verdict::{Live, Undo, not_ready};
use crate::domain::view::RunView;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::checklists::model::{count, rows};
use crate::tui::panes::deploy::view::elapsed_ms;
use crate::tui::panes::health::model::counts;
use crate::tui::panes::migrations::model::told;
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;

/// Minimum width to show the keys that act.
const WITH_KEYS: u16 = 140;
/// Width of the keys that act.
const KEYS: u16 = 40;
/// Columns between two columns of the strip.
const GAP: usize = 3;

/// A fact of the second line.
struct Part {
    text: String,
    role: Role,
    /// On narrow lines the least important part is dropped first: the highest rank.
    rank: u8,
}

/// Needs attention now.
const URGENT: u8 = 1;
/// Useful, but may be dropped.
const NICE: u8 = 2;
/// Also shown elsewhere, so dropped first.
const ELSEWHERE: u8 = 3;

type Spans = Vec<Span<'static>>;

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else { return };
    let keys = place_of_acts(area).map_or(0, |place| place.width);
    let room = usize::from(area.width - keys).saturating_sub(2);
    let live = live(model, here, theme, room * 3 / 5);
    let undo = undo(model, here, theme);
    let wide = |spans: &Spans| spans.iter().map(Span::width).sum::<usize>();
    let state = state(model, here, theme);
    // The left column is as wide as its texts, up to three fifths: a probe that is down must still fit beside it.
    let left = wide(&live).max(wide(&undo)).min(room * 3 / 5);
    let right = room.saturating_sub(left + GAP);
    let mut parts = parts(model, here, theme);
    fit_in(&mut parts, right);
    let between = Span::styled(theme.pick(" · ", " - "), theme.style(Role::Border));
    let mut facts: Spans = Vec::new();
    for Part { text, role, .. } in parts {
        if !facts.is_empty() {
            facts.push(between.clone());
        }
        facts.push(Span::styled(text, theme.style(role)));
    }
    for (row, left_spans, right_spans) in [(0, live, state), (1, undo, facts)] {
        let y = area.y + row;
        if row >= area.height {
            return;
        }
        let column = |x: usize, width: usize| Rect {
            x: area.x + u16::try_from(x).unwrap_or(u16::MAX),
            y,
            width: u16::try_from(width).unwrap_or(0),
            height: 1,
        };
        super::write(&[Line::from(left_spans)], column(1, left), buffer);
        super::write(&[Line::from(right_spans)], column(1 + left + GAP, right), buffer);
    }
    if let Some(place) = place_of_acts(area) {
        let lines = acts(model).map(|acts| {
            acts.into_iter().flat_map(|(key, word)| footer::hint(key, &word, theme)).collect()
        });
        super::write(&lines, place, buffer);
    }
}

/// What customers get, and how healthy that is, in `room` columns. Names give way first: the state is never cut.
fn live(model: &Model, here: &Environment, theme: &Theme, room: usize) -> Spans {
    let live = model.evidence(here).live();
    let mut spans = Vec::new();
    if let Some(problem) = &model.blind {
        let text = format!("OLD: the store cannot be read: {}   ", problem.what);
        spans.push(Span::styled(text, theme.style(Role::Failed)));
    }
    if let Some(damage) = model.panes.history.latest_damaged.first() {
        let text = format!("DAMAGED {}   ", damage.run);
        spans.push(Span::styled(text, theme.style(Role::Failed)));
    }
    if let Some(split) = here.driven().and_then(|run| split(&run.view)) {
        spans.push(Span::styled(split, theme.style(Role::Failed)));
        return spans;
    }
    let stale = here.stale(model.elapsed).map(|age| {
        let text = format!(" STALE, read {} s ago", model.seconds(age));
        Span::styled(text, theme.style(Role::Unknown))
    });
    let (health, of) = health(&live, theme);
    spans.push(Span::styled("live ", theme.style(Role::Muted)));
    let role = if matches!(live, Live::Unknown(_)) { Role::Unknown } else { Role::Focus };
    let others = spans.iter().chain(&stale).chain(&health).map(Span::width).sum();
    let left = room.saturating_sub(others);
    let sentence = cut(&live.sentence(), left.max(1));
    let rest = left.saturating_sub(sentence.width());
    spans.push(Span::styled(sentence, theme.style(role)));
    spans.extend(stale);
    let look = health.as_ref().map(|span| span.style);
    spans.extend(health);
    // Which services it is about, if there is room.
    if let Some(look) = look.filter(|_| !of.is_empty() && rest > 4) {
        spans.push(Span::styled(format!(" {}", cut(&of, rest - 1)), look));
    }
    spans
}

/// The worst health, and the services that have it if it is bad.
fn health(live: &Live, theme: &Theme) -> (Option<Span<'static>>, String) {
    let Some((worst, of)) = live.worst() else { return (None, String::new()) };
    let mark = theme.state(worst);
    let (word, names) = match worst {
        State::Ok => ("healthy".to_owned(), String::new()),
        State::Off => ("health being checked".to_owned(), String::new()),
        worst => {
            let names: Vec<_> = of.iter().map(ToString::to_string).collect();
            (worst.word().to_uppercase(), names.join(", "))
        }
    };
    let style = theme.style(mark.role);
    (Some(Span::styled(format!(" {} {word}", mark.glyph), style)), names)
}

/// Which services are on which side, while they differ.
fn split(view: &RunView) -> Option<String> {
    let (green, blue) = view.split()?;
    let names = |of: Vec<&crate::domain::ids::ServiceName>| {
        of.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    Some(format!("SPLIT: {} on GREEN, {} on BLUE", names(green), names(blue)))
}

/// What the run is doing or waiting for, since when, and where.
fn state(model: &Model, here: &Environment, theme: &Theme) -> Spans {
    let Some(run) = &here.run else {
        let text = if here.read { "no run yet" } else { "reading the store…" };
        return vec![Span::styled(text, theme.style(Role::Muted))];
    };
    let view = &run.view;
    let mark = theme.run(view, run.runner.is_some());
    let mut spans =
        vec![Span::styled(format!("{} {}", mark.glyph, mark.word), theme.style(mark.role))];
    if let Some(ended) = view.ended {
        spans.push(Span::raw(format!(" {}", moment(ended, model.now))));
        return spans;
    }
    let Some(at) = view.current_step() else { return spans };
    let step = &view.steps[at];
    if let Some(since) = step.began_ms.filter(|_| run.runner.is_some()) {
        spans.push(Span::raw(format!(" {}", took(elapsed_ms(model, run).saturating_sub(since)))));
    }
    let before = if matches!(view.state, RunState::Paused { .. }) { "before" } else { "at" };
    let of = view.steps.len();
    spans.push(Span::styled(format!(" {before} {}/{of} ", at + 1), theme.style(Role::Muted)));
    spans.push(Span::raw(step.plan.title.clone()));
    spans
}

/// What an undo takes.
fn undo(model: &Model, here: &Environment, theme: &Theme) -> Spans {
    let undo = model.evidence(here).undo();
    let role = match undo {
        Undo::To { ref faults, .. } if !faults.is_empty() => Role::Warning,
        Undo::UnderWay | Undo::NothingMoved | Undo::To { .. } => Role::Text,
        Undo::Impossible(_) => Role::Warning,
        Undo::NotRead | Undo::Unknown(_) => Role::Unknown,
    };
    let text = match &undo {
        Undo::To { release, warm_until, faults } => {
            let warm = warm_until.map(|until| format!("warm until {}", moment(until, model.now)));
            let how: Vec<_> =
                rollback::usually(model, &here.name).into_iter().chain(warm).collect();
            let how = if how.is_empty() { "no build needed".to_owned() } else { how.join(", ") };
            format!("B to {release}{}, {how}", not_ready(faults))
        }
        // The reason is said with the live release.
        Undo::Unknown(_) => "unknown".to_owned(),
        undo => undo.sentence(),
    };
    vec![Span::styled("undo: ", theme.style(Role::Muted)), Span::styled(text, theme.style(role))]
}

fn parts(model: &Model, here: &Environment, theme: &Theme) -> Vec<Part> {
    let part = |(text, role): (String, Role), rank| Part { text, role, rank };
    let mut parts = Vec::new();
    let asked = here.driven().and_then(|run| run.view.asked.as_ref());
    parts.extend(asked.map(|asked| part((asked.sentence(), Role::Waiting), URGENT)));
    parts.extend(lock_and_freeze(model, here));
    let may = available(model, Command::AllowRollouts).is_ok();
    let held = (!here.held().is_empty())
        .then(|| format!("automatic rollouts DISABLED{}", if may { ", P enables" } else { "" }));
    parts.extend(held.map(|text| part((text, Role::Warning), URGENT)));
    parts
        .extend(probes(here).map(|(text, role)| {
            part((text, role), if role == Role::Text { NICE } else { URGENT })
        }));
    parts.extend(told(here).map(|(text, bad)| {
        let role = if bad { Role::Failed } else { Role::Text };
        part((text, role), if bad { URGENT } else { ELSEWHERE })
    }));
    parts.extend(
        checklist(model, here).map(|(text, role)| {
            part((text, role), if role == Role::Waiting { URGENT } else { NICE })
        }),
    );
    let (errors, warnings) = (model.panes.logs.extent.errors, model.panes.logs.extent.warnings);
    if errors + warnings > 0 {
        let (bad, odd) = (theme.pick("✗", "E"), theme.pick("▲", "W"));
        let role = if errors > 0 { Role::Failed } else { Role::Warning };
        let rank = if errors > 0 { NICE } else { ELSEWHERE };
        parts.push(part((format!("log {errors}{bad} {warnings}{odd}"), role), rank));
    }
    parts
}

fn lock_and_freeze(model: &Model, here: &Environment) -> Vec<Part> {
    let lock = here.lock.as_ref().map(|lock| (format!("LOCKED {lock}"), URGENT));
    let frozen = model.now.and_then(|now| here.frozen(now));
    let soon = model.now.filter(|_| frozen.is_none()).and_then(|now| here.freezes_soon(now));
    let frozen = frozen.map(|told| (format!("FROZEN {told}"), NICE)).or(soon.map(|s| (s, NICE)));
    let both = lock.into_iter().chain(frozen);
    both.map(|(text, rank)| Part { text, role: Role::Warning, rank }).collect()
}

/// Drops whole facts, the least important first, rather than cut one off. The first that remains may be cut.
fn fit_in(parts: &mut Vec<Part>, width: usize) {
    let wide = |parts: &[Part]| {
        let texts: usize = parts.iter().map(|part| Span::raw(part.text.as_str()).width()).sum();
        texts + 3 * parts.len().saturating_sub(1)
    };
    while wide(parts) > width && parts.len() > 1 {
        let last = parts.iter().map(|part| part.rank).max().unwrap_or_default();
        let Some(at) = parts.iter().rposition(|part| part.rank == last) else { return };
        parts.remove(at);
    }
}

/// The progress of a checklist.
fn checklist(model: &Model, here: &Environment) -> Option<(String, Role)> {
    let run = here.under_way()?;
    let tally = count(&rows(here, model.now), None);
    let waits = matches!(run.view.gate(), Some(StepKind::GateChecklist { .. }));
    let role = if waits { Role::Waiting } else { Role::Text };
    (tally.all > 0).then(|| (format!("checklist {tally}"), role))
}

/// How many probes are in each state that needs attention.
fn probes(here: &Environment) -> Option<(String, Role)> {
    let all = here.probes.len();
    let counts = counts(&here.probes);
    let (worst, _) = counts.first().copied()?;
    let role = match worst {
        State::Down => Role::HealthDown,
        State::Flapping | State::Degraded => Role::HealthDegraded,
        State::Stale => Role::HealthStale,
        State::Off | State::Ok => Role::Text,
    };
    // Every state but ok is counted: a probe that is down must not hide the ones that cannot be asked.
    let unwell: Vec<_> = counts
        .iter()
        .filter(|(state, _)| *state != State::Ok)
        .map(|(state, count)| format!("{count} {}", state.word()))
        .collect();
    let text = if unwell.is_empty() {
        format!("{all} of {all} probes ok")
    } else {
        format!("{} of {all} probes", unwell.join(", "))
    };
    Some((text, role))
}

/// The keys that act now with their words, in two lines: the first act has a line alone.
fn acts(model: &Model) -> [Vec<(String, String)>; 2] {
    if model.dialog.is_some() || model.overlay.is_some() {
        return [Vec::new(), Vec::new()];
    }
    let mut first = footer::acts(model);
    let rest = first.split_off(first.len().min(1));
    [first, rest]
}

/// Where the keys that act are; `None` in a narrow window, where only the key line has them.
fn place_of_acts(area: Rect) -> Option<Rect> {
    (area.width >= WITH_KEYS).then(|| Rect { x: area.right() - KEYS, width: KEYS, ..area })
}

/// The key of the strip at a position.
pub(super) fn key_at(model: &Model, area: Rect, x: u16, y: u16) -> Option<String> {
    let place = place_of_acts(area)?;
    let column = x.checked_sub(place.x)?;
    let line = usize::from(y.checked_sub(place.y)?);
    footer::hint_at(acts(model).into_iter().nth(line)?, usize::from(column))
}
