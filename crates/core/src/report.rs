//! The report of a run as Markdown: for a change ticket, a chat, an incident.

use std::fmt::Write as _;
use std::time::Duration;

use super::changes::Changes;
use super::checklist::{Standing, Tally};
use super::describe;
use super::event::{Event, Fact, Recorded};
use super::ids::ServiceName;
use super::markdown::plain;
use super::run::RunState;
use super::step::{Failure, Side, StepState};
use super::time::spoken;
use super::view::{RunView, ServiceView, StepView, TrafficState};

/// Shorter gaps between two processes of a run are not reported.
const OWN_LINE_MS: u64 = 1000;

/// Writes the report of a run from its facts. `driven`: a process drives it.
pub fn markdown(view: &RunView, facts: &[Fact], changes: Option<&Changes>, driven: bool) -> String {
    let mut text = String::new();
    let release = view.plan.name().map(|name| format!(" {name}")).unwrap_or_default();
    let (kind, environment) = (view.plan.kind.label(), &view.plan.environment);
    let stands = if let RunState::Ended { outcome } = &view.state {
        outcome.word().to_owned()
    } else {
        format!("under way, {}", view.state.sentence())
    };
    let _ = writeln!(text, "# Run {}: {kind}{release} on {environment}, {stands}\n", view.number);
    head(&mut text, view, driven);
    let _ = writeln!(
        text,
        "\n## Services\n\n| service | before | after | live at the end |\n|---|---|---|---|"
    );
    for member in &view.plan.members {
        let Some(seen) = view.services.get(member.service()) else { continue };
        let build = |side: Side| seen.build(side).map_or("-".to_owned(), |b| format!("`{b}`"));
        let before = seen.blue_name().map(|name| format!("{name} ")).unwrap_or_default();
        let live = if let TrafficState::Whole(build) = &seen.traffic {
            format!("`{build}`")
        } else {
            seen.live()
        };
        let (blue, green) = (build(Side::Blue), build(Side::Green));
        let _ = writeln!(text, "| {} | {before}{blue} | {green} | {live} |", member.service());
    }
    let _ = writeln!(text, "\n## Steps\n\n| | step | how | took | said |\n|---|---|---|---|---|");
    for (at, step) in view.steps.iter().enumerate() {
        let (how, said) = how(step);
        let took = Duration::from_millis(step.took_ms);
        let took = if step.began_ms.is_some() { spoken(took) } else { "-".to_owned() };
        let _ = writeln!(
            text,
            "| {} | {} | {how} | {took} | {} |",
            at + 1,
            plain(&step.plan.title),
            plain(&said)
        );
    }
    if let Some((step, problem, _)) = &view.failure {
        let _ = writeln!(text, "\n## What failed\n\n**{step}**: {}", plain(&problem.what));
        for (word, said) in [("because", &problem.why), ("to do", &problem.todo)] {
            if !said.is_empty() {
                let _ = writeln!(text, "- {word}: {}", plain(said));
            }
        }
    }
    commits(&mut text, view, changes);
    checklists(&mut text, view);
    config(&mut text, view);
    serving(&mut text, facts);
    decisions(&mut text, facts);
    if let Some(last) = facts.last() {
        let hash = last.hash.short();
        let _ = writeln!(
            text,
            "\n{}; the last one's hash begins with `{hash}`. `pointsman verify {}` checks the chain.",
            describe::counted(facts.len(), "fact"),
            view.number.0
        );
    }
    text
}

fn head(text: &mut String, view: &RunView, driven: bool) {
    let at = |at: super::time::Timestamp| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let _ = writeln!(text, "- started {} by {}", at(view.started), view.actor);
    if let Some(ended) = view.ended {
        let took = |ms| spoken(Duration::from_millis(ms));
        let _ = writeln!(
            text,
            "- ended {}, after {}: {} at work, {} waiting for people",
            at(ended),
            took(view.elapsed_ms),
            took(view.active_ms()),
            took(view.waited_ms)
        );
        let whole = ended.duration_since(view.started).as_millis();
        let alone = u64::try_from(whole).unwrap_or_default().saturating_sub(view.elapsed_ms);
        if alone >= OWN_LINE_MS {
            let _ = writeln!(text, "- {} more without a process", took(alone));
        }
    }
    let held = view.services.iter().filter(|(_, seen)| seen.held_policy.is_some());
    let held: Vec<_> = held.map(|(service, _)| service.as_str()).collect();
    if view.ended.is_some() && !held.is_empty() {
        let held = held.join(", ");
        let _ = writeln!(
            text,
            "- automatic rollouts of {held} were left DISABLED: a push deploys nothing until a run is promoted, or a person \
             allows them: pointsman allow-rollouts {}",
            view.plan.environment
        );
    }
    if let Some(customers) = view.customers(driven) {
        let _ = writeln!(text, "- customers: {customers}");
    }
    if let Some(reason) = &view.plan.reason {
        let _ = writeln!(text, "- reason: {}", plain(reason));
    }
    for (guard, reason) in &view.plan.overrides {
        let _ = writeln!(text, "- override of {guard}: {}", plain(reason));
    }
    if let Some((by, because)) = &view.undo {
        let by = describe::decided_by(*by);
        let _ = writeln!(text, "- rolled back {by}: {}", plain(because));
    }
}

fn how(step: &StepView) -> (&'static str, String) {
    let said = step.summary.clone();
    match &step.state {
        StepState::Pending => ("not yet", said),
        StepState::Running { .. } => ("running", said),
        StepState::Waiting => ("waiting", said),
        StepState::Ok => ("ok", said),
        StepState::Warning => ("ok, but", said),
        // A person cancelled the step, so it is not reported as failed.
        StepState::Failed { class: Failure::Cancelled, problem } => ("ended", problem.what.clone()),
        StepState::Failed { .. } => ("FAILED", said),
        StepState::Skipped { reason } => ("skipped", reason.clone()),
        StepState::NotRun { .. } => ("not run", said),
        StepState::InDoubt => ("in doubt", said),
        StepState::Undone => ("undone", said),
    }
}

/// Writes the commits that the previous release lacks.
fn commits(text: &mut String, view: &RunView, changes: Option<&Changes>) {
    let Some(commit) = view.plan.commit() else { return };
    let before = view.services.values().find_map(|seen| seen.blue_commit.as_deref());
    let _ = writeln!(text, "\n## Commits\n\n- built from `{commit}`");
    if let Some(before) = before {
        let _ = writeln!(text, "- replaced `{before}`");
    }
    let Some(changes) = changes else { return };
    for one in &changes.latest {
        let _ = writeln!(text, "- `{}` {} ({})", one.id, plain(&one.subject), plain(&one.author));
    }
    let more = changes.added.saturating_sub(changes.latest.len());
    if more > 0 {
        let _ = writeln!(text, "- and {more} more");
    }
    if changes.left > 0 {
        let _ = writeln!(
            text,
            "- without {} that were live before",
            describe::counted(changes.left, "commit")
        );
    }
}

/// Writes the checklist evidence of each gate.
fn checklists(text: &mut String, view: &RunView) {
    for (list, seen) in &view.checklists {
        let _ = writeln!(text, "\n## Checklist: {}, {}\n", list.title(), Tally::of(seen));
        for item in seen {
            let of = view.plan.checklist.iter().find(|of| of.id == item.id);
            let words = of.map_or(item.id.as_str(), |of| of.text.as_str());
            let required = if of.is_some_and(|of| of.required) { "" } else { " (optional)" };
            let tick = match item.standing.settled() {
                _ if item.standing == Standing::Overridden => "!",
                true => "x",
                false => " ",
            };
            let (words, said) = (plain(words), plain(&item.because()));
            let _ = writeln!(text, "- [{tick}] {words}{required}, {}{said}", item.standing.label());
        }
    }
}

/// Writes what changed besides code.
fn config(text: &mut String, view: &RunView) {
    let compared = |(_, seen): &(&ServiceName, &ServiceView)| seen.config_changes.is_some();
    let (compared, unknown): (Vec<_>, Vec<_>) = view.services.iter().partition(compared);
    if compared.is_empty() {
        return;
    }
    let unknown: Vec<_> = unknown.into_iter().map(|(service, _)| service.as_str()).collect();
    let _ = writeln!(text, "\n## Changed besides code\n");
    let changes = view.config_changes();
    if changes.is_empty() {
        let _ = writeln!(text, "Nothing.");
    }
    if !unknown.is_empty() {
        let _ = writeln!(text, "Not compared: {}.\n", unknown.join(", "));
    }
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(text, "| service | what | before | after |\n|---|---|---|---|");
    for (service, change) in changes {
        let side = |side: &Option<String>| side.as_deref().map_or("-".to_owned(), plain);
        let (item, from, to) = (plain(&change.item), side(&change.from), side(&change.to));
        let _ = writeln!(text, "| {service} | {item} | {from} | {to} |");
    }
}

/// Writes what each layer said about the live build, after each verification that did not pass.
fn serving(text: &mut String, facts: &[Fact]) {
    let mut rows = Vec::new();
    for fact in facts {
        let Recorded::Known(Event::ServingReported { service, reports }) = &fact.event else {
            continue;
        };
        for report in reports {
            let (who, says) = (plain(&report.who), plain(&report.says));
            rows.push(format!("| {service} | {who} | {says} |"));
        }
    }
    if !rows.is_empty() {
        let head = "| service | layer | says |\n|---|---|---|";
        let _ = writeln!(text, "\n## Which build is live\n\n{head}\n{}", rows.join("\n"));
    }
}

/// Writes the decisions, with actor and time.
fn decisions(text: &mut String, facts: &[Fact]) {
    let decided = facts.iter().filter_map(|fact| {
        let Recorded::Known(
            event @ (Event::GateAnswered { .. }
            | Event::CommandAccepted { .. }
            | Event::CommandRefused { .. }
            | Event::StepSkipped { .. }
            | Event::UndoPlanned { .. }
            | Event::RunnerLost { .. }
            | Event::RunSuperseded { .. }),
        ) = &fact.event
        else {
            return None;
        };
        Some((fact, event))
    });
    let lines: Vec<String> = decided
        .map(|(fact, event)| {
            let at = fact.at.strftime("%H:%M:%SZ");
            format!("- {at} {}: {}", plain(&fact.actor), plain(&describe::sentence(event)))
        })
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "\n## Decisions\n\n{}", lines.join("\n"));
    }
}
