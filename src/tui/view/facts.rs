//! The two lines that never scroll away: the environment and its run; the traffic and the cost of an undo.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::{clock, took};
use crate::domain::plan::RunKind;
use crate::domain::policy::Protection;
use crate::domain::probe::State;
use crate::domain::readiness::warm_until;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::step::{Side, StepKind};
use crate::domain::step_durations::{LEAST_RUNS, StepDurations};
use crate::domain::time::spoken;
use crate::domain::view::{RunView, TrafficState};
use crate::tui::model::Model;
use crate::tui::model::environments::{Environment, RunSnapshot};
use crate::tui::panes::checklists::model::{count, rows};
use crate::tui::panes::health::model::counts;
use crate::tui::panes::migrations::model::told;
use crate::tui::theme::{Role, Theme};

fn role_of(environment: &Environment) -> Role {
    match environment.protection {
        Protection::Open => Role::Open,
        Protection::Confirm => Role::Confirm,
        Protection::Typed => Role::Typed,
    }
}

/// The versions of the databases, and pending migrations.
fn schema(environment: &Environment) -> Option<(String, Role)> {
    let (text, bad) = told(environment)?;
    Some((text, if bad { Role::Failed } else { Role::Text }))
}

/// The first line: environments, the run, its state and its duration.
pub(in crate::tui) fn top(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut spans = vec![Span::raw(" ")];
    if model.rehearsal {
        spans.push(Span::styled("REHEARSAL", theme.style(Role::Waiting)));
        spans.push(Span::raw(" "));
    }
    if model.replay.is_some() {
        spans.push(Span::styled("REPLAY", theme.style(Role::Waiting)));
        spans.push(Span::raw(" "));
    } else if model.read_only {
        spans.push(Span::styled("READ-ONLY", theme.style(Role::Warning)));
        spans.push(Span::raw(" "));
    }
    for (at, environment) in model.environments.iter().enumerate() {
        let name = environment.name.as_str();
        if at == model.selected {
            let style = theme.style(role_of(environment));
            spans.push(Span::styled(format!("[{}]", name.to_uppercase()), style));
        } else if area.width >= 100 {
            spans.push(Span::styled(name.to_owned(), theme.style(Role::Muted)));
        } else {
            continue;
        }
        spans.push(Span::raw(" "));
    }
    if let Some(run) = model.here().and_then(|e| e.run.as_ref()) {
        spans.extend(run_spans(model, run, theme));
    }
    let mut line = Line::from(spans);
    // On narrow lines, drop the duration first, then the step. The run and its state stay.
    for _ in 0..2 {
        if line.width() > usize::from(area.width) {
            line.spans.pop();
        }
    }
    // Show the clock only if there is room for it.
    if let Some(now) = model.clock() {
        let clock = clock(now);
        let used = line.width() + clock.width() + 1;
        if let Some(gap) = usize::from(area.width).checked_sub(used).filter(|gap| *gap > 0) {
            line.push_span(Span::raw(" ".repeat(gap)));
            line.push_span(Span::styled(clock, theme.style(Role::Muted)));
        }
    }
    line.render(area, buffer);
}

fn run_spans(model: &Model, run: &RunSnapshot, theme: &Theme) -> Vec<Span<'static>> {
    let view = &run.view;
    let mark = if view.looks_at_list() && run.runner.is_some() {
        theme.checking()
    } else {
        theme.run(&view.state, run.runner.is_some())
    };
    let mut spans = vec![
        Span::raw(format!("{} {}  ", view.number, view.plan.title())),
        Span::styled(format!("{} {}", mark.glyph, mark.word), theme.style(mark.role)),
    ];
    if view.ended.is_none() {
        let at = view.state.step().and_then(|id| view.steps.iter().rposition(|s| &s.plan.id == id));
        if let Some(at) = at {
            spans.push(Span::raw(format!("  {}/{}", at + 1, view.steps.len())));
        }
    }
    spans.push(Span::raw(format!(
        "  {}",
        took(crate::tui::panes::deploy::view::elapsed_ms(model, run))
    )));
    spans
}

/// A fact of the second line.
struct Part {
    text: String,
    role: Role,
    /// On narrow lines the least important part is dropped first.
    rank: u8,
    /// Whether the text may be shortened.
    may_shrink: bool,
}

/// Never dropped. Only the undo may be shortened.
const KEPT: u8 = 0;
/// Needs attention now.
const URGENT: u8 = 1;
/// Useful, but may be dropped.
const NICE: u8 = 2;
/// Also shown elsewhere, so dropped first.
const ELSEWHERE: u8 = 3;
/// Minimum length of a shortened undo.
const LEAST_UNDO: usize = 11;

/// The second line: traffic, undo, staleness and other facts about the environment, as many as fit.
pub(in crate::tui) fn second(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else {
        return;
    };
    let between = theme.pick(" │ ", " | ");
    let mut parts = parts(model, here, theme);
    fit_in(&mut parts, usize::from(area.width), theme.pick("…", "~"));
    let mut line = Line::from(" ");
    for (at, Part { text, role, .. }) in parts.into_iter().enumerate() {
        if at > 0 {
            line.push_span(Span::styled(between, theme.style(Role::Border)));
        }
        line.push_span(Span::styled(text, theme.style(role)));
    }
    line.render(area, buffer);
}

fn parts(model: &Model, here: &Environment, theme: &Theme) -> Vec<Part> {
    let part = |(text, role): (String, Role), rank| Part { text, role, rank, may_shrink: false };
    let mut parts = Vec::new();
    if let Some(problem) = &model.blind {
        let text = format!("OLD: the store cannot be read: {}", problem.what);
        parts.push(part((text, Role::Failed), KEPT));
    }
    parts.push(part((traffic(here), Role::Text), KEPT));
    parts.push(Part { may_shrink: true, ..part(undo(model, here), KEPT) });
    if let Some(age) = here.stale(model.elapsed) {
        let text = format!("STALE: looked {} s ago", model.seconds(age));
        parts.push(part((text, Role::Unknown), URGENT));
    }
    parts.extend(schema(here).map(|(text, role)| {
        part((text, role), if role == Role::Failed { URGENT } else { ELSEWHERE })
    }));
    parts.extend(
        checklist(model, here).map(|(text, role)| {
            part((text, role), if role == Role::Waiting { URGENT } else { NICE })
        }),
    );
    parts
        .extend(probes(here).map(|(text, role)| {
            part((text, role), if role == Role::Text { NICE } else { URGENT })
        }));
    let (errors, warnings) = (model.panes.logs.extent.errors, model.panes.logs.extent.warnings);
    if errors + warnings > 0 {
        let (bad, odd) = (theme.pick("✗", "E"), theme.pick("▲", "W"));
        let role = if errors > 0 { Role::Failed } else { Role::Warning };
        let rank = if errors > 0 { NICE } else { ELSEWHERE };
        parts.push(part((format!("log {errors}{bad} {warnings}{odd}"), role), rank));
    }
    if let Some(lock) = &here.lock {
        parts.push(part((format!("lock: {lock}"), Role::Warning), URGENT));
    }
    if let Some(told) = model.now.and_then(|now| here.frozen(now)) {
        parts.push(part((format!("FROZEN: {told}"), Role::Warning), NICE));
    }
    parts
}

/// Drops whole facts rather than cut off the last one. Drops urgent facts only if
/// even a shortened undo leaves no room for them.
fn fit_in(parts: &mut Vec<Part>, width: usize, cut: &str) {
    let signs = |text: &str| Span::raw(text.to_owned()).width();
    let wide = |parts: &[Part]| {
        let texts: usize = parts.iter().map(|part| signs(&part.text)).sum();
        1 + texts + 3 * parts.len().saturating_sub(1)
    };
    // Columns gained by shortening the undo.
    let gives = parts
        .iter()
        .find(|part| part.may_shrink)
        .map_or(0, |part| signs(&part.text).saturating_sub(LEAST_UNDO + 1));
    for (rank, least) in [(ELSEWHERE, 0), (NICE, 0), (URGENT, gives)] {
        while wide(parts).saturating_sub(least) > width
            && let Some(at) = parts.iter().rposition(|part| part.rank == rank)
        {
            parts.remove(at);
        }
    }
    let over = wide(parts).saturating_sub(width);
    if let Some(undo) = parts.iter_mut().find(|part| part.may_shrink).filter(|_| over > 0) {
        let room = undo.text.chars().count().saturating_sub(over + 1).max(LEAST_UNDO);
        undo.text = undo.text.chars().take(room).collect::<String>() + cut;
    }
}

/// The progress of a checklist.
fn checklist(model: &Model, here: &Environment) -> Option<(String, Role)> {
    let run = here.under_way()?;
    let rows = rows(here, model.now);
    let tally = count(&rows, None);
    let waits = matches!(run.view.gate(), Some(StepKind::GateChecklist { .. }));
    let role = if waits { Role::Waiting } else { Role::Text };
    (tally.all > 0).then(|| (format!("checklist {tally}"), role))
}

/// The number of healthy probes, and the worst state.
fn probes(here: &Environment) -> Option<(String, Role)> {
    let all = here.probes.len();
    let worst = counts(&here.probes).first().map(|(state, _)| *state)?;
    let well = here.probes.iter().filter(|probe| probe.state == State::Ok).count();
    let role = match worst {
        State::Down => Role::HealthDown,
        State::Flapping | State::Degraded => Role::HealthDegraded,
        State::Stale => Role::HealthStale,
        State::Off | State::Ok => Role::Text,
    };
    let word = match worst {
        State::Ok => String::new(),
        State::Off => ", checking".to_owned(),
        worst => format!(", {}", worst.label()),
    };
    Some((format!("probes {well}/{all} ok{word}"), role))
}

fn names<'a>(names: impl IntoIterator<Item = &'a crate::domain::ids::ServiceName>) -> String {
    names.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The live build at the last read.
pub(in crate::tui) fn traffic(here: &Environment) -> String {
    // The last fact of a dead run may be outdated: use the platform's state.
    if let Some(run) = here.driven().filter(|r| known(&r.view)) {
        let view = &run.view;
        if let Some((green, blue)) = view.split() {
            return format!("SPLIT: {} on GREEN, {} on BLUE", names(green), names(blue));
        }
        return match view.side() {
            Some(Side::Blue) => "traffic BLUE 100 : 0 GREEN".to_owned(),
            Some(Side::Green) => "traffic BLUE 0 : 100 GREEN".to_owned(),
            None if view.traffic_unknown() => "traffic: switching, not read yet".to_owned(),
            None if view.services.values().all(|s| s.traffic == TrafficState::None) => {
                "traffic: no build is live".to_owned()
            }
            None => "traffic: neither BLUE nor GREEN".to_owned(),
        };
    }
    match &here.seen {
        None => "traffic: not looked yet".to_owned(),
        Some((seen, _)) if seen.unseen.is_some() => {
            let why = seen.unseen.as_ref().map(|p| p.what.clone()).unwrap_or_default();
            format!("traffic unknown: {why}")
        }
        Some((seen, _)) => {
            let live: Vec<_> = seen.services.iter().map(live).collect();
            format!("live: {}", live.join(", "))
        }
    }
}

fn live(service: &ServiceSnapshot) -> String {
    let name = service
        .live
        .as_ref()
        .map(|build| build.name().map_or_else(|| build.build.to_string(), |name| name.to_string()));
    format!("{} {}", service.service, name.unwrap_or_else(|| service.live_name()))
}

fn known(view: &RunView) -> bool {
    view.services.values().all(|s| s.blue_known)
}

/// The current cost of a rollback, and whether one is possible.
fn undo(model: &Model, here: &Environment) -> (String, Role) {
    if let Some(run) = here.driven() {
        let view = &run.view;
        let blue = view.services.values().find_map(|s| s.blue_release.clone());
        let blue = blue.map_or("BLUE".to_owned(), |release| release.to_string());
        return if view.gives_back() {
            ("undo: under way".to_owned(), Role::Text)
        } else if !view.touched_traffic() {
            ("undo: not needed yet".to_owned(), Role::Text)
        } else if view.can_go_back() {
            (format!("undo: B to {blue}, {}", cost(model, here)), Role::Text)
        } else {
            ("undo: none, nothing served before".to_owned(), Role::Warning)
        };
    }
    let Some((seen, _)) = &here.seen else {
        return ("undo: not looked yet".to_owned(), Role::Warning);
    };
    if seen.unseen.is_some() {
        return ("undo: unknown".to_owned(), Role::Warning);
    }
    if let Some(why) = seen.services.iter().find_map(|s| s.rollback.why.as_ref()) {
        return (format!("undo: none, {why}"), Role::Warning);
    }
    let target = seen.services.iter().find_map(|s| s.rollback.target.as_ref());
    match target {
        Some(release) => (
            format!("undo: B to {release}, {}{}", cost(model, here), warm(model, here)),
            Role::Text,
        ),
        None => ("undo: none".to_owned(), Role::Warning),
    }
}

/// How long a rollback usually takes here. Without enough runs to tell, why it is quick.
fn cost(model: &Model, here: &Environment) -> String {
    let usual = StepDurations::of(&model.panes.history.runs, &here.name, RunKind::Rollback);
    if usual.runs < LEAST_RUNS {
        return "nothing is built".to_owned();
    }
    let all: std::time::Duration = usual.steps.values().map(|took| took.p50).sum();
    format!("~{} (p50 of {})", spoken(all), usual.runs)
}

/// The end of the warm period of a rollback target, if the last run left it warm.
fn warm(model: &Model, here: &Environment) -> String {
    let (Some(run), Some((seen, _)), Some(now)) = (&here.run, &here.seen, model.now) else {
        return String::new();
    };
    match warm_until(&run.view, seen, now) {
        Some(until) => format!(", BLUE warm until {}", until.strftime("%H:%M")),
        None => String::new(),
    }
}
