//! Watches the public address after the switch, samples at its start and its end too.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::error::Problem;
use crate::domain::event::Event;
use crate::domain::health::{Sample, SoakWatch, Verdict};
use crate::domain::step::Side;
use crate::domain::time::spoken;
use crate::engine::context::{Context, Done, StepError, StepResult, with_last_line};
use crate::engine::old_clients::gone;

pub(super) async fn perform(context: &Context) -> StepResult {
    let plan = context.plan();
    let policy = plan.policy.soak.clone();
    let mut wanted = BTreeMap::new();
    for member in &plan.members {
        wanted.insert(member.service().clone(), context.wanted(member, Side::Green)?);
    }
    let mut watch = SoakWatch::new(policy.clone(), wanted);
    let clock = &context.outside.clock;
    let (mut last, mut watched, mut blind) = (clock.elapsed(), Duration::ZERO, Duration::ZERO);
    loop {
        let asked = plan.members.iter().map(|m| async move { (m, context.ask_public(m).await) });
        let samples = futures_util::future::join_all(asked).await;
        let is_blind = samples.iter().any(|(_, sample)| matches!(sample, Sample::Blind(_)));
        for (member, sample) in samples {
            let Some(decision) = watch.push(member.service(), &sample) else {
                continue;
            };
            return Err(failed(context, member, decision.evidence).await);
        }
        let now = clock.elapsed();
        *(if is_blind { &mut blind } else { &mut watched }) += now.saturating_sub(last);
        last = now;
        if watch.may_end(watched) {
            break;
        }
        if watch.too_blind(blind) {
            let problem = Problem::new("nobody can say how the services are after the switch")
                .because(format!("blind for {}, {}", spoken(blind), watch.summary()))
                .try_this("mend this machine's network, then retry the step");
            return Err(StepError::inconclusive(problem));
        }
        let left = policy.length.saturating_sub(watched);
        context.progress(None, format!("{} left, {}", spoken(left), watch.summary()));
        // The last wait is cut to the end, so that the soak's last sample is taken at its end.
        let wait = if left.is_zero() { policy.interval } else { policy.interval.min(left) };
        context.sleep(wait).await;
    }
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
    let said = format!("{} watched, {}", spoken(policy.length), watch.summary());
    let gone = gone(context.outside.prober.as_ref(), &context.view).await;
    if gone.is_empty() {
        return Ok(Done::ok(said));
    }
    Ok(Done::warning(format!("{said}; {}", gone.join("; "))))
}

async fn failed(
    context: &Context,
    member: &crate::domain::plan::Member,
    evidence: String,
) -> StepError {
    let service = member.service().clone();
    let problem = Problem::new(format!("{service} became unhealthy after the switch"));
    let problem = problem.because(&evidence);
    let judged = Event::Judged {
        service: service.clone(),
        verdict: Verdict::Fail,
        rule: "soak".to_owned(),
        evidence,
    };
    context.record(judged).await;
    let last = match context.build_of(&service, Side::Green) {
        Ok(build) => context.service_log(member, &build).await,
        Err(_) => None,
    };
    StepError::lasting(with_last_line(problem, last))
}
