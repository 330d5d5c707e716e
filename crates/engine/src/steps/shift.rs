//! Gives GREEN a share of the traffic, and BLUE the rest. Only the platform's own traffic counts as proof.

use super::read_back;
use super::switch::{green_may_get_traffic, ours_to_move};
use super::{schema, settled};
use crate::context::{Context, Done, StepError, StepResult};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::ids::ServiceName;
use pointsman_core::ports::hosting::Traffic;
use pointsman_core::step::Side;
use pointsman_core::view::TrafficState;

pub(super) async fn perform(context: &Context, service: &ServiceName, percent: u8) -> StepResult {
    let member = context.plan().member(service).ok_or_else(|| {
        StepError::lasting(Problem::new(format!("the plan has no service {service}")))
    })?;
    let green = context.build_of(service, Side::Green)?;
    let seen = context.service(service);
    let Some(blue) = seen.blue.clone() else {
        return Ok(Done::ok(format!(
            "{service}: no build is live to share with; {green} gets all traffic at the switch"
        )));
    };
    let wanted = TrafficState::shared(&blue, &green, percent);
    let before = settled::traffic(context, member).await?;
    // This run already requested it, and traffic has not changed since: only the reply was lost.
    let is_so = TrafficState::of(&before.splits).is_same_as(&wanted) && !before.moving;
    if is_so && seen.set.is_same_as(&wanted) {
        return observed(context, service, &wanted, before).await;
    }
    if let Err(moved) = ours_to_move(&seen, service, Side::Green, &before) {
        let splits = before.splits;
        context.record(Event::TrafficObserved { service: service.clone(), splits }).await;
        return Err(moved);
    }
    green_may_get_traffic(context).await?;
    schema::may_serve(context, member, &green).await?;
    let asked = Event::ShiftRequested {
        service: service.clone(),
        blue: blue.clone(),
        green: green.clone(),
        percent,
    };
    context.record(asked).await;
    context.progress(Some(service), format!("sending {percent} % to {green}"));
    let acts = context.to_act().await;
    let Some(platform) = acts.shares() else { return Err(cannot(service)) };
    let change = platform.set(&member.target, wanted.parts(), &before.splits);
    let (error, traffic) = read_back::after(context, member, &wanted, change).await?;
    read_back::result(error, observed(context, service, &wanted, traffic).await)
}

async fn observed(
    context: &Context,
    service: &ServiceName,
    wanted: &TrafficState,
    traffic: Traffic,
) -> StepResult {
    let now = TrafficState::of(&traffic.splits);
    let (is_so, splits) = (now.is_same_as(wanted), traffic.splits);
    context.record(Event::TrafficObserved { service: service.clone(), splits }).await;
    if is_so {
        return Ok(Done::ok(format!("{service}: {now}")));
    }
    let what = format!("traffic of {service} is not shared as requested");
    let problem = Problem::coded(Code::SWITCH_UNKNOWN, what);
    Err(StepError::inconclusive(
        problem.because(format!("wanted {wanted}; the platform reports {now}")),
    ))
}

fn cannot(service: &ServiceName) -> StepError {
    let what = format!("the platform of {service} cannot share traffic between two builds");
    let todo = "take traffic out of the deploy's config; all of it then moves at once";
    StepError::lasting(Problem::new(what).try_this(todo))
}
