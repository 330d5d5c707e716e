//! The incident card (N14): how to roll back by hand, with every name filled in, for when Pointsman
//! itself does not work. The runner writes it before each step from the run's facts alone, so it can be
//! printed even if no file can be written.

use super::event::Outcome;
use super::ids::BuildId;
use super::plan::{Member, RunKind};
use super::policy::Protection;
use super::run::RunState;
use super::view::RunView;

/// Placeholder for the program with its state folder; the caller that shows the card replaces it.
pub const POINTSMAN: &str = "{pointsman}";

/// The card of a run in its current state.
pub fn card(view: &RunView) -> String {
    let plan = &view.plan;
    let at = view.steps.iter().find(|s| Some(&s.plan.id) == view.state.step());
    let at = at.map_or_else(|| view.state.sentence(), |step| format!("at: {}", step.plan.title));
    let mut lines = vec![
        format!("BREAK GLASS: run {} {} on {}", view.number, plan.title(), plan.environment),
        at,
        String::new(),
    ];
    let builds = to_restore(view);
    if builds.is_empty() {
        lines.push("This run has no rollback target: no build was live before it.".to_owned());
        return lines.join("\n");
    }
    let confirm = match plan.policy.protection {
        Protection::Typed => format!(" --confirm {}", plan.environment),
        Protection::Open | Protection::Confirm => String::new(),
    };
    let environment = &plan.environment;
    if matches!(view.state, RunState::Ended { outcome: Outcome::RolledBack }) {
        // A rollback of the environment would leave the release that this run restored.
        lines.push(
            "1. Nothing to do: this run has rolled back. If the platform says otherwise:".into(),
        );
    } else {
        lines.push("1. Try this first; it works on a full disk too:".to_owned());
        lines.push(format!("{POINTSMAN} rollback {environment}{} --yes{confirm}", to(view)));
    }
    lines.push(String::new());
    lines.push(
        "2. By hand, one after the other; each names its build, so twice does no harm:".to_owned(),
    );
    for (member, build) in builds {
        let seen = view.services.get(member.service());
        let label =
            seen.and_then(|s| s.blue_release.as_ref().filter(|_| s.blue.as_ref() == Some(build)));
        let label = label.map_or(String::new(), |label| format!(" ({label})"));
        lines.push(format!("# {} to {build}{label}", member.service()));
        lines.push(plan.endpoint.manual_switch(member, build));
    }
    lines.push(String::new());
    lines.push("3. Look who answers:".to_owned());
    for member in &plan.members {
        lines.push(format!("curl -sS '{}{}'", member.url, member.health.path));
    }
    lines.extend(stale_tags(view));
    lines.push(String::new());
    lines.push(format!(
        "The lease of run {} ends a minute after its process. If a person's lock blocks this:",
        view.number
    ));
    lines.push(format!(
        "{POINTSMAN} rollback {environment} --yes{confirm} --override lock=incident"
    ));
    lines.join("\n")
}

/// The way out where the platform names the right build and the address serves another. Google was never seen here
/// doing that, others reported it.
fn stale_tags(view: &RunView) -> Vec<String> {
    let endpoint = &view.plan.endpoint;
    let one = |(member, build): (&Member, &BuildId)| {
        let show = endpoint.show_tags(member)?;
        Some([show, endpoint.repoint_tag(member, "TAG", build)?])
    };
    let commands: Vec<_> = to_restore(view).into_iter().filter_map(one).flatten().collect();
    if commands.is_empty() {
        return commands;
    }
    let head = "4. If App Hosting names the right build and the address serves another, a tag of Cloud Run is stale:";
    [String::new(), head.to_owned()].into_iter().chain(commands).collect()
}

/// The target of a rollback, which its own card must name: by default a rollback would choose another one.
fn to(view: &RunView) -> String {
    let release = view.plan.name().filter(|_| view.plan.kind == RunKind::Rollback);
    release.map_or(String::new(), |release| format!(" --to {release}"))
}

/// The rollback targets, in the order in which traffic returns to them: the builds that were live before a
/// deploy, or the builds that a rollback targets.
fn to_restore(view: &RunView) -> Vec<(&Member, &BuildId)> {
    let mut found: Vec<_> = view
        .plan
        .members
        .iter()
        .filter_map(|member| {
            let build = match view.plan.kind {
                RunKind::Rollback => member.to.as_ref(),
                RunKind::Deploy | RunKind::Cleanup | RunKind::Migrate => {
                    view.services.get(member.service()).and_then(|seen| seen.blue.as_ref())
                }
            };
            Some((member, build?))
        })
        .collect();
    // A rollback already lists its services in the order of return.
    if view.plan.kind != RunKind::Rollback {
        found.reverse();
    }
    found
}
