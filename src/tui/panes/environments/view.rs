//! Draws the Environments pane: live releases, as last read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::custom_command::{CustomCommandRun, CustomCommandState};
use crate::domain::verdict::{Live, LiveService};
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{framed, wrapped};

/// Lines of the selected environment that stay visible with it.
const LINES_BELOW: usize = 6;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let count = format!(" {} ", model.environments.len());
    let inner = framed(model, theme, Pane::Environments, count, area, buffer);
    listing(model, theme, inner).draw(theme, buffer);
}

/// The list of the environments.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Listing {
    let mut listing = Listing::new(inner, LINES_BELOW);
    for at in model.listed(Pane::Environments) {
        let (environment, here) = (&model.environments[at], at == model.selected);
        listing.row(at, here, of(model, theme, environment, here, usize::from(inner.width)));
    }
    listing
}

fn of(
    model: &Model,
    theme: &Theme,
    environment: &Environment,
    selected: bool,
    width: usize,
) -> Vec<Line<'static>> {
    let cursor = if selected { theme.pick("▶", ">") } else { " " };
    let role = match (selected, model.focus == Pane::Environments) {
        (true, true) => Role::Selection,
        (true, false) => Role::Focus,
        _ => Role::Text,
    };
    let stale = environment.stale(model.elapsed);
    let age = stale.map_or(String::new(), |age| format!("  STALE {} s", model.seconds(age)));
    let mut lines =
        vec![Line::styled(format!("{cursor}{}{age}", environment.name), theme.style(role))];
    match model.evidence(environment).live() {
        Live::NotRead => {
            lines.push(Line::styled("   not read yet".to_owned(), theme.style(Role::Muted)));
        }
        Live::Unknown(why) => {
            lines.push(Line::styled(format!("   {why}"), theme.style(Role::Unknown)));
        }
        Live::Services(all) => {
            let widths = widths(&all);
            lines.extend(all.iter().map(|of| service(theme, of, widths)));
        }
    }
    for drift in environment.drift() {
        let text = format!("   {} drift: {drift}", theme.pick("▲", "[!]"));
        let odd = theme.style(Role::Warning);
        lines.extend(wrapped(&text, width).into_iter().map(|text| Line::styled(text, odd)));
    }
    lines.extend(held(environment, theme, width));
    if let Some(lint) = environment.seen.as_ref().and_then(|(seen, _)| seen.lint.as_ref()) {
        let text = format!("   lint: {lint}, Enter explains");
        lines.push(Line::styled(text, theme.style(Role::Warning)));
    }
    let going = |run: &&CustomCommandRun| {
        run.environment == environment.name && run.state == CustomCommandState::Running
    };
    for run in model.custom_command_runs.iter().filter(going) {
        let text = format!("   {} runs (run {}), C stops it", run.title(), run.id);
        lines.push(Line::styled(text, theme.style(Role::Running)));
    }
    if let Some(lock) = &environment.lock {
        lines.push(Line::styled(format!("   locked: {lock}"), theme.style(Role::Warning)));
    }
    if let Some(told) = model.now.and_then(|now| environment.frozen(now)) {
        let lines_of = wrapped(&format!("   frozen: {told}"), width);
        let odd = theme.style(Role::Warning);
        lines.extend(lines_of.into_iter().map(|text| Line::styled(text, odd)));
    }
    if let Some(run) = environment.under_way() {
        let mark = theme.run(&run.view, run.runner.is_some());
        lines.push(Line::from(vec![
            Span::raw(format!("   {} {} ", theme.pick("↳", "->"), run.view.number)),
            Span::styled(format!("{} {}", mark.glyph, mark.word), theme.style(mark.role)),
        ]));
    }
    lines
}

fn held(environment: &Environment, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let held = environment.held();
    if held.is_empty() {
        return Vec::new();
    }
    let mark = theme.pick("▲", "[!]");
    let text = format!("   {mark} automatic rollouts DISABLED: {}", held.join(", "));
    let odd = theme.style(Role::Warning);
    wrapped(&text, width).into_iter().map(|text| Line::styled(text, odd)).collect()
}

fn service(theme: &Theme, of: &LiveService, widths: (usize, usize)) -> Line<'static> {
    let mark = of.health.map_or_else(|| theme.no_build(), |state| theme.state(state));
    let (service, name) = widths;
    Line::from(vec![
        Span::raw(format!("   {:<service$} {:<name$} ", of.service.to_string(), of.name)),
        Span::styled(format!("{} {}", mark.glyph, mark.word), theme.style(mark.role)),
    ])
}

/// The widths of the columns: names are never cut.
fn widths(all: &[LiveService]) -> (usize, usize) {
    let widest = |of: &dyn Fn(&LiveService) -> usize| all.iter().map(of).max().unwrap_or(0);
    (widest(&|of| of.service.as_str().len()).max(10), widest(&|of| of.name.width()).max(12))
}
