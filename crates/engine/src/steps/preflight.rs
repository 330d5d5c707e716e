//! Checks the target, reads the live builds, and checks what a later rollback would need.

use std::time::Duration;

use super::together::all_of;
use super::{config, preview, schema, secrets};
use crate::context::{Context, Done, StepError, StepResult};
use crate::side_by_side::side_by_side;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::ids::BuildId;
use pointsman_core::lint_report::LintReport;
use pointsman_core::plan::{Member, RunKind};
use pointsman_core::ports::hosting::{Automatic, Build, BuildState};
use pointsman_core::view::TrafficState;

pub(super) async fn perform(context: &Context) -> StepResult {
    let schemas = schema::look(context).await?;
    if context.plan().kind == RunKind::Migrate {
        return Ok(Done::ok(schemas.join(", ")));
    }
    // A killed run may have left some; this run opens its own.
    for member in preview::members(context.plan()) {
        context.to_act().await;
        preview::close(&context.outside, member).await;
    }
    let members = context.plan().members.iter();
    let (mut said, mut first, mut odd) = (Vec::new(), false, false);
    for seen in all_of(side_by_side(members.map(|member| one(context, member))).await)? {
        odd |= !seen.told.is_empty();
        // What cannot be checked has one cause for all services, and is said once.
        let told = seen.told.into_iter().filter(|line| !said.contains(line));
        said.extend(told.collect::<Vec<_>>());
        first |= seen.first;
        said.push(seen.traffic);
    }
    let troubles = domains(context).await;
    odd |= !troubles.is_empty();
    said.extend(troubles);
    if let Some(warnings) = context.plan().lint.as_ref().and_then(LintReport::warnings) {
        said.push(format!("lint: {warnings}"));
    }
    let no_way_back = context.plan().kind == RunKind::Deploy && first;
    let summary = said.into_iter().chain(schemas).collect::<Vec<_>>().join(", ");
    if no_way_back {
        return Ok(Done::warning(format!(
            "{summary}; a first release has nothing to roll back to"
        )));
    }
    Ok(Done { summary, warning: odd })
}

/// What the check of one service found.
struct Seen {
    /// What a person should know.
    told: Vec<String>,
    traffic: String,
    /// No build is live yet.
    first: bool,
}

/// Checks one service: its backend, what its build will read, the live build, and the build of a rollback.
async fn one(context: &Context, member: &Member) -> Result<Seen, StepError> {
    let service = member.service();
    context.progress(Some(service), "looking at it");
    context.to_act().await.prepare(member).await.map_err(|e| {
        let problem =
            Problem::coded(Code::WRONG_ENVIRONMENT, format!("{service} cannot be deployed to"))
                .because(e.problem.sentence());
        StepError { problem: problem.try_this(e.problem.todo), class: e.class }
    })?;
    let deploys = context.plan().kind == RunKind::Deploy;
    let mut told = Vec::new();
    if deploys {
        told.extend(config::environment_name(context, member).await?);
        told.extend(secrets::readable(context, member).await?);
    }
    let (blue, live) = observe_blue(context, member).await?;
    if matches!(blue, TrafficState::Whole(_)) && deploys {
        crate::stale_assets::note(context, member).await;
    }
    if let Some(candidate) = &member.to {
        check_candidate(context, member, candidate, live.as_ref()).await?;
    }
    let traffic = match &blue {
        TrafficState::None => format!("{service}: no build is live yet"),
        seen => format!("{service}: {seen}"),
    };
    Ok(Seen { told, traffic, first: blue == TrafficState::None })
}

/// Problems of the public domains, as the platform reports them. They block nothing: a deploy may be the fix, and the
/// probes cover what the platform does not report.
async fn domains(context: &Context) -> Vec<String> {
    let mut all = Vec::new();
    if context.plan().kind != RunKind::Deploy {
        return all;
    }
    let asked = context.plan().members.iter().map(|member| async move {
        let found = context.outside.hosting.domain_troubles(&member.target);
        context.within(HELD_WITHIN, found).await.and_then(Result::ok).unwrap_or_default()
    });
    for found in side_by_side(asked).await {
        all.extend(found.into_iter().map(|one| one.what));
    }
    all
}

/// Records the live build. A traffic split is refused: there is no single blue (F26).
async fn observe_blue(
    context: &Context,
    member: &Member,
) -> Result<(TrafficState, Option<Build>), StepError> {
    let hosting = &context.outside.hosting;
    let traffic = super::settled::traffic(context, member).await?;
    let split = !traffic.splits.is_empty() && traffic.whole().is_none();
    if split && context.plan().kind != RunKind::Rollback {
        let parts: Vec<_> =
            traffic.splits.iter().map(|s| format!("{} {} %", s.build, s.percent)).collect();
        return Err(StepError::lasting(
            Problem::coded(
                Code::TRAFFIC_SPLIT,
                format!("traffic of {} is split", member.service()),
            )
            .because(parts.join(", "))
            .try_this(format!(
                "switch all of it to one build first: pointsman rollback {} --to R",
                context.plan().environment
            )),
        ));
    }
    let build = traffic.whole().cloned();
    let seen = match &build {
        Some(id) => hosting.build(&member.target, id).await?,
        None => None,
    };
    let about = seen.clone().map_or((None, None), |b| (b.release, b.commit));
    let (release, commit) = about;
    let service = member.service().clone();
    let found = TrafficState::of(&traffic.splits);
    context
        .record(Event::BlueObserved {
            service,
            build: build.clone(),
            release,
            commit,
            // A rollback moves all traffic to one build, so a split does not block it.
            splits: if split { traffic.splits } else { Vec::new() },
        })
        .await;
    hold(context, member, traffic.automatic).await?;
    Ok((found, seen))
}

/// Time limit for disabling automatic rollouts outside of deploys, and for reading a service's domains in a deploy.
const HELD_WITHIN: Duration = Duration::from_secs(20);

/// Disables automatic rollouts, so that a push starts no rollout in the middle of a run. If an earlier run disabled
/// them and did not restore them, this run has to restore them. In a rollback a failure is only logged, because nothing
/// may block it.
async fn hold(context: &Context, member: &Member, automatic: Automatic) -> Result<(), StepError> {
    if context.plan().kind == RunKind::Cleanup {
        return Ok(());
    }
    let (policy, held) = match automatic {
        Automatic::Off => return Ok(()),
        Automatic::On { policy } => (policy, false),
        Automatic::Held { policy } => (policy, true),
    };
    let service = member.service().clone();
    context.record(Event::RolloutsHeld { service, policy: policy.clone() }).await;
    if held {
        return Ok(());
    }
    let held = context.to_act().await.hold_rollouts(&member.target, &policy, true);
    if context.plan().kind == RunKind::Deploy {
        return Ok(held.await?);
    }
    let why = match context.within(HELD_WITHIN, held).await {
        Some(held) => held.err().map(|error| error.problem.to_string()),
        None => Some("nothing answered".to_owned()),
    };
    if let Some(why) = why {
        context.log(member.service(), format!("automatic rollouts are still enabled: {why}"));
    }
    Ok(())
}

/// Checks the target of a rollback: it must be able to become live, because a rollback never rebuilds.
async fn check_candidate(
    context: &Context,
    member: &Member,
    candidate: &BuildId,
    blue: Option<&Build>,
) -> Result<(), StepError> {
    let service = member.service();
    match context.outside.hosting.build(&member.target, candidate).await? {
        Some(build) if build.state == BuildState::Ready => {
            let (of, ready) = (service.clone(), candidate.clone());
            context.record(Event::CandidateReady { service: of, build: ready }).await;
            if let Some(blue) = blue {
                config::record(context, member, &blue.config, (candidate, &build.config)).await;
            }
            Ok(())
        }
        Some(build) => Err(StepError::lasting(
            Problem::coded(
                Code::BUILD_UNAVAILABLE,
                format!("build {candidate} of {service} cannot become live"),
            )
            .because(format!("it is {}", build.state_word))
            .try_this("name another release with --to"),
        )),
        None => Err(StepError::lasting(
            Problem::coded(
                Code::BUILD_UNAVAILABLE,
                format!("build {candidate} of {service} is gone"),
            )
            .because("the platform has no build of that id any more")
            .try_this("name another release with --to, or deploy it again"),
        )),
    }
}
