//! Makes one build the active one, and believes it only from the platform's own traffic.

use crate::domain::error::Problem;
use crate::domain::event::Event;
use crate::domain::ids::{RolloutId, ServiceName};
use crate::domain::step::Side;
use crate::engine::context::{Context, Done, StepError, StepResult};
use crate::ports::hosting::NewRollout;

pub(super) async fn perform(context: &Context, service: &ServiceName, to: Side) -> StepResult {
    let hosting = &context.outside.hosting;
    let member = context.plan().member(service).ok_or_else(|| {
        StepError::lasting(Problem::new(format!("the plan has no service {service}")))
    })?;
    let build = context.build_of(service, to)?;
    let before = hosting.traffic(&member.target).await?;
    let from = before.whole().cloned();
    // Whoever else moved traffic meanwhile has reasons we do not know: no fight (F10).
    let seen = context.service(service);
    let ours = [seen.blue.as_ref(), seen.green.as_ref()];
    if from.is_some() && !ours.contains(&from.as_ref()) {
        let who = from.as_ref().map_or("", |b| b.as_str());
        return Err(StepError::lasting(
            Problem::new(format!("traffic of {service} was moved by somebody else"))
                .because(format!("{who} serves, which is neither blue nor green of this run"))
                .try_this("find out who did that, then start again"),
        ));
    }
    // The ids share the build's name, so that the console shows which rollout moved what.
    let random = uuid::Uuid::new_v4().simple().to_string();
    let rollout = RolloutId::new(format!("r-r{}-{}", context.view.number.0, &random[..10]));
    let rollout = rollout.map_err(StepError::lasting)?;
    let request_id = uuid::Uuid::new_v4().to_string();
    context
        .record(Event::SwitchRequested {
            service: service.clone(),
            from: from.clone(),
            to: build.clone(),
            rollout: rollout.clone(),
            request_id: request_id.clone(),
        })
        .await;
    context.progress(format!("{service}: switching to {build}"));
    let new = NewRollout { id: rollout, request_id, build: build.clone() };
    let switched = hosting.set_active(&member.target, &new).await;
    // Read back whatever the answer was: a lost reply is not a lost switch.
    let traffic = hosting.traffic(&member.target).await?;
    let splits = traffic.splits.clone();
    context.record(Event::TrafficObserved { service: service.clone(), splits }).await;
    if traffic.whole() == Some(&build) {
        return Ok(Done::ok(format!("{service}: {build} has all traffic")));
    }
    let error = switched.err().map_or_else(
        || {
            StepError::inconclusive(Problem::new(format!(
                "traffic of {service} is not with {build}"
            )))
        },
        StepError::from,
    );
    Err(error)
}
