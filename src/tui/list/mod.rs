//! One list for every pane that has rows: a filter that narrows it in place, orders, a selection by key, and the place
//! that Esc restores. A pane says which rows it has (`PaneBehaviour::rows`) and how they look
//! (`PaneBehaviour::listing`); everything else is here.

pub(in crate::tui) mod listing;
pub(in crate::tui) mod update;

use ratatui::layout::Rect;
use tui_input::Input;

use self::listing::Listing;
use super::model::Model;
use super::panes::Pane;
use super::theme::Theme;

/// A row of a list, apart from how it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What identifies it while rows come and go.
    pub key: String,
    /// The text that a filter searches.
    pub text: String,
    /// Its place in each order of the list after the first, which is the pane's own.
    pub ranks: Vec<Rank>,
}

/// What a pane says of its list.
pub(in crate::tui) struct List {
    /// The rows, in their own order.
    pub(in crate::tui) rows: fn(&Model) -> Vec<Row>,
    /// The names of its orders, its own first.
    pub(in crate::tui) orders: &'static [&'static str],
    /// The list as it is drawn inside the frame of the pane; `None` if it shows none.
    pub(in crate::tui) listing: fn(&Model, &Theme, Rect) -> Option<Listing>,
    /// The selected row in full; `None` if there is none, or if the pane opens it in its own way.
    pub(in crate::tui) whole: fn(&Model) -> Option<String>,
}

/// A value to sort by; smaller ones come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Number(u64),
    Text(String),
}

impl Rank {
    /// Ranks larger numbers first.
    pub fn descending(number: u64) -> Self {
        Self::Number(u64::MAX - number)
    }
}

/// The filter, the order and the selection of one list.
#[derive(Debug, Clone, Default)]
pub struct ListState {
    /// Words that a row must contain.
    pub filter: Input,
    /// Index into the orders of the list.
    pub order: usize,
    /// The key of the selected row; `None`: the first row.
    pub selected: Option<String>,
    /// The selection before the filter was opened, which Esc restores.
    before: Option<String>,
}

/// The lists of all panes.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    states: [ListState; Pane::ALL.len()],
    /// The pane whose filter is being typed.
    typing: Option<Pane>,
}

impl Lists {
    pub fn of(&self, pane: Pane) -> &ListState {
        &self.states[pane as usize]
    }

    pub fn of_mut(&mut self, pane: Pane) -> &mut ListState {
        &mut self.states[pane as usize]
    }

    /// The filter that is being typed, if it is that of `focus`.
    pub fn typed_in(&mut self, focus: Pane) -> Option<&mut Input> {
        let pane = self.typing.filter(|pane| *pane == focus)?;
        Some(&mut self.of_mut(pane).filter)
    }
}

/// Whether a text passes a filter: it contains every word of it, in upper or lower case.
pub fn passes(filter: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

impl ListState {
    /// The indices of the rows that pass the filter, in the chosen order.
    fn shown(&self, rows: &[Row]) -> Vec<usize> {
        let passing =
            rows.iter().enumerate().filter(|(_, row)| passes(self.filter.value(), &row.text));
        let mut shown: Vec<usize> = passing.map(|(at, _)| at).collect();
        if let Some(order) = self.order.checked_sub(1) {
            shown.sort_by(|a, b| rows[*a].ranks.get(order).cmp(&rows[*b].ranks.get(order)));
        }
        shown
    }
}

impl Model {
    /// Whether the filter of the focused list is being typed.
    pub fn filters(&self) -> bool {
        self.lists.typing == Some(self.focus)
    }

    /// The rows of a pane's list that are shown, as indices into its own order.
    pub fn listed(&self, pane: Pane) -> Vec<usize> {
        self.lists.of(pane).shown(&pane.behaviour().rows(self))
    }

    /// The selected row of a pane's list, as an index into its own order. If the selected row is not shown, it is the
    /// first one that is: never a hidden row.
    pub fn chosen(&self, pane: Pane) -> Option<usize> {
        let rows = pane.behaviour().rows(self);
        let shown = self.lists.of(pane).shown(&rows);
        let key = pane.behaviour().selected(self);
        let found = key.and_then(|key| shown.iter().find(|at| rows[**at].key == key));
        found.or(shown.first()).copied()
    }
}
