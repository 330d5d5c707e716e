//! Draws the screen of a window that is too small to act safely.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::write;
use crate::tui::model::{Model, SMALLEST};
use crate::tui::theme::{Role, Theme};

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let (width, height) = model.size;
    let (least_width, least_height) = SMALLEST;
    let mut lines = Vec::new();
    if let Some(here) = model.here() {
        lines.push(Line::raw(here.name.to_string().to_uppercase()));
        if let Some(run) = here.under_way() {
            let mark = theme.run(&run.view, run.runner.is_some());
            let text = format!("{} {} {}", run.view.number, mark.glyph, mark.word);
            lines.push(Line::styled(text, theme.style(mark.role)));
        }
        lines.push(Line::raw(format!("live {}", model.evidence(here).live().sentence())));
    }
    lines.push(Line::styled(
        format!("window too small: now {width}x{height}, needs {least_width}x{least_height}"),
        theme.style(Role::Warning),
    ));
    lines.push(Line::raw("p pause  q quit  (other keys are off)"));
    if model.dialog.is_some() {
        lines.push(Line::raw("a question is open: s stay, d disconnect, or make room"));
    }
    write(&lines, area, buffer);
}
