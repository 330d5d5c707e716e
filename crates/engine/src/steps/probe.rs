//! Checks the health of one side: green at its own address before it has traffic, or the live build at
//! the public address after a rollback.

use super::together::all_of;
use super::{indexes, preview};
use crate::context::{Context, Done, StepError, StepResult, with_last_line};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::{Event, GREEN_GATE};
use pointsman_core::health::{Decision, GreenGate, Verdict};
use pointsman_core::plan::Member;
use pointsman_core::step::Side;

pub(super) async fn green(context: &Context) -> StepResult {
    // First, so that what is then said of GREEN's health is recent.
    indexes::ready(context).await?;
    let members = &context.plan().members;
    let asked = members.iter().map(|member| async move {
        let Some(preview) = context.service(member.service()).preview else {
            return Ok(None);
        };
        gate(context, member, Side::Green, &preview, GREEN_GATE).await
    });
    let all = all_of(futures_util::future::join_all(asked).await)?;
    if all.iter().any(Option::is_none) {
        return Ok(Done::warning(
            "GREEN cannot be reached before the switch here; the platform's own check is used instead",
        ));
    }
    Ok(Done::ok(all.into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

pub(super) async fn public(context: &Context, side: Side) -> StepResult {
    let members = &context.plan().members;
    let moved = members.iter().filter(|m| context.service(m.service()).switch_asked);
    let asked = moved.map(|m| gate(context, m, side, &m.url, "public health"));
    let all = all_of(futures_util::future::join_all(asked).await)?;
    Ok(Done::ok(all.into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

/// Probes one address until the gate decides. `None`: GREEN's address was taken away meanwhile, which says nothing about
/// GREEN. The public probe of a rollback uses a shorter interval than green's gate,
/// because users are already on that build.
async fn gate(
    context: &Context,
    member: &Member,
    side: Side,
    base: &str,
    rule: &str,
) -> Result<Option<String>, StepError> {
    let service = member.service();
    let mut policy = context.plan().policy.health.clone();
    if rule != GREEN_GATE {
        policy.interval = policy.interval.min(context.plan().policy.attest.interval);
    }
    let interval = policy.interval;
    let mut gate = GreenGate::new(policy, context.wanted(member, side)?);
    let Decision { verdict, evidence, .. } = loop {
        let sample = context.ask(member, base).await;
        if let Some(decision) = gate.push(&sample) {
            break decision;
        }
        context.progress(Some(service), gate.progress());
        context.sleep(interval).await;
    };
    let build = context.build_of(service, side)?;
    let green = rule == GREEN_GATE && verdict != Verdict::Pass;
    let tagged = green && context.plan().preview.is_some();
    if tagged && preview::is_gone(&context.outside, &member.target, &build).await {
        let said = "WARN the preview address was taken away at Cloud Run; going on without it";
        context.log(service, said);
        let (service, preview) = (service.clone(), None);
        context.record(Event::GreenReady { service, build, preview }).await;
        return Ok(None);
    }
    context
        .record(Event::Judged {
            service: service.clone(),
            verdict,
            rule: rule.to_owned(),
            evidence: evidence.clone(),
        })
        .await;
    let last = context.service_log(member, &build).await;
    let (what, code) = if rule == GREEN_GATE {
        (format!("{service} GREEN"), Code::CANDIDATE_UNHEALTHY)
    } else {
        (format!("the public address of {service}"), Code::VERIFY_FAILED)
    };
    let problem = |is: &str| {
        with_last_line(
            Problem::coded(code, format!("{what} {is}")).because(&evidence),
            last.clone(),
        )
    };
    match verdict {
        Verdict::Pass => Ok(Some(format!("{service}: {evidence}"))),
        Verdict::Fail => Err(StepError::lasting(problem("is not healthy"))),
        Verdict::Inconclusive => {
            Err(StepError::inconclusive(problem("is not known to be healthy")))
        }
    }
}
