//! Makes one build the active one, and believes it only from the platform's own traffic.

use super::{schema, settled};
use crate::domain::error::Problem;
use crate::domain::event::Event;
use crate::domain::freeze::frozen;
use crate::domain::ids::{BuildId, RolloutId, ServiceName};
use crate::domain::step::Side;
use crate::domain::view::ServiceView;
use crate::engine::context::{Context, Done, StepError, StepResult};
use crate::ports::hosting::{NewRollout, Traffic};

pub(super) async fn perform(context: &Context, service: &ServiceName, to: Side) -> StepResult {
    let member = context.plan().member(service).ok_or_else(|| {
        StepError::lasting(Problem::new(format!("the plan has no service {service}")))
    })?;
    let build = context.build_of(service, to)?;
    let seen = context.service(service);
    let before = settled::traffic(context, member).await?;
    // Asked for before, by this run and for nothing else since: it was the reply that got lost.
    let last = seen.rollouts.last().map(|(_, build)| build);
    if last == Some(&build) && before.whole() == Some(&build) && !before.moving {
        return observed(context, service, &build, before).await;
    }
    ours_to_move(&seen, service, to, &before)?;
    if to == Side::Green {
        not_frozen(context)?;
    }
    schema::may_serve(context, member, &build).await?;
    let new = order(context, service, &build, before.whole().cloned()).await?;
    context.progress(Some(service), format!("switching to {build}"));
    let switched = context.to_act().await.set_active(&member.target, &new).await;
    // Read back whatever the answer was: a lost reply is not a lost switch.
    let traffic = context.outside.hosting.traffic(&member.target).await?;
    let read_back = observed(context, service, &build, traffic).await;
    match switched {
        Err(error) if read_back.is_err() => Err(error.into()),
        _ => read_back,
    }
}

/// A freeze that began meanwhile stops what has not moved traffic yet. What has goes on to its end, and going
/// back is never frozen (F48).
fn not_frozen(context: &Context) -> Result<(), StepError> {
    if context.view.touched_traffic() {
        return Ok(());
    }
    let plan = context.plan();
    let Some(told) = frozen(&plan.freeze, context.outside.clock.now()) else { return Ok(()) };
    let what = format!("a freeze of {} has begun, and traffic has not moved", plan.environment);
    let todo = "retry when it is over; or abort, and deploy again with --reason TEXT";
    Err(StepError::lasting(Problem::new(what).because(told).try_this(todo)))
}

/// Whoever else moved traffic meanwhile has reasons we do not know: no fight (F10). Where nobody
/// serves any more, only blue is given its traffic back.
fn ours_to_move(
    seen: &ServiceView,
    service: &ServiceName,
    to: Side,
    traffic: &Traffic,
) -> Result<(), StepError> {
    let who = match traffic.whole() {
        Some(whole) if [seen.blue.as_ref(), seen.green.as_ref()].contains(&Some(whole)) => {
            return Ok(());
        }
        Some(whole) => format!("{whole} serves, which is neither blue nor green of this run"),
        None if !traffic.splits.is_empty() => {
            let parts = traffic.splits.iter().map(|s| format!("{} {} %", s.build, s.percent));
            format!("it is split: {}", parts.collect::<Vec<_>>().join(", "))
        }
        None if seen.blue.is_some() && to == Side::Green => {
            "no build serves any more, and one did when this run began".to_owned()
        }
        None => return Ok(()),
    };
    Err(StepError::lasting(
        Problem::new(format!("traffic of {service} was moved by somebody else"))
            .because(who)
            .try_this("find out who did that, then start again"),
    ))
}

/// Writes down what is about to be asked for. The rollout's id is its own, the run's number in it
/// is for people.
async fn order(
    context: &Context,
    service: &ServiceName,
    build: &BuildId,
    from: Option<BuildId>,
) -> Result<NewRollout, StepError> {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let id = RolloutId::new(format!("r-r{}-{}", context.view.number.0, &random[..10]));
    let id = id.map_err(StepError::lasting)?;
    let request_id = uuid::Uuid::new_v4().to_string();
    context
        .record(Event::SwitchRequested {
            service: service.clone(),
            from,
            to: build.clone(),
            rollout: id.clone(),
            request_id: request_id.clone(),
        })
        .await;
    Ok(NewRollout { id, request_id, build: build.clone() })
}

async fn observed(
    context: &Context,
    service: &ServiceName,
    build: &BuildId,
    traffic: Traffic,
) -> StepResult {
    let whole = traffic.whole() == Some(build);
    let splits = traffic.splits;
    context.record(Event::TrafficObserved { service: service.clone(), splits }).await;
    if whole {
        return Ok(Done::ok(format!("{service}: {build} has all traffic")));
    }
    Err(StepError::inconclusive(Problem::new(format!("traffic of {service} is not with {build}"))))
}
