//! What is drawn at a position of the screen, for clicks.

use ratatui::layout::{Margin, Position, Rect};

use super::{footer, layout, places, strip, top};
use crate::tui::list::listing::Hit;
use crate::tui::model::Model;
use crate::tui::model::arrangement::Border;
use crate::tui::panes::Pane;
use crate::tui::theme::Theme;

/// What a click means at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Pane(Pane),
    /// A row of a pane's list, by its key.
    Row(Pane, String),
    /// The names of the columns of a pane's list.
    Header(Pane),
    /// A key of the key line or of the verdict strip.
    Key(String),
    /// The border between two columns of panes.
    Border(Border),
}

/// What is drawn at a position. The theme decides how wide a tab is: its marks differ in ASCII.
pub fn target_at(model: &Model, theme: &Theme, x: u16, y: u16) -> Option<Target> {
    if model.too_small() {
        return None;
    }
    let [first, verdict, tabs, _, _, keys] =
        layout::rows(Rect::new(0, 0, model.size.0, model.size.1));
    match y {
        y if y == first.y => {
            let name = top::environment_at(model, theme, first.width, x)?;
            Some(Target::Row(Pane::Environments, name))
        }
        y if (verdict.y..verdict.bottom()).contains(&y) => {
            strip::key_at(model, verdict, x, y).map(Target::Key)
        }
        y if y == keys.y => footer::key_at(model, x).map(Target::Key),
        y if tabs.height > 0 && y == tabs.y => footer::tab_at(model, theme, x).map(Target::Pane),
        _ => border_at(model, x, y).map(Target::Border).or_else(|| in_pane(model, theme, x, y)),
    }
}

fn in_pane(model: &Model, theme: &Theme, x: u16, y: u16) -> Option<Target> {
    let pane = pane_at(model, x, y)?;
    let (_, area) = places(model).into_iter().find(|(of, _)| *of == pane)?;
    let listing = pane.behaviour().listing(model, theme, area.inner(Margin::new(1, 1)));
    Some(match listing.map(|listing| listing.hit(y)) {
        Some(Hit::Header) => Target::Header(pane),
        Some(Hit::Row(at)) => Target::Row(pane, pane.behaviour().rows(model).get(at)?.key.clone()),
        _ => Target::Pane(pane),
    })
}

/// The pane that is drawn at a position.
pub fn pane_at(model: &Model, x: u16, y: u16) -> Option<Pane> {
    let place = Position { x, y };
    let found = places(model).into_iter().find(|(_, area)| area.contains(place));
    found.filter(|_| !model.too_small()).map(|(pane, _)| pane)
}

/// The border at a position that can be moved: that of the left or of the right column of panes. Both frames that meet
/// there belong to it.
fn border_at(model: &Model, x: u16, y: u16) -> Option<Border> {
    let places = places(model);
    let (_, here) = places.iter().find(|(_, area)| area.contains(Position { x, y }))?;
    let mut lefts: Vec<u16> = places.iter().map(|(_, area)| area.x).collect();
    lefts.sort_unstable();
    lefts.dedup();
    let meets = |left: &u16| x == *left || x + 1 == *left;
    let at = lefts.iter().skip(1).position(meets)?;
    // The title of a folded pane has no frame.
    let framed = here.height > 1;
    match at {
        0 => Some(Border::Left).filter(|_| framed),
        at if at + 2 == lefts.len() => Some(Border::Right).filter(|_| framed),
        _ => None,
    }
}
