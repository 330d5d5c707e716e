//! `health`: probes an environment once, or continuously with `--watch`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::Session;
use super::args::HealthArguments;
use super::exit::{FAILED, Failed, Finished, INCONCLUSIVE, OK, USAGE};
use super::print;
use crate::config::Watching;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::planner::EnvironmentSpec;
use crate::domain::probe::{Board, Probe, ProbeChange, ProbeSnapshot, State, differences};
use crate::domain::redact::redacted;
use crate::domain::time::spoken;
use crate::engine::proposal::{self, RUNS_SEARCHED};
use crate::engine::watch::{Keeper, Order, Report, watch_runs};
use crate::ports::mutes::{Muted, Mutes as _};
use crate::ports::samples::SampleStore as _;

/// Pause between the probes of a single check.
const PROBE_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Maximum number of earlier samples to load per probe.
const SAMPLES_LOADED: usize = 120;
/// Refresh interval of the list of probes.
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
    // Continue without stored samples: a single check does not need them.
    let samples = session.app.samples();
    let now = session.app.clock.now();
    // A single check does not need them.
    let mutes = session.app.readable_store().and_then(|store| store.mutes(now));
    board.mute(mutes.unwrap_or_default(), now);
    if arguments.watch {
        let samples = samples?;
        board.watch(probes, |key| samples.recent(key, SAMPLES_LOADED).unwrap_or_default());
        return follow(session, &spec, &watching, board).await;
    }
    // Take enough new samples for the thresholds and ignore stored ones, to report the current state.
    board.watch(probes, |_| Vec::new());
    let questions: Vec<Probe> = board.probes().cloned().collect();
    let rounds = watching.rules.rise.max(watching.rules.fall);
    let asker = session.app.prober()?;
    // Probe concurrently, so that a hanging target does not delay the others.
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

/// The current probes of an environment, and whether its platform could be read.
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

/// Prints one line per state change until the process gets SIGINT or SIGTERM.
async fn follow(
    session: &Session,
    spec: &EnvironmentSpec,
    watching: &Watching,
    board: Board,
) -> Finished {
    session.app.follow_shared();
    let (services, notify) = (session.app.services(), session.config()?.notify());
    let environment = spec.environment.clone();
    let runs = watch_runs(services.clone(), notify.clone(), vec![spec.clone()]);
    let _watching = AbortOnDropHandle::new(tokio::spawn(runs));
    let (orders, taken) = mpsc::channel(8);
    let (reporter, mut reports) = mpsc::channel(8);
    let keeper = Keeper::new(services, notify, Some(Box::new(session.app.samples()?)));
    let mut keeping = AbortOnDropHandle::new(tokio::spawn(keeper.run(taken, reporter)));
    let order = |probes, certain| Order::Watch(environment.clone(), probes, certain);
    let mut seen = board.seen();
    let _ = orders.send(order(board.probes().cloned().collect(), true)).await;
    let failed = |e: std::io::Error| Problem::new("no signals").because(e.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    print::note(format!("watching {environment}; Ctrl-C stops"));
    let mut look = tokio::time::interval(OBSERVE_EVERY);
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                Some(Report::States { probes, new, .. }) => {
                    seen = probes;
                    changed(session, new);
                }
                Some(Report::NotKept(problem)) => {
                    print::note(format!("probe results cannot be stored: {problem}"));
                }
                None => break,
            },
            _ = look.tick() => {
                // If the observation fails, keep the current probes.
                if let Ok((probes, certain)) = watched(session, spec, watching).await {
                    let _ = orders.send(order(probes, certain)).await;
                }
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    // Closing the channel makes the keeper store the last results and end.
    drop(orders);
    match (&mut keeping).await {
        Ok(Err(problem)) => Err(problem.into()),
        _ => Ok(code(&seen)),
    }
}

fn changed(session: &Session, changes: Vec<ProbeChange>) {
    for ProbeChange { key, name, live, change } in changes {
        let (at, from, to) = (change.at, change.from, change.to);
        let text = format!(
            "{}  {name}  {} → {}  {}",
            at.strftime("%H:%M:%SZ"),
            from.word(),
            to.word(),
            change.why
        );
        let json = json!({"at": at, "probe": key, "name": name, "live": live,
            "from": from.label(), "to": to.label(), "why": change.why});
        session.result(&text, &json);
    }
}

fn mute(session: &Session, arguments: &HealthArguments, probes: &[Probe]) -> Finished {
    let mut mutes = session.app.store()?;
    let named = arguments.mute.as_ref().or(arguments.unmute.as_ref());
    let name = named.map_or("", String::as_str);
    let of: Vec<&Probe> = probes.iter().filter(|p| p.name == name || p.label() == name).collect();
    if of.is_empty() {
        let known: Vec<_> = probes.iter().map(Probe::label).collect();
        let problem = Problem::coded(
            Code::UNKNOWN_NAME,
            format!("there is no probe {name:?} on {}", arguments.environment),
        );
        let todo = format!("name one of {}", known.join(", "));
        return Err(Failed::with(USAGE, problem.try_this(todo)));
    }
    let until = match (&arguments.mute, arguments.length, &arguments.reason) {
        (None, ..) => None,
        (Some(_), Some(length), Some(reason)) if !reason.trim().is_empty() => {
            let until = session.app.clock.now().checked_add(length).map_err(|e| {
                Failed::with(USAGE, Problem::new("the length is too long").because(e.to_string()))
            })?;
            Some((until, reason.clone()))
        }
        (Some(_), ..) => {
            let problem = Problem::coded(Code::REASON_NEEDED, "a mute needs a length and a reason")
                .try_this(format!("--mute {name} --for 30m --reason '…'"));
            return Err(Failed::with(USAGE, problem));
        }
    };
    for probe in of {
        let until = until.as_ref().map(|(until, reason)| (*until, reason.as_str()));
        let by = (session.app.actor(), session.app.clock.now());
        mutes.mute(Muted::Probe(&probe.muted_by()), until, (&by.0, by.1))?;
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

/// The exit code. Down takes precedence over unknown.
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
            format!("{} muted", probe.state.word())
        } else {
            probe.state.word().to_owned()
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
