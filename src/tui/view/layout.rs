//! Where each pane is drawn (`docs/internals/screen.md`, Layout). Columns have a share of the width, panes without
//! content fold to their title, and a preset decides which pane has the most room.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

use crate::tui::model::Model;
use crate::tui::model::arrangement::Preset;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};

/// Minimum width for a column of logs.
const WITH_LOG_COLUMN: u16 = 200;
/// Minimum width of the middle column.
const LEAST_MIDDLE: u16 = 50;

/// The rows of the screen: the environments, the verdict strip, tabs on small windows, the panes, the message lane, the
/// keys.
pub(super) fn rows(area: Rect) -> [Rect; 6] {
    let tabs = u16::from(!three_fit(area));
    area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Length(tabs),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ]))
}

fn two_fit(whole: Rect) -> bool {
    whole.width >= 100 && whole.height >= 28
}

/// Whether every pane has a place. Otherwise tabs name the others, with what needs a look in them.
fn three_fit(whole: Rect) -> bool {
    whole.width >= 150 && whole.height >= 40
}

/// The position of each pane.
pub(super) fn panes(model: &Model, area: Rect) -> Vec<(Pane, Rect)> {
    let whole = Rect::new(0, 0, model.size.0, model.size.1);
    if model.zoom || area.height < 17 {
        return vec![(model.focus, area)];
    }
    if !two_fit(whole) {
        return one_pane(model, area);
    }
    let mut places =
        if three_fit(whole) { three_columns(model, area) } else { two_columns(model, area) };
    // A focused pane without a place takes that of Health.
    if !places.iter().any(|(pane, _)| *pane == model.focus) {
        let given = |pane| {
            [Pane::Health, Pane::Deploy].contains(&pane) && pane != model.arrangement.preset.main()
        };
        if let Some((pane, _)) = places.iter_mut().find(|(pane, _)| given(*pane)) {
            *pane = model.focus;
        }
    }
    places
}

/// The focused pane, and the last lines of the log.
fn one_pane(model: &Model, area: Rect) -> Vec<(Pane, Rect)> {
    let [main, strip] = area.layout(&Layout::vertical([Constraint::Min(5), Constraint::Length(5)]));
    match model.focus {
        Pane::Logs => vec![(Pane::Logs, area)],
        pane => vec![(pane, main), (Pane::Logs, strip)],
    }
}

fn two_columns(model: &Model, area: Rect) -> Vec<(Pane, Rect)> {
    let left = share(area.width, 36, model.arrangement.left, (32, 60));
    let [left, right] =
        area.layout(&Layout::horizontal([Constraint::Length(left), Constraint::Min(40)]));
    let main = model.arrangement.preset.main();
    let other = if matches!(main, Pane::Deploy | Pane::Logs) { Pane::Health } else { Pane::Deploy };
    let lower = if main == Pane::Logs { Pane::Deploy } else { Pane::Logs };
    // A focused pane that does not fit takes the place of the last one.
    let other = match model.focus {
        pane if [Pane::Environments, main, lower].contains(&pane) => other,
        pane => pane,
    };
    let mut places = column(model, left, &[(Pane::Environments, 1), (other, 1)]);
    places.extend(column(model, right, &[(main, 2), (lower, 1)]));
    places
}

fn three_columns(model: &Model, area: Rect) -> Vec<(Pane, Rect)> {
    let arrangement = &model.arrangement;
    let with_logs = area.width >= WITH_LOG_COLUMN;
    let (shares, most) = if with_logs { ((18, 24), (60, 80)) } else { ((23, 28), (60, 80)) };
    let left = share(area.width, shares.0, arrangement.left, (30, most.0));
    let right = share(area.width, shares.1, arrangement.right, (40, most.1));
    let right = right.min(area.width.saturating_sub(left + LEAST_MIDDLE));
    let [left, middle, right] = area.layout(&Layout::horizontal([
        Constraint::Length(left),
        Constraint::Min(LEAST_MIDDLE),
        Constraint::Length(right),
    ]));
    let main = arrangement.preset.main();
    // The main pane of the preset changes places with Deploy.
    let or_deploy = |pane: Pane| if pane == main { Pane::Deploy } else { pane };
    let mut places = column(
        model,
        left,
        &[(Pane::Environments, 2), (Pane::Migrations, 1), (or_deploy(Pane::Checklists), 1)],
    );
    let logs = or_deploy(Pane::Logs);
    if with_logs {
        let halves = [Constraint::Percentage(56), Constraint::Min(30)];
        let [deploy, log] = middle.layout(&Layout::horizontal(halves));
        places.extend([(main, deploy), (logs, log)]);
    } else {
        places.extend(column(model, middle, &[(main, 2), (logs, 1)]));
    }
    let health = or_deploy(Pane::Health);
    places.extend(column(model, right, &[(health, 2), (Pane::History, 1), (Pane::Pipeline, 1)]));
    places
}

/// A share of the width in percent, moved by a person, within limits.
fn share(width: u16, percent: u16, moved: i16, (least, most): (u16, u16)) -> u16 {
    (width * percent / 100).saturating_add_signed(moved).clamp(least, most.max(width / 2))
}

/// Panes below each other, by weight. A pane without content takes one line.
fn column(model: &Model, area: Rect, panes: &[(Pane, u16)]) -> Vec<(Pane, Rect)> {
    let all_folded = panes.iter().all(|(pane, _)| folded(model, *pane).is_some());
    let heights = panes.iter().map(|(pane, weight)| match folded(model, *pane) {
        Some(_) if !all_folded => Constraint::Length(1),
        _ => Constraint::Fill(*weight),
    });
    let places = Layout::vertical(heights).split(area);
    panes.iter().map(|(pane, _)| *pane).zip(places.iter().copied()).collect()
}

/// Why a pane has no content; a focused pane says it itself.
fn folded(model: &Model, pane: Pane) -> Option<&'static str> {
    if model.focus == pane { None } else { pane.behaviour().folded(model) }
}

/// Draws a pane, or only its title.
pub(super) fn draw(model: &Model, theme: &Theme, pane: Pane, area: Rect, buffer: &mut Buffer) {
    let Some(why) = folded(model, pane).filter(|_| area.height == 1) else {
        return pane.behaviour().draw(model, theme, area, buffer);
    };
    let dash = theme.pick("─", "-");
    let text = format!("{dash} {}: {why} ", pane.title());
    let rest = usize::from(area.width).saturating_sub(text.chars().count());
    let line = format!("{text}{}", dash.repeat(rest));
    Line::styled(line, theme.style(Role::Border)).render(area, buffer);
}

impl Preset {
    /// The pane that has the most room.
    pub(in crate::tui) fn main(self) -> Pane {
        match self {
            Self::Deploy => Pane::Deploy,
            Self::OnCall => Pane::Health,
            Self::Checklist => Pane::Checklists,
            Self::Logs => Pane::Logs,
        }
    }
}
