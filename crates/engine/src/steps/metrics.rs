//! The soak's judgement of the platform's own figures. They come minutes late, so that they are read again during the
//! soak, and few or missing ones neither pass nor fail.

use std::time::Duration;

use super::schema::gives_back;
use crate::context::Context;
use crate::figures::judged;
use crate::side_by_side::side_by_side;
use pointsman_core::event::Event;
use pointsman_core::health::Verdict;
use pointsman_core::ids::ServiceName;
use pointsman_core::plan::Member;

/// Interval of readings: the platform reports minutes.
const READ_EVERY: Duration = Duration::from_secs(30);

/// A service whose figures are beyond their limits.
pub(super) struct Exceeded {
    pub(super) service: ServiceName,
    pub(super) evidence: String,
}

/// Reads them until some exceed their limits: nothing else says anything before the end.
pub(super) async fn exceeded(context: &Context) -> Exceeded {
    loop {
        context.sleep(READ_EVERY).await;
        let judged = all(context).await;
        if let Some(bad) = judged.into_iter().find(|one| one.verdict == Verdict::Fail) {
            return Exceeded { service: bad.service, evidence: bad.said };
        }
    }
}

/// Reads them at the end, records each verdict, and returns what stays open.
pub(super) async fn at_the_end(context: &Context) -> Result<Vec<String>, Exceeded> {
    let mut open = Vec::new();
    for Judgement { service, rule, verdict, said } in all(context).await {
        if verdict == Verdict::Fail {
            return Err(Exceeded { service, evidence: said });
        }
        if verdict == Verdict::Inconclusive {
            open.push(format!("{service} {rule} inconclusive: {said}"));
        }
        context.record(Event::Judged { service, verdict, rule, evidence: said }).await;
    }
    Ok(open)
}

struct Judgement {
    service: ServiceName,
    /// `metrics errors`, `metrics p95`, or `metrics`.
    rule: String,
    verdict: Verdict,
    said: String,
}

async fn all(context: &Context) -> Vec<Judgement> {
    // A rollback is judged by nothing that comes minutes late.
    if gives_back(context) {
        return Vec::new();
    }
    let members = context.plan().members.iter();
    side_by_side(members.map(|member| one(context, member))).await.into_iter().flatten().collect()
}

async fn one(context: &Context, member: &Member) -> Vec<Judgement> {
    let Some(rules) = &context.plan().policy.soak.metrics else { return Vec::new() };
    let service = member.service().clone();
    let seen = context.service(&service);
    let judged = judged(&context.outside, (context.plan(), member), &seen, rules).await;
    match judged {
        Ok(judged) => judged
            .into_iter()
            .map(|one| Judgement {
                service: service.clone(),
                rule: format!("metrics {}", one.rule),
                verdict: one.verdict,
                said: one.said,
            })
            .collect(),
        Err(said) => {
            let (rule, verdict) = ("metrics".to_owned(), Verdict::Inconclusive);
            vec![Judgement { service, rule, verdict, said }]
        }
    }
}
