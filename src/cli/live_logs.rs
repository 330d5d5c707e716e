//! `logs --live`: what the builds with traffic log now, and those of the run in progress.

use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Session;
use super::args::LogsArguments;
use super::exit::{Failed, Finished, OK, USAGE};
use super::print;
use crate::domain::error::Problem;
use crate::domain::google_api::GoogleApi;
use crate::domain::ids::BuildId;
use crate::domain::log_level::LogLevel;
use crate::domain::plan::Member;
use crate::domain::planner::EnvironmentSpec;
use crate::domain::runtime_log::{RuntimeEntry, RuntimeTail};
use crate::domain::time::earlier;
use crate::ports::hosting::{Hosting, HostingError, HostingReason};

/// How far back the first reading goes.
const FIRST_PERIOD: Duration = Duration::from_mins(10);
/// Interval of readings: Cloud Logging allows 60 a minute for a project.
const READ_EVERY: Duration = Duration::from_secs(5);

/// A service whose log is read.
struct Reading {
    member: Member,
    builds: Vec<(BuildId, &'static str)>,
    tail: RuntimeTail,
}

pub(super) async fn logs(session: &Session, name: &str, arguments: &LogsArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let spec = session.config()?.spec(name).map_err(usage)?;
    let services = session.app.services();
    let off = || Problem::new(format!("{name} is not running, so that nothing is logged there"));
    let hosting = services.hosting(&spec.endpoint, false).await?.ok_or_else(off)?;
    if hosting.runtime().is_none() {
        let what = format!("the platform of {name} keeps no logs of running builds");
        return Err(Problem::new(what).into());
    }
    let mut readings = readings(session, &spec, hosting.as_ref(), arguments).await?;
    let interrupted = signal(SignalKind::interrupt());
    let mut interrupted =
        interrupted.map_err(|e| Problem::new("no signals").because(e.to_string()))?;
    loop {
        for reading in &mut readings {
            let new = read(hosting.as_ref(), reading).await;
            match new {
                Ok(new) => print(session, reading, &new, arguments.level.into()),
                // The first reading tells whether it can work at all; later ones may pass.
                Err(error) if arguments.follow && error.reason != HostingReason::Forbidden => {
                    print::note(format!("{}: {error}", reading.member.service()));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        if !arguments.follow {
            return Ok(OK);
        }
        tokio::select! {
            _ = interrupted.recv() => return Ok(OK),
            () = session.app.clock.sleep(READ_EVERY) => {}
        }
    }
}

async fn readings(
    session: &Session,
    spec: &EnvironmentSpec,
    hosting: &dyn Hosting,
    arguments: &LogsArguments,
) -> Result<Vec<Reading>, Failed> {
    let live = session.app.services().live(hosting, &spec.members).await?;
    let run = session.runs(Some(&spec.environment), 1)?.0.pop().map(|listed| listed.view);
    let since = earlier(session.app.clock.now(), FIRST_PERIOD);
    let wanted = |member: &&Member| {
        arguments.service.as_deref().is_none_or(|name| name == member.service().as_str())
    };
    let mut readings = Vec::new();
    for member in spec.members.iter().filter(wanted) {
        let mut builds: Vec<(BuildId, &'static str)> = Vec::new();
        let seen = run.as_ref().and_then(|run| run.services.get(member.service()));
        let sides = seen.map(|seen| [(&seen.green, "GREEN"), (&seen.blue, "BLUE")]);
        for (build, side) in sides.into_iter().flatten() {
            builds.extend(build.iter().map(|build| (build.clone(), side)));
        }
        let live = live.iter().find(|(service, _)| *service == member.service());
        if let Some(build) = live.and_then(|(_, build)| build.clone())
            && builds.iter().all(|(known, _)| *known != build)
        {
            builds.push((build, "live"));
        }
        readings.push(Reading { member: member.clone(), builds, tail: RuntimeTail::new(since) });
    }
    if readings.is_empty() {
        let name = arguments.service.as_deref().unwrap_or_default();
        let what = format!("{} has no service {name:?}", spec.environment);
        return Err(Failed::with(USAGE, Problem::new(what)));
    }
    if readings.iter().all(|reading| reading.builds.is_empty()) {
        print::note(format!("{} has no build yet", spec.environment));
    }
    Ok(readings)
}

async fn read(
    hosting: &dyn Hosting,
    reading: &mut Reading,
) -> Result<Vec<RuntimeEntry>, HostingError> {
    let builds: Vec<_> = reading.builds.iter().map(|(build, _)| build.clone()).collect();
    let Some(runtime) = hosting.runtime().filter(|_| !builds.is_empty()) else {
        return Ok(Vec::new());
    };
    let since = reading.tail.since();
    Ok(reading.tail.take(runtime.entries(&reading.member.target, &builds, since).await?))
}

fn print(session: &Session, reading: &Reading, entries: &[RuntimeEntry], least: LogLevel) {
    let service = reading.member.service();
    for entry in entries.iter().filter(|entry| entry.level >= least) {
        let side = reading.builds.iter().find(|(build, _)| *build == entry.build);
        let side = side.map_or("", |(_, side)| *side);
        let at = entry.at.strftime("%H:%M:%S%.3fZ").to_string();
        let level = entry.level.label();
        let text = format!("{at} {service:<10} {side:<5} {level:<5} {}", entry.text);
        session.result(
            &text,
            &json!({
                "at": entry.at, "service": service, "build": entry.build, "side": side, "level": level,
                "text": entry.text,
            }),
        );
    }
}

fn failed(error: HostingError) -> Failed {
    match error.lacks(GoogleApi::Logging) {
        Some(role) => error.problem.try_this(format!("ask for {role} on that project")).into(),
        None => error.problem.into(),
    }
}
