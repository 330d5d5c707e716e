//! Draws help, the palette, the messages, and the popup after a key prefix.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget as _};

use super::actions;
use super::field::typed;
use super::{ASCII_HEAVY, clock, first_shown, wrapped, write};
use crate::domain::describe;
use crate::domain::job_log::JobLine;
use crate::tui::keys::commands::{Command, row_of};
use crate::tui::model::messages::Level;
use crate::tui::model::overlay::{Finder, Found, Overlay, Sheet};
use crate::tui::model::{Model, POPUP_AFTER};
use crate::tui::panes::logs::view::pieces;
use crate::tui::panes::pipeline::model::JobLog;
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    match &model.overlay {
        Some(Overlay::Help(finder)) => help(model, finder, theme, area, buffer),
        Some(Overlay::Palette(finder)) => palette(model, finder, theme, area, buffer),
        Some(Overlay::Actions(list)) => actions::render(model, list, theme, area, buffer),
        Some(Overlay::Messages(finder, typing)) => {
            messages(model, (finder, *typing), theme, area, buffer);
        }
        Some(Overlay::Terminal) => terminal(model, theme, area, buffer),
        Some(Overlay::Sheet(which, from)) => sheet(model, *which, *from, theme, area, buffer),
        Some(Overlay::JobLog(log, from)) => job_log(log, *from, theme, area, buffer),
        None => popup(model, theme, area, buffer),
    }
}

/// Draws a framed box over the panes; returns the area inside.
pub(in crate::tui) fn boxed(title: &str, area: Rect, theme: &Theme, buffer: &mut Buffer) -> Rect {
    Clear.render(area, buffer);
    buffer.set_style(area, theme.style(Role::Dialog));
    let block = Block::new()
        .borders(Borders::ALL)
        .border_set(if theme.ascii { ASCII_HEAVY } else { border::DOUBLE })
        .border_style(theme.style(Role::BorderFocus))
        .title_top(Line::styled(format!(" {title} "), theme.style(Role::Focus)));
    let inner = block.inner(area);
    block.render(area, buffer);
    Rect { x: inner.x.saturating_add(1), width: inner.width.saturating_sub(2), ..inner }
}

pub(super) fn finder_line(name: &str, finder: &Finder, theme: &Theme) -> Line<'static> {
    let mut line = Line::from(Span::styled(format!("{name} "), theme.style(Role::Muted)));
    line.extend(typed(&finder.input, true, theme));
    line
}

/// Columns that the cursor and the keys take of a line.
const KEY_COLUMNS: usize = 15;
/// Width of what a key does in the help.
const DOES_COLUMNS: usize = 42;
/// Width of the longest command name.
const NAME_COLUMNS: usize = 20;

/// A command as a line: its keys, its description, and why it is unavailable. If there is no room for both,
/// the reason is shown, because it matters more.
pub(super) fn command_line(
    model: &Model,
    command: Command,
    selected: bool,
    theme: &Theme,
    width: u16,
) -> Line<'static> {
    let row = row_of(command);
    let (name, doc) = (row.name, row.doc);
    let told = match available(model, command).err() {
        None => format!("{name:<NAME_COLUMNS$} {doc}"),
        Some(why) => {
            let both = format!("{name:<NAME_COLUMNS$} {doc}   off: {why}");
            let fits = both.chars().count() + KEY_COLUMNS <= usize::from(width);
            if fits { both } else { format!("{name:<NAME_COLUMNS$} off: {why}") }
        }
    };
    keyed(model, command, told, selected, theme)
}

/// A row of the help: the keys, what they do, and why they are unavailable in a separate column. If both do not fit, it
/// shows the command's name instead of the description.
fn help_line(
    model: &Model,
    command: Command,
    selected: bool,
    theme: &Theme,
    width: u16,
) -> Line<'static> {
    let row = row_of(command);
    let room = usize::from(width).saturating_sub(KEY_COLUMNS);
    let told = match available(model, command).err() {
        None => row.doc.to_owned(),
        Some(why) => {
            let both = format!("{:<DOES_COLUMNS$} off: {why}", row.doc);
            if both.chars().count() <= room {
                both
            } else {
                format!("{:<NAME_COLUMNS$} off: {why}", row.name)
            }
        }
    };
    keyed(model, command, told, selected, theme)
}

/// A line with a command's keys and a text.
fn keyed(
    model: &Model,
    command: Command,
    told: String,
    selected: bool,
    theme: &Theme,
) -> Line<'static> {
    let keys = model.bindings.keys(command).join("  ");
    let off = available(model, command).is_err();
    let cursor = if selected { theme.pick("▶ ", "> ") } else { "  " };
    let role = match (off, selected) {
        (_, true) => Role::Selection,
        (true, false) => Role::KeyOff,
        (false, false) => Role::Text,
    };
    Line::from(vec![
        Span::raw(cursor),
        Span::styled(format!("{keys:<12} "), theme.style(Role::Key)),
        Span::styled(told, theme.style(role)),
    ])
}

fn help(model: &Model, finder: &Finder, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let rows = model.help_rows(finder.input.value());
    let area = area.centered(Constraint::Max(110), Constraint::Max(area.height));
    let title = format!("Help · {} keys · Esc closes, Enter runs", rows.len());
    let inner = boxed(&title, area, theme, buffer);
    let (mut lines, mut at, mut group) = (Vec::new(), 0, None);
    for (number, command) in rows.iter().enumerate() {
        let row = row_of(*command);
        let title = if model.of_this_pane(row) {
            format!("THIS PANE: {}", model.focus.title())
        } else {
            row.group.title().to_owned()
        };
        if group.as_ref() != Some(&title) {
            lines.push(Line::styled(title.clone(), theme.style(Role::Title)));
            group = Some(title);
        }
        let selected = number == finder.selected;
        if selected {
            at = lines.len();
        }
        lines.push(help_line(model, *command, selected, theme, inner.width));
    }
    let height = usize::from(inner.height).saturating_sub(2);
    let from = first_shown(at, 2, lines.len(), height);
    let mut shown = vec![finder_line("filter:", finder, theme), Line::raw("")];
    shown.extend(lines.into_iter().skip(from));
    write(&shown, inner, buffer);
}

fn palette(model: &Model, finder: &Finder, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let found = model.palette(finder.input.value());
    let height = area.height.min(20);
    let area = area.centered(Constraint::Max(96), Constraint::Length(height));
    let inner = boxed(&format!("Command · {} found", found.len()), area, theme, buffer);
    let mut lines = vec![finder_line(":", finder, theme), Line::raw("")];
    let room = usize::from(inner.height).saturating_sub(2).max(1);
    let from = finder.selected.saturating_sub(room - 1);
    for (at, found) in found.iter().enumerate().skip(from).take(room) {
        let selected = at == finder.selected;
        lines.push(match found {
            Found::Command(command) => command_line(model, *command, selected, theme, inner.width),
            Found::Panic => found_line(format!("{:<13}debug panic", ""), selected, theme),
            Found::CustomCommand(command) => {
                let told = format!("{:<13}run {}  {}", "", command.title(), command.argv.join(" "));
                found_line(told, selected, theme)
            }
            Found::Act(act, which) => {
                let name = model.environments.get(*which).map_or("", |e| e.name.as_str());
                let keys = model.bindings.keys(*act).first().cloned().unwrap_or_default();
                found_line(format!("{keys:<13}{} {name}…", row_of(*act).name), selected, theme)
            }
            Found::Theme(name) => found_line(format!("{:<13}theme {name}", ""), selected, theme),
            Found::Replay(run) => {
                found_line(format!("{:<13}replay {}", "", run.0), selected, theme)
            }
            Found::Environment(which) => {
                let name = model.environments.get(*which).map_or("", |e| e.name.as_str());
                found_line(format!("{:<13}environment {name}", ""), selected, theme)
            }
        });
    }
    if found.is_empty() {
        lines.push(Line::styled("nothing is called that", theme.style(Role::Muted)));
    }
    write(&lines, inner, buffer);
}

/// A palette entry that is not a command of the table.
fn found_line(text: String, selected: bool, theme: &Theme) -> Line<'static> {
    let role = if selected { Role::Selection } else { Role::Text };
    let cursor = if selected { theme.pick("▶ ", "> ") } else { "  " };
    Line::from(vec![Span::raw(cursor), Span::styled(text, theme.style(role))])
}

fn messages(
    model: &Model,
    (finder, typing): (&Finder, bool),
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let area = area.centered(Constraint::Max(120), Constraint::Max(area.height));
    let (found, all) = (model.found_messages(finder.input.value()), model.messages.all.len());
    let title = format!("Messages · {}", describe::counted(all, "message"));
    let inner = boxed(&title, area, theme, buffer);
    if all == 0 {
        return write(&[Line::raw("No messages yet.")], inner, buffer);
    }
    let width = usize::from(inner.width);
    let mut lines = Vec::new();
    if typing || found.len() < all {
        let mut line = Line::from(Span::styled("/", theme.style(Role::Key)));
        line.extend(typed(&finder.input, typing, theme));
        let count = format!("  {} of {all}", found.len());
        line.push_span(Span::styled(count, theme.style(Role::Muted)));
        lines.push(line);
    }
    let at = finder.selected;
    for (number, message) in found.into_iter().enumerate().skip(at.saturating_sub(3)) {
        let told = message.at.map_or(String::new(), clock);
        let (word, role) = level(message.level);
        let role = if number == at { Role::Selection } else { role };
        let text = format!("{told:<10} {word:<6} {}", message.text);
        let style = theme.style(role);
        lines.extend(wrapped(&text, width).into_iter().map(|text| Line::styled(text, style)));
    }
    write(&lines, inner, buffer);
}

/// Draws a sheet. Long lines are wrapped between words instead of cut off, because the user may have to type them; only
/// a word that is wider than the sheet is split.
fn sheet(model: &Model, which: Sheet, from: usize, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let text = model.sheet(which);
    let area = area.centered(Constraint::Max(140), Constraint::Max(area.height));
    let title = format!("{} · y copies, j k scroll, Esc closes", which.title());
    let inner = boxed(&title, area, theme, buffer);
    let width = usize::from(inner.width);
    let lines = text.lines().flat_map(|line| match line {
        "" => vec![String::new()],
        line => wrapped(line, width).iter().flat_map(|part| pieces(part, width)).collect(),
    });
    let lines: Vec<_> = lines.skip(from).map(Line::raw).collect();
    write(&lines, inner, buffer);
}

/// Draws the log of a job. A mark shows errors too, not only a colour.
fn job_log(log: &JobLog, from: usize, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let area = area.centered(Constraint::Max(160), Constraint::Max(area.height));
    let title = format!("{} · line {} of {}", log.job, from + 1, log.lines.len());
    let inner = boxed(&title, area, theme, buffer);
    let (mark, style) = (theme.pick("✗ ", "X "), theme.style(Role::LogError));
    let line = |line: &JobLine| {
        if line.error {
            return Line::styled(format!("{mark}{}", line.text), style);
        }
        Line::raw(format!("  {}", line.text))
    };
    let shown = log.lines.iter().skip(from).take(usize::from(inner.height));
    let lines: Vec<_> = shown.map(line).collect();
    write(&lines, inner, buffer);
}

/// Draws the abilities of this terminal, with tests that need the user.
fn terminal(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let rows = &model.terminal;
    let height = u16::try_from(rows.len() + 6).unwrap_or(u16::MAX).min(area.height);
    let area = area.centered(Constraint::Max(96), Constraint::Length(height));
    let inner = boxed("This terminal · Esc closes", area, theme, buffer);
    let width = usize::from(inner.width);
    let size = format!("{} columns, {} rows", model.size.0, model.size.1);
    let all = [("Size".to_owned(), size)];
    let mut lines = Vec::new();
    for (name, told) in all.iter().chain(rows) {
        for (at, text) in wrapped(told, width.saturating_sub(10)).into_iter().enumerate() {
            let name = if at == 0 { name.as_str() } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{name:<10}"), theme.style(Role::Muted)),
                Span::raw(text),
            ]));
        }
    }
    lines.push(Line::raw(""));
    lines.push(Line::raw(
        "c copies a line, to be pasted elsewhere   n calls, to be heard elsewhere",
    ));
    write(&lines, inner, buffer);
}

fn level(level: Level) -> (&'static str, Role) {
    match level {
        Level::Info => ("INFO", Role::Text),
        Level::Warning => ("WARN", Role::Warning),
        Level::Error => ("ERROR", Role::Failed),
    }
}

/// Draws the continuations of a key prefix. It stays open without a timeout.
fn popup(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some((prefix, since)) = &model.pending else { return };
    if model.elapsed.saturating_sub(*since) < POPUP_AFTER {
        return;
    }
    let after = model.bindings.after(prefix, model.focus);
    let height = u16::try_from(after.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let bottom = Rect { y: area.bottom().saturating_sub(height), height, ..area };
    let place = bottom.centered_horizontally(Constraint::Max(60));
    let inner = boxed(&format!("{prefix} … go to · Esc cancels"), place, theme, buffer);
    let lines: Vec<_> = after
        .into_iter()
        .map(|(key, command)| {
            let doc = row_of(command).doc;
            Line::from(vec![
                Span::styled(format!("{key:<4}"), theme.style(Role::Key)),
                Span::raw(doc),
            ])
        })
        .collect();
    write(&lines, inner, buffer);
}
