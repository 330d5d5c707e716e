//! Draws the dialog on top of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget as _};

use super::field::field;
use super::rollback;
use super::traffic::{Versions, on_side};
use super::{ASCII_HEAVY, ASCII_PLAIN, styled, wrapped, write};
use crate::domain::code::Code;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::policy::Protection;
use crate::domain::view::RunView;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Confirm, Field, Kind, Phase, Picked, Picker, Purpose};
use crate::tui::theme::{Role, Theme};

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(dialog) = &model.dialog else {
        return;
    };
    let width = area.width.saturating_sub(4).min(84);
    let inside = usize::from(width.saturating_sub(4));
    let (title, lines, heavy) = match &dialog.kind {
        Kind::Pick(picker) => {
            (pick_title(picker), pick(model, picker, theme, inside, area.height.into()), false)
        }
        Kind::Confirm(asked) => (
            format!("{} · {}", asked.environment.as_str().to_uppercase(), asked.title),
            fitted(
                confirm(model, asked, theme, inside),
                answer(asked, theme, inside),
                usize::from(area.height.saturating_sub(2)),
                theme,
            ),
            asked.tier == Protection::Typed,
        ),
        Kind::Tell(told) => {
            ("That could not be done".to_owned(), problem(told, theme, inside), false)
        }
        Kind::Quit => ("A run is under way · quit?".to_owned(), quit(model, theme, inside), false),
    };
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let area = area.centered(Constraint::Length(width), Constraint::Length(height));
    Clear.render(area, buffer);
    buffer.set_style(area, theme.style(Role::Dialog));
    let set = match (theme.ascii, heavy) {
        (true, true) => ASCII_HEAVY,
        (true, false) => ASCII_PLAIN,
        (false, true) => border::DOUBLE,
        (false, false) => border::PLAIN,
    };
    let style = theme.style(if heavy { Role::Danger } else { Role::Focus });
    let block = Block::new()
        .borders(Borders::ALL)
        .border_set(set)
        .border_style(style)
        .title_top(Line::styled(format!(" {title} "), style));
    let mut inner = block.inner(area);
    block.render(area, buffer);
    inner.x += 1;
    inner.width = inner.width.saturating_sub(2);
    write(&lines, inner, buffer);
}

/// The question and the answer, cut to `rows`. The answer is never cut: an input that is not drawn could still be
/// typed into.
fn fitted(
    mut asked: Vec<Line<'static>>,
    answer: Vec<Line<'static>>,
    rows: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let room = rows.saturating_sub(answer.len());
    if asked.len() > room {
        let hidden = asked.len() + 1 - room.max(1);
        asked.truncate(room.saturating_sub(1));
        let mark = theme.pick("▸", ">");
        let text = format!("{mark} {hidden} more lines: make the window larger to read them");
        asked.push(Line::styled(text, theme.style(Role::Warning)));
    }
    asked.into_iter().chain(answer).collect()
}

fn plain(text: &str, width: usize) -> Vec<Line<'static>> {
    wrapped(text, width).into_iter().map(Line::raw).collect()
}

/// The lines of a problem: what happened, why, and what to do now.
fn problem(told: &Problem, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = styled(theme, Role::Failed, &told.what, width);
    for (word, text) in [("why", &told.why), ("now", &told.todo)] {
        if !text.is_empty() {
            lines.extend(plain(&format!("{word}: {text}"), width));
        }
    }
    lines
}

fn pick_title(picker: &Picker) -> String {
    let what = match picker.purpose {
        Purpose::Deploy => "Deploy which release?",
        Purpose::Rollback => "Roll back to which release?",
        Purpose::RollbackSchema => "Roll back · the database",
        Purpose::Cleanup => "Clean up BLUE",
        Purpose::Migrate => "Apply migrations up to…",
        Purpose::Undo => "Undo migrations down to…",
        Purpose::Skip => "Skip the failed step",
        Purpose::Note => "Tick, with a note",
        Purpose::Override => "Override an item",
        Purpose::Mute => "Mute for a while",
    };
    format!("{} · {what}", picker.environment.as_str().to_uppercase())
}

/// Maximum number of items shown.
const ITEMS_SHOWN: usize = 9;
/// Maximum number of commits shown of the selected release.
const COMMITS_SHOWN: usize = 4;
/// Rows that must stay visible in the dialog: two fields, a sentence and the frame.
const LINES_BELOW: usize = 7;

fn pick(
    model: &Model,
    picker: &Picker,
    theme: &Theme,
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some((_, text)) = &picker.about {
        lines.push(Line::styled(text.clone(), theme.style(Role::Title)));
        lines.push(Line::raw(""));
    }
    lines.extend(rows(picker, theme));
    let room = height.saturating_sub(lines.len() + LINES_BELOW);
    lines.extend(changes(picker, theme, width).into_iter().take(room));
    if picker.purpose == Purpose::Rollback {
        lines.extend(rollback::about(model, picker, theme, width).into_iter().take(room));
    }
    if matches!(picker.purpose, Purpose::Deploy | Purpose::Rollback) {
        lines.push(field("type a release", &picker.other, picker.field == Field::Other, theme));
    }
    let reason = match picker.purpose {
        Purpose::Skip | Purpose::Override | Purpose::Mute => "reason",
        Purpose::Note => "note",
        _ => "reason (optional)",
    };
    lines.extend(guards(picker, theme, width));
    lines.push(field(reason, &picker.reason, picker.field == Field::Reason, theme));
    lines.push(Line::raw(""));
    match (&picker.problem, picker.waits) {
        (Some(told), _) => lines.extend(problem(&for_this_box(told), theme, width)),
        (None, Some(waits)) => {
            lines.push(Line::styled(format!("{waits}…"), theme.style(Role::Running)));
        }
        (None, None) => {
            let text = match picker.purpose {
                Purpose::Note | Purpose::Override | Purpose::Mute => {
                    "Kept with your name and the time."
                }
                _ => "You will confirm on the next screen.",
            };
            lines.push(Line::styled(text, theme.style(Role::Muted)));
        }
    }
    lines
}

/// The rows of the list around the selected one, and how many there are.
fn rows(picker: &Picker, theme: &Theme) -> Vec<Line<'static>> {
    let rows = picker.choices();
    let place = rows.iter().position(|row| *row == picker.choice()).unwrap_or(0);
    let from = place.saturating_sub(ITEMS_SHOWN - 1);
    let line = |row: &Picked| {
        let (value, note) = match row {
            Picked::Item(at) => (picker.items[*at].value.as_str(), picker.items[*at].note.clone()),
            Picked::Typed => (picker.typed(), not_offered(picker)),
        };
        let selected = *row == picker.choice();
        let cursor = if selected { theme.pick("▶ ", "> ") } else { "  " };
        let role = match (selected, picker.field) {
            (true, Field::List | Field::Other) => Role::Selection,
            (true, _) => Role::Focus,
            _ => Role::Text,
        };
        Line::from(vec![
            Span::styled(format!("{cursor}{value:<24}"), theme.style(role)),
            Span::styled(format!(" {note}"), theme.style(Role::Muted)),
        ])
    };
    let mut lines: Vec<_> = rows.iter().skip(from).take(ITEMS_SHOWN).map(line).collect();
    let all = picker.items.len();
    let found = rows.iter().filter(|row| **row != Picked::Typed).count();
    let count = if found < all {
        format!("  {found} of {all} contain it")
    } else if all > ITEMS_SHOWN {
        format!("  {all} in all")
    } else {
        return lines;
    };
    lines.push(Line::styled(count, theme.style(Role::Muted)));
    lines
}

/// What a typed release is beside the offered ones.
fn not_offered(picker: &Picker) -> String {
    match picker.items.len() {
        0 => "as typed".to_owned(),
        1 => "as typed, not the one release offered".to_owned(),
        all => format!("as typed, not among the {all} releases offered"),
    }
}

/// A problem as it reads where the reason has a field: the option of the command line does not exist here.
fn for_this_box(told: &Problem) -> Problem {
    if told.code != Some(Code::REASON_NEEDED) {
        return told.clone();
    }
    told.clone().try_this("Tab to the reason, type it, Enter")
}

/// The guards that refuse the intent, each with a check box to override it.
fn guards(picker: &Picker, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    if picker.guards.is_empty() {
        return Vec::new();
    }
    let mut lines = styled(
        theme,
        Role::Warning,
        "Guards refuse this. Space overrides one; the reason below is required.",
        width,
    );
    for (at, (met, accepted)) in picker.guards.iter().enumerate() {
        let here = picker.field == Field::Guards && at == picker.guard;
        let cursor = if here { theme.pick("▶ ", "> ") } else { "  " };
        let mark = if *accepted { "[x]" } else { "[ ]" };
        let text = format!("{cursor}{mark} {}: {}", met.guard, met.problem.sentence());
        let role = if here { Role::Selection } else { Role::Text };
        lines.extend(styled(theme, role, &text, width));
    }
    lines
}

/// The release's commits, newest first, compared with the live release.
fn changes(picker: &Picker, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let (Some((to, changes)), Some(live)) = (&picker.changes, &picker.live) else {
        return Vec::new();
    };
    if Some(to.as_str()) != picker.value() {
        return Vec::new();
    }
    let changes = match changes {
        Ok(changes) => changes,
        Err(problem) => {
            let text = format!("new commits unknown: {}", problem.what);
            return styled(theme, Role::Muted, &text, width);
        }
    };
    let role = if changes.left == 0 { Role::Text } else { Role::Warning };
    let mut lines = vec![Line::raw("")];
    lines.extend(styled(theme, role, &format!("  {}", changes.sentence(live.as_str())), width));
    lines.extend(changes.latest.iter().take(COMMITS_SHOWN).map(|commit| {
        let text = format!("  {:<9} {} · {}", commit.id, commit.subject, commit.author);
        Line::styled(text, theme.style(Role::Muted))
    }));
    if changes.added > COMMITS_SHOWN {
        let more = format!("  … and {} before them", changes.added - COMMITS_SHOWN);
        lines.push(Line::styled(more, theme.style(Role::Muted)));
    }
    lines.push(Line::raw(""));
    lines
}

fn confirm(model: &Model, asked: &Confirm, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let here = model.environments.iter().find(|e| e.name == asked.environment);
    if let Some((_, after)) = asked.action.moves() {
        // Show the traffic as last read, not the expected result of the action.
        let view = here.and_then(|here| here.run.as_ref()).map(|run| &run.view);
        let blue = view.and_then(RunView::blue_name).map(|name| name.to_string());
        let green = view.and_then(|view| view.plan.name()).map(|name| name.to_string());
        let (blue, green) = (blue.unwrap_or_default(), green.unwrap_or_default());
        let versions = Versions { blue: &blue, green: &green };
        let bar = |name, side| on_side(name, versions, side, theme, ("after".len(), width));
        lines.push(if let Some(now) = view.and_then(RunView::side) {
            bar("now", now)
        } else {
            let live = here.map(|here| model.evidence(here).live().sentence());
            Line::raw(format!(" now   live: {}", live.unwrap_or_default()))
        });
        lines.extend([bar("after", after), Line::raw("")]);
    }
    lines.extend(asked.lines.iter().flat_map(|line| plain(line, width)));
    if let Some((seen, at)) = here.and_then(|here| here.seen.as_ref()) {
        let age = model.seconds(model.elapsed.saturating_sub(*at));
        let text = match &seen.unseen {
            Some(problem) => format!("Could not look {age} s ago: {}", problem.what),
            None => format!("Traffic checked {age} s ago"),
        };
        lines.push(Line::styled(text, theme.style(Role::Muted)));
    }
    lines.push(Line::raw(""));
    lines
}

/// The answer of a confirmation. It stays visible in a window of any size.
fn answer(asked: &Confirm, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    match &asked.phase {
        Phase::Works => lines.push(Line::styled("working…", theme.style(Role::Running))),
        Phase::Blocked(now) => {
            lines.extend(styled(theme, Role::Failed, "CHANGED while this was open", width));
            lines.extend(plain(now, width));
            lines.extend(plain("Something changed. Close this box and try again.", width));
        }
        Phase::Asks if asked.tier == Protection::Typed => {
            let (name, typed) = (asked.label(), asked.input.value());
            lines.extend(plain(&format!("Type {name} to continue:"), width));
            lines.push(field("", &asked.input, true, theme));
            let (hint, role) = match &asked.hint {
                Some(hint) => (hint.clone(), Role::InputBad),
                None if typed == name => ("matches; Enter continues".to_owned(), Role::InputOk),
                None => (
                    format!(
                        "{} letters to go · paste is off here · Enter works when it matches",
                        name.chars().count().saturating_sub(typed.chars().count())
                    ),
                    Role::Muted,
                ),
            };
            lines.push(Line::styled(hint, theme.style(role)));
        }
        Phase::Asks => {
            lines.push(Line::from(vec![
                Span::styled(" n  No ", theme.style(Role::Selection)),
                Span::raw("     y  Yes"),
            ]));
            if let Some(hint) = &asked.hint {
                lines.push(Line::styled(hint.clone(), theme.style(Role::Muted)));
            }
        }
    }
    lines
}

fn quit(model: &Model, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for run in model.environments.iter().filter_map(|e| e.driven()) {
        let view = &run.view;
        let process = run.runner.map_or(String::new(), |pid| {
            format!(", in {}", describe::process(pid, run.host.as_deref()))
        });
        let text = format!(
            "Run {} on {} is {}{process}.",
            view.number,
            view.plan.environment,
            view.state.sentence()
        );
        lines.extend(plain(&text, width));
    }
    lines.extend(plain(
        "It does not need this screen, and continues to its next gate without it.",
        width,
    ));
    lines.push(Line::raw(""));
    lines.push(Line::styled(" s  Stay ", theme.style(Role::Selection)));
    lines.extend(plain(
        " d  Disconnect: the run continues to its next gate; start pointsman to come back",
        width,
    ));
    lines
}
