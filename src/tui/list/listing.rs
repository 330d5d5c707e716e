//! The lines of a list: which part of them is shown, which row a line belongs to, and the scrollbar.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::model::Model;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::field::typed;
use crate::tui::view::{first_shown, selected, write};

/// The lines of a list in its area.
#[derive(Debug, Clone, Default)]
pub(in crate::tui) struct Listing {
    pub(in crate::tui) area: Rect,
    /// The names of the columns, which do not scroll; a click on them sorts.
    pub(in crate::tui) header: Option<Line<'static>>,
    lines: Vec<Line<'static>>,
    /// The row of each line, as an index into the pane's own order.
    rows: Vec<Option<usize>>,
    /// The first line of the selected row.
    at: usize,
    /// Number of lines after it that should be visible with it.
    below: usize,
}

impl Listing {
    pub(in crate::tui) fn new(area: Rect, below: usize) -> Self {
        Self { area, below, ..Self::default() }
    }

    /// Adds lines that belong to no row: headings and notes.
    pub(in crate::tui) fn note(&mut self, lines: impl IntoIterator<Item = Line<'static>>) {
        self.lines.extend(lines);
        self.rows.resize(self.lines.len(), None);
    }

    /// Adds the lines of a row. The selected row is kept in view.
    pub(in crate::tui) fn row(
        &mut self,
        row: usize,
        here: bool,
        lines: impl IntoIterator<Item = Line<'static>>,
    ) {
        if here {
            self.at = self.lines.len();
        }
        self.lines.extend(lines);
        self.rows.resize(self.lines.len(), Some(row));
    }

    /// Number of lines, with the header.
    pub(in crate::tui) fn height(&self) -> usize {
        self.lines.len() + usize::from(self.header.is_some())
    }

    fn body(&self) -> Rect {
        let head = u16::from(self.header.is_some()).min(self.area.height);
        Rect { y: self.area.y + head, height: self.area.height - head, ..self.area }
    }

    fn from(&self) -> usize {
        let height = usize::from(self.body().height);
        first_shown(self.at, self.below, self.lines.len(), height)
    }

    /// What is at a row of the screen.
    pub(in crate::tui) fn hit(&self, y: u16) -> Hit {
        if self.header.is_some() && y == self.area.y {
            return Hit::Header;
        }
        let body = self.body();
        let inside = (body.y..body.bottom()).contains(&y);
        let line = usize::from(y.saturating_sub(body.y)) + self.from();
        let row = self.rows.get(line).copied().flatten().filter(|_| inside);
        row.map_or(Hit::Nothing, Hit::Row)
    }

    /// Draws the lines. If not all of them fit, a bar on the frame shows which part is shown.
    pub(in crate::tui) fn draw(&self, theme: &Theme, buffer: &mut Buffer) {
        if let Some(header) = &self.header {
            write(std::slice::from_ref(header), self.area, buffer);
        }
        let (body, from) = (self.body(), self.from());
        write(&self.lines[from..], body, buffer);
        bar(theme, body, (from, self.lines.len()), buffer);
    }
}

/// What a click on a list hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Hit {
    Header,
    Row(usize),
    Nothing,
}

/// Draws a scrollbar on the frame to the right of `area`; nothing if every line fits. The widget of ratatui draws a
/// track over the whole frame and rounds the thumb away in short lists.
pub(in crate::tui) fn bar(
    theme: &Theme,
    area: Rect,
    (from, lines): (usize, usize),
    buffer: &mut Buffer,
) {
    let room = usize::from(area.height);
    if lines <= room || room < 2 {
        return;
    }
    let length = (room * room / lines).max(1);
    let most = lines - room;
    let top = (from * (room - length) + most / 2) / most;
    for row in area.rows().skip(top).take(length) {
        if let Some(cell) = buffer.cell_mut((row.right(), row.y)) {
            cell.set_symbol(theme.pick("█", "@")).set_style(theme.style(Role::Muted));
        }
    }
}

/// A row's line, marked if the row is selected: in one style, with a cursor that needs no colour.
pub(in crate::tui) fn marked(
    model: &Model,
    theme: &Theme,
    pane: Pane,
    here: bool,
    line: Line<'static>,
) -> Line<'static> {
    match (here, model.focus == pane) {
        (true, true) => selected(line, theme.style(Role::Selection)),
        (true, false) => selected(line, theme.style(Role::SelectionUnfocused)),
        (false, _) => line,
    }
}

/// What the lower frame says about a list: its filter, how many rows pass it, and an order that is not its own.
pub(in crate::tui) fn footing(model: &Model, theme: &Theme, pane: Pane) -> Option<Line<'static>> {
    let state = model.lists.of(pane);
    let (filter, types) = (state.filter.value(), model.filters() && model.focus == pane);
    let order = pane.behaviour().orders().get(state.order).filter(|_| state.order > 0);
    let mut line = Line::default();
    if types || !filter.is_empty() {
        let all = pane.behaviour().rows(model).len();
        line.push_span(Span::raw(" /"));
        line.extend(typed(&state.filter, types, theme));
        line.push_span(Span::raw(match model.listed(pane).len() {
            0 => format!("  0 of {all}: nothing matches, Esc shows all "),
            found => format!("  {found} of {all} "),
        }));
    }
    line.extend(order.map(|order| Span::raw(format!(" by: {order} "))));
    let role = if types { Role::Focus } else { Role::Warning };
    (!line.spans.is_empty()).then(|| line.style(theme.style(role)))
}
