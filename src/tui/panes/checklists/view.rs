//! Draws the Checklists pane: the conditions for a build, for the switch and for
//! the end of a deploy, and how each was verified.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::checklist::{Item, ItemStatus, List, Tally};
use crate::domain::policy::Protection;
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::panes::checklists::model::{Row, count, rows, shown};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, framed, selected, styled, wrapped, write};

/// Minimum width to show the status text of an item beside it.
const WIDE_COLUMNS: usize = 74;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else { return };
    let rows = rows(here, model.now);
    let Tally { done, all, .. } = count(&rows, None);
    let title = if all == 0 { String::new() } else { format!(" {done}/{all} ") };
    let inner = framed(model, theme, Pane::Checklists, title, area, buffer);
    if let Some(listing) = listing(model, theme, inner) {
        return listing.draw(theme, buffer);
    }
    let width = usize::from(inner.width);
    let look = Look { model, theme, here, width };
    write(&styled(theme, Role::Muted, look.empty(), width), inner, buffer);
}

/// The list of the items, with the headings of the checklists.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let here = model.here()?;
    let rows = rows(here, model.now);
    let look = Look { model, theme, here, width: usize::from(inner.width) };
    (!rows.is_empty()).then(|| look.listing(&rows, inner))
}

struct Look<'a> {
    model: &'a Model,
    theme: &'a Theme,
    here: &'a Environment,
    width: usize,
}

impl Look<'_> {
    fn empty(&self) -> &'static str {
        match &self.here.run {
            None if !self.here.read => "Not read yet.",
            None => "No deploy yet. Press D.",
            Some(run) if run.view.plan.kind != crate::domain::plan::RunKind::Deploy => {
                "The last run was not a deploy: only deploys have checklists."
            }
            Some(_) => "No checklist configured. Add `checklists:` to config.yaml.",
        }
    }

    fn listing(&self, rows: &[Row<'_>], inner: Rect) -> Listing {
        let mut listing = Listing::new(inner, 4);
        let shown = shown(self.model, self.here);
        let chosen = self.model.chosen(Pane::Checklists);
        let (mut list, mut group) = (None, "");
        for at in self.model.listed(Pane::Checklists) {
            let (item, seen) = &shown[at];
            if list != Some(item.list) {
                list = Some(item.list);
                group = "";
                listing.note([self.heading(rows, item.list)]);
            }
            if item.group != group && self.width >= WIDE_COLUMNS {
                let style = self.theme.style(Role::Muted);
                listing.note([Line::styled(format!("  {}", item.group), style)]);
            }
            group = &item.group;
            let here = chosen == Some(at);
            let focused = here && self.model.focus == Pane::Checklists;
            listing.row(at, here, self.item(item, seen, focused));
        }
        if shown.is_empty() {
            let text = "nothing is open; o shows everything";
            listing.note([Line::styled(text, self.theme.style(Role::Muted))]);
        }
        listing
    }

    fn heading(&self, rows: &[Row<'_>], list: List) -> Line<'static> {
        let Tally { done, all, .. } = count(rows, Some(list));
        let run = self.here.run.as_ref().map(|run| &run.view);
        let advice = run.is_some_and(|view| view.plan.policy.protection == Protection::Open);
        let open = rows
            .iter()
            .filter(|(item, seen)| item.list == list && item.required && !seen.standing.settled());
        let (role, more) = match open.count() {
            0 => (Role::Ok, String::new()),
            _ if advice => (Role::Warning, "  advice here".to_owned()),
            open => (Role::Warning, format!("  {open} required")),
        };
        Line::from(vec![
            Span::styled(list.title(), self.theme.style(Role::Title)),
            // The items themselves show which were overridden.
            Span::styled(format!("  {done}/{all}{more}"), self.theme.style(role)),
        ])
    }

    fn item(&self, item: &Item, seen: &ItemStatus, here: bool) -> Vec<Line<'static>> {
        let mark = self.theme.item(seen.standing);
        let kind = match (&item.source, item.required) {
            (Some(_), true) => "auto req",
            (Some(_), false) => "auto",
            (None, true) => "req",
            (None, false) => "opt",
        };
        let cursor = if here { self.theme.pick("▶", ">") } else { " " };
        let wide = self.width >= WIDE_COLUMNS;
        let text = if wide {
            format!(" {:<32} {kind:<8} ", cut(&item.text, 32))
        } else {
            let kind = if item.required { " req" } else { "" };
            let room = self.width.saturating_sub(5 + kind.len());
            format!(" {}{kind}", cut(&item.text, room))
        };
        let mut line = Line::from(vec![
            Span::raw(format!(" {cursor} ")),
            Span::styled(mark.glyph, self.theme.style(mark.role)),
            Span::raw(text),
        ]);
        if wide {
            let room = self.width.saturating_sub(line.width());
            let said = said(seen, mark.word);
            line.push_span(Span::styled(cut(&said, room), self.theme.style(Role::Muted)));
        }
        let line = if here { selected(line, self.theme.style(Role::Selection)) } else { line };
        let mut lines = vec![line];
        // The full text of the selected item.
        if here {
            let room = self.width.saturating_sub(6);
            let told = said(seen, mark.word);
            if !wide || told.chars().count() > self.width.saturating_sub(48) {
                let more = wrapped(&told, room).into_iter().take(4);
                let style = self.theme.style(Role::Muted);
                lines.extend(more.map(|text| Line::styled(format!("      {text}"), style)));
            }
        }
        lines
    }
}

fn said(seen: &ItemStatus, word: &str) -> String {
    word.to_lowercase() + &seen.because()
}
