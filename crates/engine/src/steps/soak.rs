//! Monitors the public address after the switch, with a sample at the start and one at the end. While two builds share the
//! traffic, it monitors GREEN at its own address too: customers' answers alone would show a bad GREEN late.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::drift::TrafficReads;
use super::metrics::{self, Exceeded};
use super::runtime_log;
use crate::context::{Context, Done, StepError, StepResult, with_last_line};
use crate::stale_assets::gone;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::health::{Decision, Round, Sample, SoakWatch, Verdict, Wanted};
use pointsman_core::plan::Member;
use pointsman_core::step::Side;
use pointsman_core::time::spoken;

/// An address that is monitored, and the builds that may answer there.
struct Place<'a> {
    member: &'a Member,
    url: String,
    wanted: Vec<Wanted>,
}

/// The places of one soak.
struct Soak<'a> {
    places: Vec<Place<'a>>,
    /// The rule in the facts.
    rule: String,
    /// What a failure says of a service.
    failed: &'static str,
    todo: Option<&'static str>,
    /// Whether GREEN alone answers, so that a bad answer is its own.
    of_green: bool,
    /// Whether the traffic is read along.
    reads_traffic: bool,
}

/// After the switch: GREEN answers everyone.
pub(super) async fn perform(context: &Context) -> StepResult {
    let soak = Soak {
        places: public(context, &[Side::Green])?,
        rule: "soak".to_owned(),
        failed: "became unhealthy after the switch",
        todo: None,
        of_green: true,
        reads_traffic: true,
    };
    let watch = tokio::select! {
        biased;
        exceeded = beside(context) => return Err(exceeds(context, &soak, exceeded).await),
        monitored = monitor(context, &soak) => monitored?,
    };
    let open = end(context, &soak, &[&watch]).await?;
    let gone = gone(context.outside.prober.as_ref(), &context.view).await;
    let open: Vec<_> = open.into_iter().chain(gone).collect();
    Ok(done(context, &watch.summary(), &open))
}

/// With a share of the traffic on GREEN: BLUE or GREEN answers customers, and GREEN answers at its own address.
pub(super) async fn shared(context: &Context, percent: u8) -> StepResult {
    let mut services = context.view.services.values();
    if !services.any(|seen| seen.shared) {
        return Ok(Done::ok("no build was live to share the traffic with"));
    }
    let rule = format!("soak at {percent} %");
    let mut places = public(context, &[Side::Green, Side::Blue])?;
    places.retain(|place| context.service(place.member.service()).shared);
    let both = Soak {
        places,
        rule: rule.clone(),
        failed: "became unhealthy while GREEN had a share of its traffic",
        todo: Some("if BLUE was unhealthy before, deploy its fix with --at-once"),
        of_green: false,
        reads_traffic: true,
    };
    let own = Soak {
        places: own(context)?,
        rule,
        failed: "became unhealthy at GREEN's own address",
        todo: None,
        of_green: true,
        reads_traffic: false,
    };
    let (at_public, at_own) = tokio::select! {
        biased;
        exceeded = beside(context) => return Err(exceeds(context, &both, exceeded).await),
        monitored = async { tokio::try_join!(monitor(context, &both), monitor(context, &own)) } => monitored?,
    };
    let mut open = end(context, &both, &[&at_public, &at_own]).await?;
    let mut said = at_public.summary();
    for place in &both.places {
        let service = place.member.service();
        match at_public.answers_of_first(service) {
            Some(0) if place.wanted.len() > 1 => {
                open.push(format!("no answer of {service} came from GREEN"));
            }
            Some(answers) if place.wanted.len() > 1 => {
                said = format!("{said}; {answers} of {service} from GREEN");
            }
            _ => {}
        }
    }
    if own.places.is_empty() {
        open.push("GREEN has no preview address to ask".to_owned());
    } else {
        said = format!("{said}; GREEN's own address: {}", at_own.summary());
    }
    Ok(done(context, &said, &open))
}

/// The public addresses, where builds of these sides may answer. A side without a build is left out.
fn public<'a>(context: &'a Context, sides: &[Side]) -> Result<Vec<Place<'a>>, StepError> {
    let place = |member: &'a Member| {
        let known = |side: &&Side| {
            **side == Side::Green || context.service(member.service()).build(**side).is_some()
        };
        let wanted = sides.iter().filter(known).map(|side| context.wanted(member, *side));
        let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        Ok(Place { member, url: member.url.clone(), wanted })
    };
    context.plan().members.iter().map(place).collect()
}

/// GREEN's own addresses.
fn own(context: &Context) -> Result<Vec<Place<'_>>, StepError> {
    let members = context.plan().members.iter();
    let with_address = members.filter_map(|member| {
        let seen = context.service(member.service());
        // A person has decided that this address says nothing.
        let asked = seen.shared && !seen.green_left_out;
        Some((member, seen.preview.filter(|_| asked)?))
    });
    let place = |(member, url)| {
        let wanted = vec![context.wanted(member, Side::Green)?];
        Ok(Place { member, url, wanted })
    };
    with_address.map(place).collect()
}

/// Reads what is only read at the end, and records that every service passed. Returns what stays open.
async fn end(
    context: &Context,
    soak: &Soak<'_>,
    watched: &[&SoakWatch],
) -> Result<Vec<String>, StepError> {
    TrafficReads::new(context).at_the_end(context).await?;
    let open = match metrics::at_the_end(context).await {
        Ok(open) => open,
        Err(exceeded) => return Err(exceeds(context, soak, exceeded).await),
    };
    let evidence: Vec<_> = watched.iter().map(|watch| watch.summary()).collect();
    for member in soak.places.iter().map(|place| place.member) {
        context
            .record(Event::Judged {
                service: member.service().clone(),
                verdict: Verdict::Pass,
                rule: soak.rule.clone(),
                evidence: evidence[0].clone(),
            })
            .await;
        let build = context.build_of(member.service(), Side::Green)?;
        context.collect_log(member, &build).await;
    }
    Ok(open)
}

fn done(context: &Context, summary: &str, open: &[String]) -> Done {
    let said = format!("monitored {}, {summary}", spoken(context.plan().policy.soak.length));
    if open.is_empty() {
        return Done::ok(said);
    }
    Done::warning(format!("{said}; {}", open.join("; ")))
}

/// Copies logs and reads figures until figures exceed their limits. Beside the samples: what is read here may be slow,
/// and delays none of them.
async fn beside(context: &Context) -> Exceeded {
    tokio::select! {
        biased;
        exceeded = metrics::exceeded(context) => exceeded,
        never = runtime_log::copied(context) => match never {},
    }
}

/// The figures of the release are beyond the limits of the config. If someone else moved the traffic, the release is not
/// at fault.
async fn exceeds(context: &Context, soak: &Soak<'_>, exceeded: Exceeded) -> StepError {
    if let Err(moved) = TrafficReads::new(context).now(context).await {
        return moved;
    }
    let member = context.plan().member(&exceeded.service);
    let Some(member) = member else { return StepError::lasting(Problem::new(exceeded.evidence)) };
    let decision = Decision {
        verdict: Verdict::Fail,
        evidence: exceeded.evidence,
        of_release: true,
        warns: false,
    };
    failed(context, (soak, member), decision).await
}

/// Samples the places until the soak is over.
async fn monitor(context: &Context, soak: &Soak<'_>) -> Result<SoakWatch, StepError> {
    let plan = context.plan();
    let policy = plan.policy.soak.clone();
    let wanted: BTreeMap<_, _> = soak
        .places
        .iter()
        .map(|place| (place.member.service().clone(), place.wanted.clone()))
        .collect();
    let mut watch = SoakWatch::new(policy.clone(), plan.policy.health.timeout, wanted);
    if soak.places.is_empty() {
        return Ok(watch);
    }
    let mut traffic = TrafficReads::new(context);
    let clock = &context.outside.clock;
    loop {
        let asked = soak.places.iter();
        let asked = asked.map(|p| async move { (p.member, context.ask(p.member, &p.url).await) });
        let reading =
            async { if soak.reads_traffic { traffic.in_time(context).await } else { Ok(()) } };
        let (samples, read) = tokio::join!(join_all(asked), reading);
        let answered = samples.iter().all(|(_, sample)| !matches!(sample, Sample::Blind(_)));
        for (member, sample) in samples {
            if let Some(mut decision) = watch.push(member.service(), &sample) {
                // Where BLUE may have given the answer, it says nothing of the release.
                decision.of_release &= soak.of_green;
                // If someone else moved the traffic, the release is not at fault.
                TrafficReads::new(context).now(context).await?;
                return Err(failed(context, (soak, member), decision).await);
            }
        }
        read?;
        let left = match watch.end_round(clock.elapsed(), answered) {
            Round::Over => return Ok(watch),
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

async fn failed(
    context: &Context,
    (soak, member): (&Soak<'_>, &Member),
    decision: Decision,
) -> StepError {
    let service = member.service().clone();
    let Decision { verdict, evidence, of_release, warns: _ } = decision;
    if of_release {
        context.fault(&service, &evidence).await;
    }
    let problem = Problem::coded(Code::SOAK_FAILED, format!("{service} {}", soak.failed));
    let problem = problem.because(&evidence);
    let problem = match soak.todo {
        Some(todo) => problem.try_this(todo),
        None => problem,
    };
    let rule = soak.rule.clone();
    context.record(Event::Judged { service: service.clone(), verdict, rule, evidence }).await;
    let last = match context.build_of(&service, Side::Green) {
        Ok(build) => context.service_log(member, &build).await,
        Err(_) => None,
    };
    StepError::lasting(with_last_line(problem, last))
}
