//! An interrupted run: recorded, observed, and the safe choices (N8).

use ratatui::text::Line;

use crate::tui::model::Model;
use crate::tui::model::environments::{Environment, RunSnapshot};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::wrapped;

pub(in crate::tui) fn doubt(
    model: &Model,
    here: &Environment,
    run: &RunSnapshot,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let title = format!("IN DOUBT: the process of run {} is gone", run.view.number);
    let mut lines = vec![Line::raw(""), Line::styled(title, theme.style(Role::Unknown))];
    match &here.doubt {
        None => {
            lines.push(Line::raw(format!("  recorded  {}", run.view.state.sentence())));
            lines.push(Line::raw("  observed  asking the platform…"));
        }
        Some(Err(problem)) => {
            lines.push(Line::raw(format!("  recorded  {}", run.view.state.sentence())));
            let text = format!("  observed  unknown: {problem}");
            lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
            lines.push(Line::raw("  Nothing runs until that can be asked; Enter asks again."));
        }
        Some(Ok(doubt)) => {
            for (word, text) in [("recorded", &doubt.recorded), ("observed", &doubt.observed)] {
                let text = format!("  {word}  {text}");
                lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
            }
            for (at, choice) in doubt.choices.iter().enumerate() {
                let selected = at == model.panes.deploy.choice;
                let cursor = if selected { theme.pick("▶", ">") } else { " " };
                let recommended = if at == 0 { " (recommended)" } else { "" };
                let role = if selected { Role::Selection } else { Role::Text };
                let text = format!(
                    "  {cursor} {}{recommended}: {}",
                    choice.title(),
                    choice.effect(&run.view)
                );
                let text = wrapped(&text, width);
                lines.extend(text.into_iter().map(|line| Line::styled(line, theme.style(role))));
            }
            lines.push(Line::styled(
                "Nothing runs until you choose: j/k, Enter",
                theme.style(Role::Focus),
            ));
        }
    }
    lines
}
