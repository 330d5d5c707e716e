//! Draws the Migrations pane: the versions of each database in order, its current version, which builds accept that
//! version, and what a rollback would do to it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::health::Verdict;
use crate::domain::migration::{Phase, Row, RowState, Undo};
use crate::domain::snapshot::DatabaseSnapshot;
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::panes::migrations::model::{databases, listed};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, framed, selected, styled, took, wrapped, write};

/// Minimum width to show migrations in columns.
const WIDE_COLUMNS: usize = 74;

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else { return };
    let places: Vec<_> = databases(here).iter().map(|d| d.place.as_str()).collect();
    let title = match places.as_slice() {
        [] => String::new(),
        // In a narrow pane, the title would cover the pane's name.
        _ if area.width < 50 => String::new(),
        [one] => format!(" {one} "),
        several => format!(" {} databases ", several.len()),
    };
    let inner = framed(model, theme, Pane::Migrations, title, area, buffer);
    if let Some(listing) = listing(model, theme, inner) {
        return listing.draw(theme, buffer);
    }
    let width = usize::from(inner.width);
    let look = Look { model, theme, here, width };
    write(&styled(theme, Role::Muted, look.empty(), width), inner, buffer);
}

/// The list of the migrations, with what is said of each database.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let here = model.here()?;
    let look = Look { model, theme, here, width: usize::from(inner.width) };
    (!databases(here).is_empty()).then(|| look.listing(inner))
}

struct Look<'a> {
    model: &'a Model,
    theme: &'a Theme,
    here: &'a Environment,
    width: usize,
}

impl Look<'_> {
    fn empty(&self) -> &'static str {
        match self.here.seen.as_ref().map(|(seen, _)| &seen.databases) {
            None | Some(None) => "Not read yet.",
            Some(Some(_)) => "No database configured. Add `databases:` to config.yaml.",
        }
    }

    fn wide(&self) -> bool {
        self.width >= WIDE_COLUMNS
    }

    fn listing(&self, inner: Rect) -> Listing {
        let mut listing = Listing::new(inner, 6);
        let (all, chosen) = (listed(self.here), self.model.chosen(Pane::Migrations));
        let shown = self.model.listed(Pane::Migrations);
        // The line between applied and pending versions has a place only among all of them, by version.
        let state = self.model.lists.of(Pane::Migrations);
        let in_order = state.order == 0 && shown.len() == all.len();
        for database in databases(self.here) {
            if listing.height() > 0 {
                listing.note([Line::raw("")]);
            }
            listing.note(self.head(database));
            let above = database.version.as_ref();
            let mut drawn = above.is_none() || !in_order;
            for at in shown.iter().copied().filter(|at| std::ptr::eq(all[*at].0, database)) {
                let row = all[at].1;
                if !drawn && above.is_some_and(|version| row.version > *version) {
                    drawn = true;
                    listing.note([self.mark_of(database)]);
                }
                let here = chosen == Some(at);
                listing.row(at, here, self.row(row, here));
            }
            if !drawn {
                listing.note([self.mark_of(database)]);
            }
            listing.note(self.tail(database));
        }
        listing
    }

    fn told(&self, role: Role, text: &str) -> Vec<Line<'static>> {
        styled(self.theme, role, text, self.width)
    }

    fn head(&self, database: &DatabaseSnapshot) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        if let Some(problem) = &database.unseen {
            let text = format!(" {}  unknown: {problem}", database.name);
            return self.told(Role::Unknown, &text);
        }
        let (version, role) = match &database.version {
            Some(version) => (version.to_string(), Role::Title),
            None => ("unreadable".to_owned(), Role::Failed),
        };
        let mut line = Line::from(vec![
            Span::raw(format!(" {}  schema ", database.name)),
            Span::styled(version, self.theme.style(role)),
        ]);
        for (who, range, fits) in &database.accepted {
            let (glyph, role) = match fits {
                true => (self.theme.pick("✓", "ok"), Role::Ok),
                false => (self.theme.pick("✗", "NO"), Role::Failed),
            };
            let more = format!("   {who} needs {range} {glyph}");
            if line.width() + more.chars().count() <= self.width {
                line.push_span(Span::styled(more, self.theme.style(role)));
            }
        }
        lines.push(line);
        let lock = match &database.lock {
            Some(lock) => (Role::Warning, format!(" lock: {lock}")),
            None => (Role::Muted, " lock: free".to_owned()),
        };
        if self.wide() || lock.0 == Role::Warning {
            lines.extend(self.told(lock.0, &lock.1));
        }
        lines
    }

    fn mark_of(&self, database: &DatabaseSnapshot) -> Line<'static> {
        let version = database.version.as_ref().map_or(String::new(), ToString::to_string);
        let rule = self.theme.pick("─", "-").repeat(6);
        let text = format!("   {rule} database is here ({version}) {rule}");
        Line::styled(cut(&text, self.width), self.theme.style(Role::Focus))
    }

    fn row(&self, row: &Row, here: bool) -> Vec<Line<'static>> {
        let here = here && self.model.focus == Pane::Migrations;
        let mark = self.theme.migration(&row.state);
        let cursor = if here { self.theme.pick("▶", ">") } else { " " };
        let mut spans = vec![
            Span::raw(format!(" {cursor} {:<8} ", row.version)),
            Span::styled(format!("{} {:<5}", mark.glyph, mark.word), self.theme.style(mark.role)),
        ];
        let file = row.file.as_ref();
        let phase = file.map_or("", |m| m.phase.label());
        let contract = file.is_some_and(|m| m.phase == Phase::Contract);
        if self.wide() {
            let undo = match file.map(|m| m.undo) {
                Some(Undo::Yes) => self.theme.pick("↕ yes", "undo yes"),
                Some(Undo::DataLoss) => self.theme.pick("↕ loses", "undo loses"),
                Some(Undo::No) => self.theme.pick("⇣ NO", "undo NO"),
                None => "",
            };
            let record = row.record.as_ref().filter(|_| row.state == RowState::Applied);
            let when = record.and_then(|r| Some((r.at.as_ref()?.get(..10)?, &r.by)));
            let when = when.map_or(String::new(), |(day, by)| format!("{day} {by}"));
            let spent = record.map_or(String::new(), |r| took(r.took_ms));
            let room = self.width.saturating_sub(64).max(12);
            let what = cut(row.description(), room);
            let rest = " ".repeat(room.saturating_sub(what.width()));
            spans.push(Span::raw(format!(" {what}{rest} ")));
            let role = if contract { Role::Warning } else { Role::Muted };
            spans.push(Span::styled(format!("{phase:<8} "), self.theme.style(role)));
            spans.push(Span::raw(format!("{undo:<10} {spent:>5} {}", cut(&when, 18))));
        } else {
            let room = self.width.saturating_sub(20);
            let kind = if contract { format!("{phase} ") } else { String::new() };
            spans.push(Span::raw(format!(
                " {}",
                cut(&format!("{kind}{}", row.description()), room)
            )));
        }
        let line = Line::from(spans);
        let line = if here { selected(line, self.theme.style(Role::Selection)) } else { line };
        let mut lines = vec![line];
        if here {
            lines.extend(self.detail(row));
        }
        lines
    }

    /// Details and problems of the selected migration.
    fn detail(&self, row: &Row) -> Vec<Line<'static>> {
        let mut texts = Vec::new();
        if let Some(file) = &row.file {
            let up = file.up.iter().map(ToString::to_string).collect::<Vec<_>>();
            texts.push((Role::Muted, up.join("; ")));
            if file.phase == Phase::Contract && row.state == RowState::Pending {
                let text = "old code stops working: a clean-up (K) applies it, or M by its version";
                texts.push((Role::Warning, text.to_owned()));
            }
        }
        if let RowState::Edited(difference) = &row.state {
            texts.push((Role::Failed, format!("edited since: {}", difference.replace('\n', "  "))));
        }
        if let Some(record) = row.record.as_ref().filter(|r| r.is_dirty()) {
            let half = &record.half;
            let (way, done, all) = (half.direction.label(), half.processed, half.total);
            texts.push((
                Role::Failed,
                format!("{way}, {done} of {all} documents are done, each once"),
            ));
            texts.extend(record.error.iter().map(|error| (Role::Failed, error.clone())));
        }
        let room = self.width.saturating_sub(6);
        let line = |(role, text): (Role, String)| {
            let style = self.theme.style(role);
            let lines = wrapped(&text, room).into_iter().take(4);
            lines.map(move |l| Line::styled(format!("      {l}"), style)).collect::<Vec<_>>()
        };
        texts.into_iter().flat_map(line).collect()
    }

    fn tail(&self, database: &DatabaseSnapshot) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        for problem in &database.obstacles {
            lines.extend(self.told(Role::Failed, &format!(" {problem}")));
        }
        for (verdict, said) in database.evidence() {
            let role = match verdict {
                Verdict::Pass => Role::Muted,
                Verdict::Fail => Role::Failed,
                Verdict::Inconclusive => Role::Unknown,
            };
            lines.extend(self.told(role, &format!(" {said}")));
        }
        if !database.rollback.is_empty() {
            let text = format!(" If you roll back now: {}", database.rollback);
            lines.extend(self.told(Role::Muted, &text));
        }
        lines
    }
}
