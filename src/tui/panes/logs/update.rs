//! The Logs pane: filter, search, copy.

use tui_input::Input;

use crate::domain::event::Outcome;
use crate::domain::log_level::LogLevel;
use crate::domain::run::RunState;
use crate::tui::effect::{Effect, LogAsk, LogUse, Take};
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::panes::Pane;
use crate::tui::panes::logs::model::{Mark, Query, TimeMode};
use crate::tui::update::text::edit;

pub(in crate::tui) fn follow(model: &mut Model) -> Vec<Effect> {
    let logs = &mut model.panes.logs;
    (logs.bottom, logs.current, logs.selection) = (None, None, None);
    Vec::new()
}

/// Opens the search input.
pub(in crate::tui) fn search(model: &mut Model) -> Vec<Effect> {
    model.focus = Pane::Logs;
    let before = model.panes.logs.query.search.clone().unwrap_or_default();
    model.panes.logs.typing = Some(Input::from(before));
    Vec::new()
}

pub(in crate::tui) fn next_match(model: &mut Model) -> Vec<Effect> {
    find(model, Mark::Match, true)
}

pub(in crate::tui) fn previous_match(model: &mut Model) -> Vec<Effect> {
    find(model, Mark::Match, false)
}

pub(in crate::tui) fn next_error(model: &mut Model) -> Vec<Effect> {
    find(model, Mark::Error, true)
}

pub(in crate::tui) fn previous_error(model: &mut Model) -> Vec<Effect> {
    find(model, Mark::Error, false)
}

/// Jumps to the beginning of the next step.
pub(in crate::tui) fn next_step(model: &mut Model) -> Vec<Effect> {
    find(model, Mark::Step, true)
}

pub(in crate::tui) fn previous_step(model: &mut Model) -> Vec<Effect> {
    find(model, Mark::Step, false)
}

/// Selects the next minimum level, wrapping around after the highest one.
pub(in crate::tui) fn level(model: &mut Model) -> Vec<Effect> {
    let now = model.panes.logs.query.level;
    let at = LogLevel::ALL.iter().position(|level| *level == now).unwrap_or(2);
    let level = LogLevel::ALL[(at + 1) % LogLevel::ALL.len()];
    query(model, |query| query.level = level)
}

/// Shows only the next source, or all sources after the last one.
pub(in crate::tui) fn source(model: &mut Model) -> Vec<Effect> {
    let sources = &model.panes.logs.extent.sources;
    let next = match &model.panes.logs.query.source {
        None => sources.first().cloned(),
        Some(now) => {
            let at = sources.iter().position(|s| s == now);
            at.and_then(|at| sources.get(at + 1)).cloned()
        }
    };
    query(model, |query| query.source = next)
}

pub(in crate::tui) fn set_mark(model: &mut Model) -> Vec<Effect> {
    if model.panes.logs.extent.shown > 0 {
        model.panes.logs.mark = Some(model.panes.logs.here());
        model.tell("line marked; ' jumps to it, and back");
    }
    Vec::new()
}

pub(in crate::tui) fn wrap(model: &mut Model) -> Vec<Effect> {
    model.panes.logs.wrap = !model.panes.logs.wrap;
    model.panes.logs.column = 0;
    Vec::new()
}

pub(in crate::tui) fn time(model: &mut Model) -> Vec<Effect> {
    model.panes.logs.time = match model.panes.logs.time {
        TimeMode::Utc => TimeMode::Local,
        TimeMode::Local => TimeMode::Since,
        TimeMode::Since => TimeMode::Off,
        TimeMode::Off => TimeMode::Utc,
    };
    Vec::new()
}

/// Starts or ends a selection of lines.
pub(in crate::tui) fn select(model: &mut Model) -> Vec<Effect> {
    let here = model.panes.logs.here();
    let logs = &mut model.panes.logs;
    logs.selection = match logs.selection {
        None if logs.extent.shown > 0 => Some((here, here)),
        _ => None,
    };
    logs.bottom.get_or_insert(logs.extent.shown);
    window(model)
}

/// Jumps to the marked line, and marks the previous reading position instead.
pub(in crate::tui) fn to_mark(model: &mut Model) -> Vec<Effect> {
    let logs = &mut model.panes.logs;
    let Some(mark) = logs.mark.filter(|mark| *mark < logs.extent.shown) else {
        model.tell("no line is marked here; m marks one");
        return Vec::new();
    };
    logs.mark = Some(logs.here());
    logs.current = None;
    logs.bottom = Some(mark + 1).filter(|bottom| *bottom < logs.extent.shown);
    window(model)
}

/// Shows only the log of the current or failed step, or all of it again.
pub(in crate::tui) fn this_step(model: &mut Model) -> Vec<Effect> {
    let step = model.here().and_then(|e| e.run.as_ref()).and_then(|run| {
        let view = &run.view;
        let failed = view.failure.as_ref().map(|(step, ..)| step);
        view.state.step().or(failed).map(ToString::to_string)
    });
    if model.panes.logs.query.step.is_none() && step.is_none() {
        model.tell("no step is under way, and none failed");
        return Vec::new();
    }
    model.focus = Pane::Logs;
    let step = step.filter(|_| model.panes.logs.query.step.is_none());
    query(model, |query| query.step = step)
}

/// Shows only lines new since the last promoted run of the environment, or all lines again (N17).
pub(in crate::tui) fn news(model: &mut Model) -> Vec<Effect> {
    if model.panes.logs.query.news.is_some() {
        return query(model, |query| query.news = None);
    }
    let run = model.panes.logs.run;
    let this = model.panes.history.runs.iter().find(|view| Some(view.number) == run);
    let good = RunState::Ended { outcome: Outcome::Promoted };
    let before = this.and_then(|this| {
        model.panes.history.runs.iter().find(|view| {
            view.number < this.number
                && view.plan.environment == this.plan.environment
                && view.state == good
        })
    });
    let Some(before) = before.map(|view| view.number) else {
        model
            .tell("no release was promoted here before this run; there is nothing to compare with");
        return Vec::new();
    };
    query(model, |query| query.news = Some(before))
}

pub(in crate::tui) fn filter(model: &mut Model) -> Vec<Effect> {
    let search = model.panes.logs.query.search.clone();
    if model.panes.logs.query.filter.is_none() && search.is_none() {
        model.tell("search first with /, then & leaves only what matches");
        return Vec::new();
    }
    let on = model.panes.logs.query.filter.is_none();
    query(model, |query| query.filter = search.filter(|_| on))
}

/// Changes the filter. The pane then follows, because line numbers now refer to other lines.
fn query(model: &mut Model, change: impl FnOnce(&mut Query)) -> Vec<Effect> {
    let logs = &mut model.panes.logs;
    change(&mut logs.query);
    logs.asked += 1;
    (logs.bottom, logs.current, logs.selection, logs.mark) = (None, None, None, None);
    (logs.window, logs.finding) = ((0, Vec::new()), 0);
    logs.tail.clear();
    logs.extent.shown = 0;
    vec![Effect::Log(LogAsk::Query { asked: logs.asked, query: logs.query.clone() })]
}

/// Changes the search; the position stays.
fn look_for(model: &mut Model, search: Option<String>) -> Vec<Effect> {
    let logs = &mut model.panes.logs;
    if logs.query.search == search {
        return Vec::new();
    }
    logs.query.search = search;
    (logs.current, logs.finding) = (None, 0);
    logs.asked += 1;
    vec![Effect::Log(LogAsk::Query { asked: logs.asked, query: logs.query.clone() })]
}

fn find(model: &mut Model, mark: Mark, forward: bool) -> Vec<Effect> {
    if mark == Mark::Match && model.panes.logs.query.search.is_none() {
        model.tell("nothing is searched for; / begins");
        return Vec::new();
    }
    model.focus = Pane::Logs;
    let logs = &model.panes.logs;
    let read = logs.bottom.map(|bottom| bottom.saturating_sub(1));
    let from = logs.current.map(|(at, _)| at).or(read);
    // Keys may arrive faster than results: each jump continues from the previous one.
    let again = logs.finding > 0;
    let ask = LogAsk::Find { asked: logs.asked, mark, from, again, forward };
    model.panes.logs.finding += 1;
    vec![Effect::Log(ask)]
}

/// Shows the result of a jump, with some lines below it.
pub(in crate::tui) fn found(
    model: &mut Model,
    mark: Mark,
    at: Option<(usize, usize)>,
) -> Vec<Effect> {
    model.panes.logs.finding = model.panes.logs.finding.saturating_sub(1);
    let Some((line, nth)) = at else {
        model.tell(match mark {
            Mark::Match => "nothing matches",
            Mark::Error => "no line says that it is an error",
            Mark::Step => "no step began in the lines shown",
        });
        return Vec::new();
    };
    // The smallest Logs pane has three lines.
    let below = 2;
    let logs = &mut model.panes.logs;
    logs.current = Some((line, nth));
    logs.bottom = Some((line + below).min(logs.extent.shown).max(1));
    if logs.bottom == Some(logs.extent.shown) && logs.extent.shown > line + 1 {
        logs.bottom = Some(logs.extent.shown - 1);
    }
    window(model)
}

/// Fetches the lines around the reading position, if they are not loaded.
pub(in crate::tui) fn window(model: &Model) -> Vec<Effect> {
    let asked = model.panes.logs.asked;
    let missing = model.panes.logs.missing();
    missing.map(|from| Effect::Log(LogAsk::Window { asked, from })).into_iter().collect()
}

/// Handles a key in the search input. Matches are counted while the user types.
pub(in crate::tui) fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(mut input) = model.panes.logs.typing.take() else {
        return Vec::new();
    };
    let text = |input: &Input| Some(input.value().to_owned()).filter(|text| !text.is_empty());
    match key.code {
        Code::Esc => look_for(model, None),
        Code::Enter => {
            let mut effects = look_for(model, text(&input));
            if model.panes.logs.query.search.is_some() {
                effects.extend(find(model, Mark::Match, true));
            }
            effects
        }
        _ => {
            edit(&mut input, key);
            let search = text(&input);
            model.panes.logs.typing = Some(input);
            look_for(model, search)
        }
    }
}

/// Copies or saves log lines: `y`, `Y` and `s`.
pub(in crate::tui) fn take(model: &mut Model, what: Take) -> Vec<Effect> {
    let logs = &mut model.panes.logs;
    if logs.extent.shown == 0 {
        model.tell("there is no line to take");
        return Vec::new();
    }
    let here = logs.here();
    let (from, to) = match (what, logs.selection.take()) {
        (Take::Copy, Some((a, b))) => (a.min(b), a.max(b) + 1),
        (Take::Copy, None) => (here, here + 1),
        _ => (0, logs.extent.shown),
    };
    let what = if what == Take::Save { LogUse::Save } else { LogUse::Copy };
    vec![Effect::Log(LogAsk::Use { asked: logs.asked, from, to, what })]
}

/// Goes one level back: clears the selection, then the filter, then the search. `None` if there is nothing to clear.
pub(in crate::tui) fn back(model: &mut Model) -> Option<Vec<Effect>> {
    let logs = &mut model.panes.logs;
    if logs.selection.take().is_some() {
        return Some(Vec::new());
    }
    let search = logs.query.search.clone();
    if !logs.query.is_usual() && logs.query.level == LogLevel::default() {
        return Some(query(model, |query| *query = Query { search, ..Query::default() }));
    }
    logs.query.search.is_some().then(|| look_for(model, None))
}
