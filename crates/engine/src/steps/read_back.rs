//! A request that moves traffic, and the traffic that was read back after it.

use std::time::Duration;

use super::settled;
use crate::context::{Context, Done, StepError, StepResult};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::ids::ServiceName;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{Answer, Traffic};
use pointsman_core::step::Failure;
use pointsman_core::time::spoken;
use pointsman_core::view::TrafficState;

/// Time limit for reading the traffic back; after it the live build is unknown.
const READ_BACK_WITHIN: Duration = Duration::from_secs(20);

/// Readings of traffic that moves after a change whose answer was lost; with Google's back-off they take three minutes.
const READINGS: u32 = 20;

/// Sends a change of a service's traffic, then reads the traffic, whatever the answer was: a lost reply is not a lost
/// change. Also returns the error of the change, if it had one. A change that was not sent, because another person had
/// moved the traffic, is read once that person's change has ended.
pub(super) async fn after(
    context: &Context,
    member: &Member,
    wanted: &TrafficState,
    change: Answer<'_, Traffic>,
) -> Result<(Option<StepError>, Traffic), StepError> {
    let service = member.service();
    let limit = context.plan().endpoint.capabilities().switch_within;
    let mut error = match context.within(limit, change).await {
        Some(answer) => answer.err().map(StepError::from),
        None => Some(no_answer(service, limit)),
    };
    if let Some(moved) = error.take_if(|error| error.class == Failure::Drift) {
        return match settled::traffic(context, member).await {
            Ok(traffic) if !traffic.moving => Ok((Some(moved), traffic)),
            _ => Err(moved),
        };
    }
    let mut looks = 0;
    let traffic = loop {
        let reading = context.outside.hosting.traffic(&member.target);
        let Some(traffic) = context.within(READ_BACK_WITHIN, reading).await else {
            return Err(unread(service, error));
        };
        let traffic = traffic?;
        looks += 1;
        // Without an answer, anything may be on its way: this change, or one of this run that it should have replaced.
        if error.is_none() || !traffic.moving || looks == READINGS {
            break traffic;
        }
        context.progress(Some(service), "waiting until its traffic has moved");
        context.sleep(context.outside.hosting.poll_after(looks)).await;
    };
    // Traffic on its way is not known: what is in effect may be over in a moment.
    let arrived = error.is_none() && TrafficState::of(&traffic.splits).is_same_as(wanted);
    if traffic.moving && !arrived {
        return Err(unread(service, error));
    }
    Ok((error, traffic))
}

/// The result of a change from the error of its request and from what was read back.
pub(super) fn result(error: Option<StepError>, read_back: StepResult) -> StepResult {
    match (error, read_back) {
        (Some(error), Err(_)) => Err(error),
        // Warn about the platform's error, even though traffic moved.
        (Some(error), Ok(done)) => {
            Ok(Done::warning(format!("{}, though {}", done.summary, error.problem)))
        }
        (None, read_back) => read_back,
    }
}

fn no_answer(service: &ServiceName, limit: Duration) -> StepError {
    StepError::inconclusive(
        Problem::coded(
            Code::SWITCH_UNKNOWN,
            format!("the switch of {service} did not end within {}", spoken(limit)),
        )
        .because("the platform gave no answer; the switch may still happen")
        .try_this("pointsman status shows which build is live; then retry or roll back"),
    )
}

/// The live build is unknown: the traffic could not be read back, or is still moving.
fn unread(service: &ServiceName, switched: Option<StepError>) -> StepError {
    let why = switched
        .map_or("the platform accepted the switch and then stopped answering".into(), |e| {
            e.problem.sentence()
        });
    StepError::inconclusive(
        Problem::coded(
            Code::SWITCH_UNKNOWN,
            format!("the live build of {service} is unknown after its switch"),
        )
        .because(why)
        .try_this("pointsman status shows which build is live; then retry or roll back"),
    )
}
