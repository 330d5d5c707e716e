//! Monitors the public address after the switch, with a sample at the start and one at the end.

use std::collections::BTreeMap;

use super::drift::TrafficReads;
use super::metrics::{self, Exceeded};
use super::runtime_log;
use crate::context::{Context, Done, StepError, StepResult, with_last_line};
use crate::stale_assets::gone;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::health::{Decision, Round, Sample, SoakWatch, Verdict};
use pointsman_core::plan::Member;
use pointsman_core::step::Side;
use pointsman_core::time::spoken;

pub(super) async fn perform(context: &Context) -> StepResult {
    let plan = context.plan();
    // Side by side: what is read beside the samples may be slow, and delays none of them.
    let (watch, mut traffic) = tokio::select! {
        monitored = monitor(context) => monitored?,
        exceeded = beside(context) => {
            TrafficReads::new(context, Side::Green).now(context).await?;
            return Err(exceeds(context, exceeded).await);
        }
    };
    traffic.at_the_end(context).await?;
    let open = match metrics::at_the_end(context).await {
        Ok(open) => open,
        Err(exceeded) => return Err(exceeds(context, exceeded).await),
    };
    for member in &plan.members {
        context
            .record(Event::Judged {
                service: member.service().clone(),
                verdict: Verdict::Pass,
                rule: "soak".to_owned(),
                evidence: watch.summary(),
            })
            .await;
        let build = context.build_of(member.service(), Side::Green)?;
        context.collect_log(member, &build).await;
    }
    let said = format!("monitored {}, {}", spoken(plan.policy.soak.length), watch.summary());
    let gone = gone(context.outside.prober.as_ref(), &context.view).await;
    let odd: Vec<_> = open.into_iter().chain(gone).collect();
    if odd.is_empty() {
        return Ok(Done::ok(said));
    }
    Ok(Done::warning(format!("{said}; {}", odd.join("; "))))
}

/// Copies logs and reads figures until figures exceed their limits.
async fn beside(context: &Context) -> Exceeded {
    tokio::select! {
        exceeded = metrics::exceeded(context) => exceeded,
        never = runtime_log::copied(context) => match never {},
    }
}

/// The figures of the release are beyond the limits of the config.
async fn exceeds(context: &Context, exceeded: Exceeded) -> StepError {
    let member = context.plan().member(&exceeded.service);
    let Some(member) = member else { return StepError::lasting(Problem::new(exceeded.evidence)) };
    let decision = Decision {
        verdict: Verdict::Fail,
        evidence: exceeded.evidence,
        of_release: true,
        warns: false,
    };
    failed(context, member, decision).await
}

/// Samples the public addresses until the soak is over.
async fn monitor(context: &Context) -> Result<(SoakWatch, TrafficReads), StepError> {
    let plan = context.plan();
    let policy = plan.policy.soak.clone();
    let mut wanted = BTreeMap::new();
    for member in &plan.members {
        wanted.insert(member.service().clone(), context.wanted(member, Side::Green)?);
    }
    let mut watch = SoakWatch::new(policy.clone(), plan.policy.health.timeout, wanted);
    let mut traffic = TrafficReads::new(context, Side::Green);
    let clock = &context.outside.clock;
    loop {
        let asked = plan.members.iter().map(|m| async move { (m, context.ask_public(m).await) });
        let (samples, read) =
            tokio::join!(futures_util::future::join_all(asked), traffic.in_time(context));
        let answered = samples.iter().all(|(_, sample)| !matches!(sample, Sample::Blind(_)));
        for (member, sample) in samples {
            if let Some(decision) = watch.push(member.service(), &sample) {
                // If someone else moved the traffic, the release is not at fault.
                traffic.now(context).await?;
                return Err(failed(context, member, decision).await);
            }
        }
        read?;
        let left = match watch.end_round(clock.elapsed(), answered) {
            Round::Over => return Ok((watch, traffic)),
            Round::Left(left) => left,
            Round::TooBlind(blind) => {
                let problem = Problem::coded(
                    Code::PLATFORM_SILENT,
                    "the state of the services after the switch is unknown",
                )
                .because(format!("could not ask for {}, {}", spoken(blind), watch.summary()))
                .try_this("fix this machine's network, then retry the step");
                return Err(StepError::inconclusive(problem));
            }
        };
        context.progress(None, format!("{} left, {}", spoken(left), watch.summary()));
        // Shorten the last wait, so that the last sample is taken at the end of the soak.
        let wait = if left.is_zero() { policy.interval } else { policy.interval.min(left) };
        context.sleep(wait).await;
    }
}

async fn failed(context: &Context, member: &Member, decision: Decision) -> StepError {
    let service = member.service().clone();
    let Decision { verdict, evidence, of_release, warns: _ } = decision;
    if of_release {
        context.fault(&service, &evidence).await;
    }
    let problem =
        Problem::coded(Code::SOAK_FAILED, format!("{service} became unhealthy after the switch"));
    let problem = problem.because(&evidence);
    let rule = "soak".to_owned();
    context.record(Event::Judged { service: service.clone(), verdict, rule, evidence }).await;
    let last = match context.build_of(&service, Side::Green) {
        Ok(build) => context.service_log(member, &build).await,
        Err(_) => None,
    };
    StepError::lasting(with_last_line(problem, last))
}
