//! An environment, whole: what is live, and what each warning about it means and asks for.

use crate::domain::verdict::{Live, Undo, not_ready};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::view::moment;

/// The text of the sheet.
pub(super) fn text(model: &Model, here: &Environment) -> String {
    let mut lines = vec![here.name.to_string(), String::new()];
    let evidence = model.evidence(here);
    match evidence.live() {
        Live::Services(all) => {
            let health = |of: &crate::domain::verdict::LiveService| {
                of.health.map_or_else(String::new, |state| state.word().to_owned())
            };
            let widest = all.iter().map(|of| of.service.as_str().len()).max().unwrap_or(0);
            lines.extend(all.iter().map(|of| {
                format!("live      {:<widest$}  {}  {}", of.service.as_str(), of.name, health(of))
            }));
        }
        other => lines.push(format!("live      {}", other.sentence())),
    }
    lines.push(format!("undo      {}", undo(model, &evidence.undo())));
    if let Some(lock) = &here.lock {
        lines.push(format!("locked    {lock}"));
    }
    unread(here, &mut lines);
    if let Some(told) = model.now.and_then(|now| here.frozen(now)) {
        section(&mut lines, "frozen", [told]);
        lines.push("  What it freezes does not begin; a rollback always may.".to_owned());
    }
    let drift = here.drift();
    if !drift.is_empty() {
        section(&mut lines, "drift", drift);
        lines
            .push("  This was changed outside of Pointsman, or a run ended between two".to_owned());
        lines.push(
            "  services. Nothing is changed back. D deploys one release to all of".to_owned(),
        );
        lines
            .push("  them, B rolls all of them back; both start from what is live now.".to_owned());
    }
    let held = here.held();
    if !held.is_empty() {
        section(&mut lines, "automatic rollouts are disabled", held);
        lines.push(
            "  A push deploys nothing there. The next promoted run enables them; P does now, where it is on."
                .to_owned(),
        );
    }
    findings(here, &mut lines);
    lines.join("\n")
}

fn undo(model: &Model, undo: &Undo) -> String {
    match undo {
        Undo::UnderWay => "a rollback is under way".to_owned(),
        Undo::NothingMoved => "not needed, nothing moved".to_owned(),
        Undo::To { release, warm_until: Some(until), faults } => {
            let warm = moment(*until, model.now);
            format!("B rolls back to {release}, warm until {warm}{}", not_ready(faults))
        }
        Undo::To { release, warm_until: None, faults } => {
            format!("B rolls back to {release}{}", not_ready(faults))
        }
        Undo::Impossible(why) => format!("not possible: {why}"),
        Undo::NotRead => "not read yet".to_owned(),
        Undo::Unknown(why) => format!("unknown: {why}"),
    }
}

fn section(lines: &mut Vec<String>, title: &str, texts: impl IntoIterator<Item = String>) {
    lines.extend([String::new(), title.to_owned()]);
    lines.extend(texts.into_iter().map(|text| format!("  {text}")));
}

/// Why the environment cannot be read, with the remedy.
fn unread(here: &Environment, lines: &mut Vec<String>) {
    let Some(problem) = here.seen.as_ref().and_then(|(seen, _)| seen.unseen.as_ref()) else {
        return;
    };
    section(lines, "cannot be read", [problem.what.clone()]);
    let more = [("because", &problem.why), ("now", &problem.todo)];
    let more = more.into_iter().filter(|(_, text)| !text.is_empty());
    lines.extend(more.map(|(word, text)| format!("  {word}: {text}")));
}

/// What lint found in the files that the next build uses.
fn findings(here: &Environment, lines: &mut Vec<String>) {
    let Some((seen, _)) = &here.seen else { return };
    if seen.findings.is_empty() {
        return;
    }
    let title = format!("lint: {}", seen.lint.clone().unwrap_or_default());
    section(lines, &title, seen.findings.iter().map(ToString::to_string));
    lines.push("  explained by: pointsman lint".to_owned());
}
