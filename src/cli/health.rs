//! `health`: how everything that is watched answers, now or from now on.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::Session;
use super::args::HealthArguments;
use super::exit::{FAILED, Failed, Finished, INCONCLUSIVE, OK, USAGE};
use super::print;
use crate::config::Watching;
use crate::domain::error::Problem;
use crate::domain::planner::EnvironmentSpec;
use crate::domain::probe::{
    Board, Measurement, Probe, ProbeChange, ProbeSnapshot, State, differences,
};
use crate::domain::redact::redacted;
use crate::domain::time::spoken;
use crate::engine::probes::{Wanted, watch_probes};
use crate::engine::proposal::{self, RUNS_SEARCHED};

/// Between the questions of one look.
const PROBE_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Maximum earlier samples considered.
const SAMPLES_LOADED: usize = 120;
/// How often the list of probes is refreshed.
const OBSERVE_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn health(session: &Session, arguments: &HealthArguments) -> Finished {
    let name = arguments.environment.as_str();
    let loaded = session.config()?;
    let usage = |problem| Failed::with(USAGE, problem);
    let (spec, watching) =
        (loaded.spec(name).map_err(usage)?, loaded.watching(name).map_err(usage)?);
    let (probes, _) = watched(session, &spec, &watching).await?;
    if arguments.mute.is_some() || arguments.unmute.is_some() {
        return mute(session, arguments, &probes);
    }
    let mut board = Board::default();
    // Health is shown even if samples cannot be stored.
    let samples = session.app.samples();
    let mutes = samples.as_ref().ok().and_then(|s| s.mutes().ok()).unwrap_or_default();
    board.mute(mutes, session.app.clock.now());
    if arguments.watch {
        let samples = samples?;
        board.watch(probes, |key| samples.recent(key, SAMPLES_LOADED).unwrap_or_default());
        return follow(session, &spec, &watching, board).await;
    }
    // Enough fresh answers for the thresholds, and no earlier ones: this reports the present.
    board.watch(probes, |_| Vec::new());
    let questions: Vec<Probe> = board.probes().cloned().collect();
    let rounds = watching.rules.rise.max(watching.rules.fall);
    let asker = session.app.prober()?;
    // Each at its own pace: who hangs does not make the others old.
    let ask = questions.iter().map(|probe| async {
        let mut heard = Vec::new();
        for round in 0..rounds {
            heard.push(asker.measure(&probe.check, probe.timeout, &probe.controls).await);
            if round + 1 < rounds {
                session.app.clock.sleep(PROBE_AGAIN_AFTER).await;
            }
        }
        heard
    });
    let heard = futures_util::future::join_all(ask).await;
    for (probe, heard) in questions.iter().zip(heard) {
        for one in heard {
            board.hear(&probe.key, one);
        }
    }
    let seen = board.seen();
    let compared = differences(&seen);
    let lines = compared.iter().map(|(service, d)| format!("\n{service}: {}", d.sentence()));
    let text = table(&seen) + &lines.collect::<String>();
    let json = json!({
        "environment": spec.environment,
        "probes": seen.iter().map(json).collect::<Vec<_>>(),
        "compared": compared.iter().map(|(service, d)| json!({
            "service": service, "samples": {"blue": d.samples.0, "green": d.samples.1},
            "bad": {"blue": d.bad.0, "green": d.bad.1},
            "p50": d.p50, "p95": d.p95, "effect": d.effect, "chance": d.chance, "verdict": d.verdict,
        })).collect::<Vec<_>>(),
    });
    session.result(&text, &json);
    Ok(code(&seen))
}

/// The current probes of an environment, and whether its platform was read.
async fn watched(
    session: &Session,
    spec: &EnvironmentSpec,
    watching: &Watching,
) -> Result<(Vec<Probe>, bool), Failed> {
    let (runs, _) = session.runs(Some(&spec.environment), RUNS_SEARCHED)?;
    let runs: Vec<_> = runs.into_iter().map(|listed| listed.view).collect();
    let seen = proposal::look(&session.app.services(), spec, &runs, false).await;
    Ok((proposal::probes(spec, watching, &seen), seen.unseen.is_none()))
}

/// Prints one line per change until it is interrupted.
async fn follow(
    session: &Session,
    spec: &EnvironmentSpec,
    watching: &Watching,
    mut board: Board,
) -> Finished {
    let mut samples = session.app.samples()?;
    let notify = session.config()?.notify();
    let names = vec![spec.environment.clone()];
    let runs = session.app.clone().watch_runs(notify.clone(), names);
    let _watching = AbortOnDropHandle::new(tokio::spawn(runs));
    let now = |board: &Board| Wanted { probes: board.probes().cloned().collect(), now: 0 };
    let (wanted, changed) = watch::channel(now(&board));
    let (sender, mut heard) = mpsc::channel::<(String, Measurement)>(256);
    let (asker, clock) = (session.app.prober()?, session.app.clock.clone());
    tokio::spawn(watch_probes(asker, clock.clone(), changed, sender));
    let failed = |e: std::io::Error| Problem::new("no signals").because(e.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    print::note(format!("watching {}; Ctrl-C ends", spec.environment));
    let mut look = tokio::time::interval(OBSERVE_EVERY);
    let (mut unkept, mut told) = (Vec::new(), false);
    loop {
        let mut looked = false;
        let turned: Vec<ProbeChange> = tokio::select! {
            Some((key, sample)) = heard.recv() => {
                let turned = board.hear(&key, sample.clone());
                unkept.push((key, sample));
                turned.into_iter().collect()
            }
            _ = look.tick() => {
                looked = true;
                let turned = board.tick(clock.now());
                kept(samples.keep(&std::mem::take(&mut unkept), &[]), &mut told);
                kept(samples.prune(), &mut told);
                // A look that fails changes nothing of what is watched.
                if let Ok((probes, true)) = watched(session, spec, watching).await {
                    board.watch(probes, |key| samples.recent(key, SAMPLES_LOADED).unwrap_or_default());
                    wanted.send_replace(now(&board));
                }
                if let Ok(mutes) = samples.mutes() {
                    board.mute(mutes, clock.now());
                }
                turned
            }
            _ = interrupt.recv() => return Ok(code(&board.seen())),
            _ = terminate.recv() => return Ok(code(&board.seen())),
        };
        if looked || !turned.is_empty() {
            session.app.tell_of_probes(&notify, &spec.environment, &turned, &board.seen());
        }
        if !turned.is_empty() {
            kept(samples.keep(&std::mem::take(&mut unkept), &turned), &mut told);
        }
        for ProbeChange { key, name, live, change } in turned {
            let (at, from, to) = (change.at, change.from.label(), change.to.label());
            let text =
                format!("{}  {name}  {from} → {to}  {}", at.strftime("%H:%M:%SZ"), change.why);
            let json = json!({"at": at, "probe": key, "name": name, "live": live, "from": from,
                "to": to, "why": change.why});
            session.result(&text, &json);
        }
    }
}

/// Samples that cannot be kept are reported once: a full disk is no reason to stop watching.
fn kept(result: Result<(), Problem>, told: &mut bool) {
    match result {
        Ok(()) => *told = false,
        Err(problem) if !std::mem::replace(told, true) => {
            print::note(format!("what is heard is not kept: {problem}"));
        }
        Err(_) => {}
    }
}

fn mute(session: &Session, arguments: &HealthArguments, probes: &[Probe]) -> Finished {
    let samples = session.app.samples()?;
    let named = arguments.mute.as_ref().or(arguments.unmute.as_ref());
    let name = named.map_or("", String::as_str);
    let of: Vec<&Probe> = probes.iter().filter(|p| p.name == name || p.label() == name).collect();
    if of.is_empty() {
        let known: Vec<_> = probes.iter().map(Probe::label).collect();
        let problem =
            Problem::new(format!("there is no probe {name:?} on {}", arguments.environment));
        let todo = format!("name one of {}", known.join(", "));
        return Err(Failed::with(USAGE, problem.try_this(todo)));
    }
    let until = match (&arguments.mute, arguments.length, &arguments.reason) {
        (None, ..) => None,
        (Some(_), Some(length), Some(reason)) if !reason.trim().is_empty() => {
            let until = session.app.clock.now().checked_add(length).map_err(|e| {
                Failed::with(USAGE, Problem::new("that is too long").because(e.to_string()))
            })?;
            Some((until, reason.clone()))
        }
        (Some(_), ..) => {
            let problem = Problem::new("a mute has an end and a reason")
                .try_this(format!("--mute {name} --for 30m --reason '…'"));
            return Err(Failed::with(USAGE, problem));
        }
    };
    for probe in of {
        samples.mute(&probe.muted_by(), until.as_ref(), &session.app.actor)?;
    }
    let text = match &until {
        Some((until, reason)) => {
            let (until, reason) = (until.strftime("%H:%M:%SZ"), redacted(reason));
            format!("{name} sends no alerts until {until}: {reason}")
        }
        None => format!("{name} calls again"),
    };
    session.result(&text, &json!({"probe": name, "until": until.map(|(until, _)| until)}));
    Ok(OK)
}

/// What follows for a script: bad is worse than not known.
fn code(seen: &[ProbeSnapshot]) -> u8 {
    let any = |states: &[State]| seen.iter().any(|probe| states.contains(&probe.state));
    if any(&[State::Down, State::Flapping]) {
        FAILED
    } else if any(&[State::Stale, State::Off]) {
        INCONCLUSIVE
    } else {
        OK
    }
}

fn table(seen: &[ProbeSnapshot]) -> String {
    if seen.is_empty() {
        return "No services are running, and no other probes are configured.".to_owned();
    }
    let mut lines = vec![format!(
        "{:<22} {:<9} {:<10} {:>7} {:>7} {:>7}  why",
        "probe", "role", "state", "last", "p50", "p95"
    )];
    for probe in seen {
        let role = match (probe.side, probe.live) {
            (Some(side), true) => format!("{side} live"),
            (Some(side), false) => format!("{side} idle"),
            (None, _) => "-".to_owned(),
        };
        let ms = |time: Option<Duration>| time.map_or("-".to_owned(), milliseconds);
        let state = if probe.muted.is_some() {
            format!("{} muted", probe.state.label())
        } else {
            probe.state.label().to_owned()
        };
        lines.push(format!(
            "{:<22} {role:<9} {state:<10} {:>7} {:>7} {:>7}  {}",
            probe.name,
            ms(probe.last),
            ms(probe.stats.p50),
            ms(probe.stats.p95),
            probe.why
        ));
        lines.push(format!("{:<22} {}", "", probe.address));
    }
    lines.push(seen.first().map_or_else(String::new, |probe| probe.rules.to_string()));
    lines.join("\n")
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn json(probe: &ProbeSnapshot) -> Value {
    let ms = |time: Option<Duration>| time.map(|t| t.as_secs_f64() * 1000.0);
    let fault = probe.fault.as_ref();
    json!({
        "probe": probe.key, "name": probe.name, "side": probe.side, "live": probe.live,
        "address": probe.address, "state": probe.state.label(), "since": probe.since,
        "why": probe.why, "fault": fault.map(|(fault, ..)| fault.label()),
        "said": fault.map(|(_, said, _)| said), "in_a_row": {"good": probe.row.0, "n": probe.row.1},
        "last_ms": ms(probe.last), "p50_ms": ms(probe.stats.p50), "p95_ms": ms(probe.stats.p95),
        "p99_ms": ms(probe.stats.p99), "connect_ms": ms(probe.timing.connect),
        "tls_ms": ms(probe.timing.tls), "first_byte_ms": ms(probe.timing.first_byte), "samples": {"good": probe.stats.good, "bad": probe.stats.bad},
        "answered": probe.answered, "certificate_until": probe.certificate,
        "muted_until": probe.muted.as_ref().map(|(until, _)| until),
        "muted_because": probe.muted.as_ref().map(|(_, reason)| reason),
        "interval": spoken(probe.interval),
    })
}
