//! Verifies which build answers at the public address (N1). The platform's own report is not enough.

use futures_util::future::join_all;

use super::drift::TrafficReads;
use super::serving::explain;
use super::together::all_of;
use crate::context::{Context, Done, StepError, StepResult, with_last_line};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::{ATTESTATION, Event};
use pointsman_core::health::{Attestation, Decision, Verdict};
use pointsman_core::plan::Member;
use pointsman_core::step::Side;

pub(super) async fn perform(context: &Context, side: Side) -> StepResult {
    let members = &context.plan().members;
    let moved = members.iter().filter(|m| context.service(m.service()).switch_asked);
    let moved: Vec<&Member> = moved.collect();
    let asked = join_all(moved.iter().map(|member| ask(context, member, side))).await;
    // Answers and traffic must agree. Read the traffic first: if someone else moved it, the release is not at fault.
    let mut reads = TrafficReads::new(context);
    reads.patiently(context).await?;
    let asked = all_of(asked)?;
    let ended = moved.iter().zip(asked);
    let ended = ended.map(|(member, decision)| conclude(context, member, side, decision));
    let all = all_of(join_all(ended).await)?;
    let summary = all.iter().map(|(said, _)| said.as_str()).collect::<Vec<_>>().join("; ");
    let warning = all.iter().any(|(_, unproven)| *unproven);
    Ok(match reads.unread {
        None => Done { summary, warning },
        Some(why) => Done::warning(format!("{summary}; traffic not read again: {why}")),
    })
}

/// Probes the public address of a service until there is a decision, and says who answered. `None`: no answer would
/// prove anything.
async fn ask(
    context: &Context,
    member: &Member,
    side: Side,
) -> Result<Option<(Decision, String)>, StepError> {
    let service = member.service();
    let policy = context.plan().policy.attest.clone();
    let (clock, interval) = (&context.outside.clock, policy.interval);
    let wanted = context.wanted(member, side)?;
    if wanted.proves_nothing() {
        return Ok(None);
    }
    let mut attestation = Attestation::new(policy, wanted);
    let began = clock.elapsed();
    let decision = loop {
        let sample = context.ask_public(member).await;
        if let Some(decision) = attestation.push(&sample, clock.elapsed().saturating_sub(began)) {
            break decision;
        }
        context.progress(Some(service), attestation.who());
        context.sleep(interval).await;
    };
    context
        .record(Event::Judged {
            service: service.clone(),
            verdict: decision.verdict,
            rule: ATTESTATION.to_owned(),
            evidence: decision.evidence.clone(),
        })
        .await;
    Ok(Some((decision, attestation.who())))
}

/// The summary of a decision, and whether it is only a warning.
async fn conclude(
    context: &Context,
    member: &Member,
    side: Side,
    decision: Option<(Decision, String)>,
) -> Result<(String, bool), StepError> {
    let service = member.service();
    let build = context.build_of(service, side)?;
    let Some((Decision { verdict, evidence, of_release, warns }, who)) = decision else {
        return Ok((format!("{service}: {build} cannot be told from another build"), true));
    };
    if verdict == Verdict::Fail && of_release && side == Side::Green {
        context.fault(service, &evidence).await;
    }
    let last = context.service_log(member, &build).await;
    let problem = |what: &str| {
        with_last_line(Problem::coded(Code::VERIFY_FAILED, what).because(&evidence), last.clone())
    };
    let what = match verdict {
        Verdict::Pass => return Ok((format!("{service}: {evidence}"), warns)),
        Verdict::Fail => format!("{build} does not answer for {service}"),
        Verdict::Inconclusive => format!("the build that answers for {service} is unknown"),
    };
    let problem = explain(context, member, &build, &who, problem(&what)).await;
    Err(if verdict == Verdict::Fail {
        StepError::lasting(problem)
    } else {
        StepError::inconclusive(problem)
    })
}
