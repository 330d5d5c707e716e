//! The page of a rollback: what is known of the selected target, where traffic is and will be, and what a rollback does
//! not undo.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::traffic::{Versions, on_side};
use super::{moment, styled};
use crate::domain::describe;
use crate::domain::ids::EnvironmentName;
use crate::domain::plan::RunKind;
use crate::domain::readiness::Target;
use crate::domain::step::Side;
use crate::domain::step_durations::{LEAST_RUNS, StepDurations};
use crate::domain::time::spoken;
use crate::domain::verdict::Undo;
use crate::tui::model::Model;
use crate::tui::model::dialog::{NOT_UNDONE, Picked, Picker};
use crate::tui::theme::{Role, Theme};

pub(super) fn about(
    model: &Model,
    picker: &Picker,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let Picked::Item(at) = picker.choice() else {
        return Vec::new();
    };
    let Some(target) = picker.targets.get(at) else {
        return Vec::new();
    };
    let Some(here) = model.environments.iter().find(|e| e.name == picker.environment) else {
        return Vec::new();
    };
    let evidence = model.evidence(here);
    let live = evidence.live();
    let to = target.release.to_string();
    let health = live.worst().map(|(state, _)| theme.state(state));
    let mut now =
        vec![Span::raw(" live now  "), Span::styled(live.sentence(), theme.style(Role::Focus))];
    now.extend(health.map(|mark| {
        Span::styled(format!(" {} {}", mark.glyph, mark.word), theme.style(mark.role))
    }));
    let mut lines = vec![Line::raw(""), Line::from(now)];
    for (word, text, role) in facts(model, target, &evidence.undo(), picker) {
        lines.push(Line::from(vec![
            Span::styled(format!(" {word:<9} "), theme.style(Role::Muted)),
            Span::styled(text, theme.style(role)),
        ]));
    }
    // Services on several releases have no common bar.
    if let Some(from) = live.common() {
        let versions = Versions { blue: from, green: &to };
        lines.push(on_side("now", versions, Side::Blue, theme, (5, width)));
        lines.push(on_side("after", versions, Side::Green, theme, (5, width)));
    }
    lines.extend(styled(theme, Role::Muted, NOT_UNDONE, width));
    lines.push(Line::raw(""));
    lines
}

/// What is known of a target, each with a word for it.
fn facts(
    model: &Model,
    target: &Target,
    undo: &Undo,
    picker: &Picker,
) -> Vec<(&'static str, String, Role)> {
    let mut facts = Vec::new();
    // The mark is in the list already.
    let left = target.left.map(|at| at.strftime("until %d %b %H:%MZ").to_string());
    facts.push(("was live", left.unwrap_or_else(|| "time not known".to_owned()), Role::Text));
    let warm = match undo {
        Undo::To { release, warm_until: Some(until), .. }
            if *release == target.release.to_string() =>
        {
            format!(", kept warm until {}", moment(*until, model.now))
        }
        _ => String::new(),
    };
    let gone = target.gone.iter().map(ToString::to_string);
    let against: Vec<_> = gone.chain(target.faults.iter().cloned()).collect();
    let (text, role) = if against.is_empty() {
        (format!("ready{warm}"), Role::Text)
    } else {
        (format!("NOT ready: {}", against.join(", ")), Role::Failed)
    };
    facts.push(("builds", text, role));
    for ways in &target.schema {
        let text = match ways.undone.len() {
            0 => format!("{} fits as it is", ways.database),
            count => format!(
                "{} was at {}: {} to undo or to keep, asked next",
                ways.database,
                ways.undone.last().map_or_else(String::new, |last| last.leaves.to_string()),
                describe::counted(count, "migration"),
            ),
        };
        facts.push((
            "database",
            text,
            if ways.undone.is_empty() { Role::Text } else { Role::Warning },
        ));
    }
    let usually = usually(model, &picker.environment);
    let usually = usually.unwrap_or_else(|| "no build; not measured here yet".to_owned());
    facts.push(("takes", usually, Role::Text));
    facts
}

/// How long a rollback usually takes on an environment. Where too few were made, the deploys tell: a rollback repeats
/// their switches and their verification. `None`: too few of either.
pub(super) fn usually(model: &Model, environment: &EnvironmentName) -> Option<String> {
    let usual = StepDurations::of(&model.panes.history.runs, environment, RunKind::Rollback);
    let all: Duration = usual.steps.values().map(|took| took.p50).sum();
    if usual.runs >= LEAST_RUNS {
        return Some(format!("~{} (median of {} runs)", spoken(all), usual.runs));
    }
    let deploys = StepDurations::of(&model.panes.history.runs, environment, RunKind::Deploy);
    let switching: Duration =
        deploys.switching.iter().filter_map(|id| deploys.steps.get(id)).map(|took| took.p50).sum();
    (deploys.runs >= LEAST_RUNS)
        .then(|| format!("~{} (as {} deploys switched)", spoken(switching), deploys.runs))
}
