//! Makes one build the active one. Only the platform's own traffic counts as proof.

use super::read_back;
use super::schema::gives_back;
use super::{indexes, schema, settled};
use crate::context::{Context, Done, StepError, StepResult};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::{Event, Split};
use pointsman_core::freeze::frozen;
use pointsman_core::ids::{BuildId, RolloutId, ServiceName};
use pointsman_core::plan::RunKind;
use pointsman_core::ports::hosting::{NewRollout, Traffic};
use pointsman_core::step::{Failure, Side};
use pointsman_core::view::{ServiceView, TrafficState};

pub(super) async fn perform(context: &Context, service: &ServiceName, to: Side) -> StepResult {
    let member = context.plan().member(service).ok_or_else(|| {
        StepError::lasting(Problem::new(format!("the plan has no service {service}")))
    })?;
    let build = context.build_of(service, to)?;
    let seen = context.service(service);
    let before = settled::traffic(context, member).await?;
    // This run already requested the switch, and traffic has not changed since: only the reply was lost.
    let last = seen.rollouts.last().map(|(_, build)| build);
    if last == Some(&build) && before.whole() == Some(&build) && !before.moving {
        return observed(context, service, &build, before).await;
    }
    // A rollback moves split traffic to one build, as long as the split has not changed since it was found.
    let as_found = context.plan().kind == RunKind::Rollback
        && matches!(seen.found, TrafficState::Split(_))
        && seen.found == TrafficState::of(&before.splits);
    let ours = if as_found { Ok(()) } else { ours_to_move(&seen, service, to, &before) };
    if let Err(moved) = ours {
        let splits = before.splits;
        context.record(Event::TrafficObserved { service: service.clone(), splits }).await;
        return Err(moved);
    }
    if to == Side::Green {
        green_may_get_traffic(context).await?;
    }
    schema::may_serve(context, member, &build).await?;
    // A rollback replaces any traffic; everything else rests on what was just read.
    let found = (to == Side::Green && !gives_back(context)).then(|| before.splits.clone());
    let new = order(context, service, &build, (before.whole().cloned(), found)).await?;
    context.progress(Some(service), format!("switching to {build}"));
    let acts = context.to_act().await;
    let change = acts.set_active(&member.target, &new);
    let wanted = TrafficState::Whole(build.clone());
    let (error, traffic) = read_back::after(context, member, &wanted, change).await?;
    read_back::result(error, observed(context, service, &build, traffic).await)
}

/// Checks what may have changed since the gate.
pub(super) async fn green_may_get_traffic(context: &Context) -> Result<(), StepError> {
    indexes::still_ready(context).await?;
    not_frozen(context)
}

/// Refuses the switch if a freeze has started and the run has not moved traffic yet. A run that has moved traffic
/// continues to its end, and a rollback is never frozen (F48).
fn not_frozen(context: &Context) -> Result<(), StepError> {
    if context.view.touched_traffic() {
        return Ok(());
    }
    let plan = context.plan();
    let Some(told) = frozen(&plan.freeze, context.outside.clock.now()) else { return Ok(()) };
    let what = format!("a freeze of {} has begun, and traffic has not moved", plan.environment);
    let todo =
        "retry when it is over; or abort, and deploy again with --override freeze --reason TEXT";
    Err(StepError::lasting(Problem::new(what).because(told).try_this(todo)))
}

/// Refuses to override a traffic change made by someone else (F10). If no build is live any more, only blue may get
/// traffic.
pub(super) fn ours_to_move(
    seen: &ServiceView,
    service: &ServiceName,
    to: Side,
    traffic: &Traffic,
) -> Result<(), StepError> {
    // Once this run has shared the traffic, only what it set is its own: a person may have sent it to one of the builds.
    let ours = to == Side::Blue || seen.is_shared(&traffic.splits);
    let who = match traffic.whole() {
        Some(whole) if seen.shared && !ours => {
            format!("{whole} has all of it, and this run had shared it")
        }
        Some(whole) if [seen.blue.as_ref(), seen.green.as_ref()].contains(&Some(whole)) => {
            return Ok(());
        }
        Some(whole) => format!("{whole} is live, which is neither blue nor green of this run"),
        None if ours && seen.is_between_ours(&traffic.splits) => return Ok(()),
        None if !traffic.splits.is_empty() => {
            let parts = traffic.splits.iter().map(|s| format!("{} {} %", s.build, s.percent));
            format!("it is split: {}", parts.collect::<Vec<_>>().join(", "))
        }
        None if seen.blue.is_some() && to == Side::Green => {
            "no build is live any more, and one was when this run began".to_owned()
        }
        None => return Ok(()),
    };
    let problem = Problem::coded(
        Code::TRAFFIC_MOVED,
        format!("traffic of {service} was moved outside of this run"),
    )
    .because(who)
    .try_this("find out who moved it, then start again");
    Err(StepError { problem, class: Failure::Drift })
}

/// Records the rollout before requesting it. The rollout's id is unique by itself; its run number is for people.
async fn order(
    context: &Context,
    service: &ServiceName,
    build: &BuildId,
    (from, found): (Option<BuildId>, Option<Vec<Split>>),
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
    Ok(NewRollout { id, request_id, build: build.clone(), found })
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
    Err(StepError::inconclusive(Problem::coded(
        Code::SWITCH_UNKNOWN,
        format!("traffic of {service} is not with {build}"),
    )))
}
