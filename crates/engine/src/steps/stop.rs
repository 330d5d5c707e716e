//! Clean-up: stops blue's processes and deletes builds that no rollback needs. It never deletes by pattern: it inspects
//! each build, and reads the live build again right before (F28).

use crate::context::{Context, Done, StepError, StepResult};
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::ids::{BuildId, ServiceName};
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{Build, BuildState, Hosting, Traffic};

fn member<'a>(context: &'a Context, service: &ServiceName) -> Result<&'a Member, StepError> {
    let missing = || StepError::lasting(Problem::new(format!("the plan has no service {service}")));
    context.plan().member(service).ok_or_else(missing)
}

/// The traffic of a service. Fails if the live build is unknown.
async fn settled(context: &Context, member: &Member) -> Result<Traffic, StepError> {
    let traffic = context.outside.hosting.traffic(&member.target).await?;
    if traffic.whole().is_none() || traffic.moving {
        return Err(StepError::inconclusive(
            Problem::new(format!("the live build of {} is unknown", member.service()))
                .because("its traffic is split, moving, or assigned to no build")
                .try_this("look with: pointsman status"),
        ));
    }
    Ok(traffic)
}

/// The idle builds. A caller reads the traffic again before it stops or deletes each: what comes before may take long.
async fn idle(context: &Context, member: &Member) -> Result<Vec<Build>, StepError> {
    let builds = context.outside.hosting.builds(&member.target).await?;
    let traffic = settled(context, member).await?;
    Ok(builds.into_iter().filter(|build| !traffic.gives(&build.id)).collect())
}

/// The platform, to change a build that still has no traffic; `None` if it has some now.
async fn while_idle<'a>(
    context: &'a Context,
    member: &Member,
    build: &BuildId,
) -> Result<Option<&'a dyn Hosting>, StepError> {
    // The lease first: what is seen must not become old while that is proven.
    let platform = context.to_act().await;
    Ok((!settled(context, member).await?.gives(build)).then_some(platform))
}

pub(super) async fn blue(context: &Context, service: &ServiceName) -> StepResult {
    let member = member(context, service)?;
    let mut stopped = Vec::new();
    let mut platform_does_it = false;
    let drain = context.plan().policy.drain;
    for build in idle(context, member).await?.into_iter().filter(|b| b.state == BuildState::Ready) {
        let Some(platform) = while_idle(context, member, &build.id).await? else { continue };
        context.progress(Some(service), format!("stopping {}", build.id));
        if platform.stop_build(&member.target, &build.id, drain).await? {
            stopped.push(build.id.to_string());
            let stopped = Event::BuildStopped { service: service.clone(), build: build.id };
            context.record(stopped).await;
        } else {
            platform_does_it = true;
        }
    }
    Ok(Done::ok(match stopped.as_slice() {
        _ if platform_does_it => "the platform stops idle builds by itself".to_owned(),
        [] => format!("{service}: nothing was running besides the live build"),
        stopped => format!("{service}: stopped {}", stopped.join(", ")),
    }))
}

pub(super) async fn prune(context: &Context, service: &ServiceName) -> StepResult {
    let member = member(context, service)?;
    let mut deleted = Vec::new();
    let mut left = Vec::new();
    for build in
        idle(context, member).await?.into_iter().filter(|b| member.obsolete.contains(&b.id))
    {
        if build.state == BuildState::Working {
            continue;
        }
        let Some(platform) = while_idle(context, member, &build.id).await? else { continue };
        context.progress(Some(service), format!("deleting {}", build.id));
        match platform.delete_build(&member.target, &build.id).await {
            Ok(()) => {
                deleted.push(build.id.to_string());
                let gone = Event::BuildDeleted { service: service.clone(), build: build.id };
                context.record(gone).await;
            }
            // A leftover build is untidy, but does not affect traffic (F27).
            Err(error) => left.push(format!("{}: {}", build.id, error.problem)),
        }
    }
    if !left.is_empty() {
        return Ok(Done::warning(format!("left over: {}", left.join("; "))));
    }
    Ok(Done::ok(match deleted.as_slice() {
        [] => format!("{service}: nothing to delete"),
        deleted => format!("{service}: deleted {}", deleted.join(", ")),
    }))
}
