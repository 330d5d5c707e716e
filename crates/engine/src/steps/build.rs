//! Builds green for all services in parallel, without traffic.

use std::time::Duration;

use super::busy::request_build;
use super::together::all_of;
use super::{config, preview};
use crate::context::{Context, Done, StepError, StepResult, with_last_line};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::ids::{BackendId, BuildId};
use pointsman_core::plan::{Member, Source};
use pointsman_core::ports::hosting::{Build, BuildState, NewBuild};
use pointsman_core::release::ReleaseLabel;

/// Time limit for a new build to become visible (F15).
const VISIBLE_WITHIN: Duration = Duration::from_mins(2);

/// Poll interval of a build's log during the build.
const LOG_POLL: Duration = Duration::from_secs(1);

pub(super) async fn perform(context: &Context) -> StepResult {
    let members = &context.plan().members;
    let built = futures_util::future::join_all(members.iter().map(|m| one(context, m))).await;
    // Wait for every service before reporting a failure, so that none is left unknown.
    let built = all_of(built)?;
    let warning = built.iter().any(|(_, odd)| *odd);
    let summary = built.into_iter().map(|(said, _)| said).collect::<Vec<_>>().join(", ");
    Ok(Done { summary, warning })
}

/// Builds one service. Returns its summary, and whether a person should check it.
async fn one(context: &Context, member: &Member) -> Result<(String, bool), StepError> {
    let service = member.service();
    let id = match still_good(context, member).await? {
        Some(id) => id,
        None => order(context, member).await?,
    };
    let build = wait(context, member, &id).await?;
    context.collect_log(member, &id).await;
    if build.state != BuildState::Ready {
        let last = context.failure_log(member, &id).await;
        let problem = build
            .problem
            .unwrap_or_else(|| Problem::coded(Code::BUILD_FAILED, format!("build {id} failed")));
        let mut problem = with_last_line(problem, last);
        if problem.todo.is_empty() {
            problem =
                problem.try_this(format!("read its log: pointsman logs {}", context.view.number.0));
        }
        return Err(StepError::lasting(problem));
    }
    // The platform's own preview address wins over the template in the config.
    let release = context.plan().release.as_ref();
    let preview = match build.preview.or_else(|| member.green_at(&id, release)) {
        Some(address) => Some(address),
        None => preview::open(context, member, &id).await,
    };
    context
        .record(Event::GreenReady { service: service.clone(), build: id.clone(), preview })
        .await;
    let linted = context.plan().lint.as_ref();
    let bound = build.config.bound();
    let unbound = linted.zip(bound.as_ref()).and_then(|(l, bound)| l.unbound(service, bound));
    let skipped = config::of_its_environment(context, member, &id, &build.config)?;
    let changed = match context.service(service).blue {
        Some(blue) => config::compared(context, member, &blue, (&id, &build.config)).await,
        None => None,
    };
    let odd = unbound.is_some() || skipped.is_some();
    let said = [Some(format!("{service}: {id}")), changed, unbound, skipped];
    Ok((said.into_iter().flatten().collect::<Vec<_>>().join(", "), odd))
}

/// The build that an earlier attempt requested, unless it can never become live. If the platform does not have it, it
/// is requested again under the same id and request id, so that nothing is built twice, whether the request was lost or
/// only its reply.
async fn still_good(context: &Context, member: &Member) -> Result<Option<BuildId>, StepError> {
    let seen = context.service(member.service());
    let (Some(id), Some(request_id)) = (seen.green, seen.green_request) else { return Ok(None) };
    match context.outside.hosting.build(&member.target, &id).await? {
        Some(build) if build.state == BuildState::Unusable => return Ok(None),
        Some(_) => {}
        None => {
            let (release, source) = ordered(context, member)?;
            let accepts = member.accepts.clone();
            let new = NewBuild { id: id.clone(), request_id, release, source, accepts };
            request_build(context, member, &new).await?;
        }
    }
    Ok(Some(id))
}

/// The release and the source to build, from the plan.
fn ordered(context: &Context, member: &Member) -> Result<(ReleaseLabel, Source), StepError> {
    let missing = |what: &str| {
        StepError::lasting(Problem::new(format!("the plan has no {what} for {}", member.service())))
    };
    let release = context.plan().release.clone().ok_or_else(|| missing("release"))?;
    Ok((release, member.source.clone().ok_or_else(|| missing("source"))?))
}

async fn order(context: &Context, member: &Member) -> Result<BuildId, StepError> {
    let service = member.service();
    let (release, source) = ordered(context, member)?;
    let id = build_id(member.target.backend(), release.as_str(), context.view.number.0);
    let id = id.map_err(StepError::lasting)?;
    let request_id = uuid::Uuid::new_v4().to_string();
    context
        .record(Event::BuildRequested {
            service: service.clone(),
            build: id.clone(),
            request_id: request_id.clone(),
            release: release.clone(),
            source: source.clone(),
        })
        .await;
    let accepts = member.accepts.clone();
    let new = NewBuild { id: id.clone(), request_id, release, source, accepts };
    request_build(context, member, &new).await?;
    Ok(id)
}

/// Maximum characters of a Cloud Run name. The revision of a build is `{backend}-{build}`.
const REVISION_NAME: usize = 63;
/// Maximum characters of the release in a build id.
const RELEASE_PART: usize = 24;

/// `b-1-1-0-r12-9f3a2c`: the release for people, the run for the journal, and a random part in case two stores use the
/// same run number. Google's CLI counts up instead, so two deployers can collide. The release gives way to a long name of
/// the backend.
fn build_id(backend: &BackendId, release: &str, run: u64) -> Result<BuildId, Problem> {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let end = format!("r{run}-{}", &random[..6]);
    let taken = backend.as_str().len() + "-".len() + "b-".len() + "-".len() + end.len();
    let room = REVISION_NAME.saturating_sub(taken).min(RELEASE_PART);
    let spelled: String = release
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(room)
        .collect();
    match spelled.trim_matches('-') {
        "" => BuildId::new(format!("b-{end}")),
        spelled => BuildId::new(format!("b-{spelled}-{end}")),
    }
}

async fn wait(context: &Context, member: &Member, id: &BuildId) -> Result<Build, StepError> {
    let hosting = &context.outside.hosting;
    let began = context.outside.clock.elapsed();
    let (mut looks, mut heard) = (0, began);
    loop {
        // Follow the log during the build, but less often than its state.
        let now = context.outside.clock.elapsed();
        if now.saturating_sub(heard) >= LOG_POLL {
            heard = now;
            context.collect_log(member, id).await;
        }
        match hosting.build(&member.target, id).await? {
            Some(build) if build.state != BuildState::Working => return Ok(build),
            Some(build) => context.progress(Some(member.service()), build.state_word.clone()),
            None if context.outside.clock.elapsed().saturating_sub(began) > VISIBLE_WITHIN => {
                return Err(StepError::inconclusive(Problem::new(format!(
                    "build {id} was requested but does not appear"
                ))));
            }
            None => context.progress(Some(member.service()), "waiting for it to be visible"),
        }
        looks += 1;
        context.sleep(hosting.poll_after(looks)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revision_of_a_build_fits_a_cloud_run_name() {
        for backend in ["a", "toto-app", "a-backend-with-a-name-of-forty-characters"] {
            let backend = BackendId::new(backend).unwrap();
            for release in ["1.4.1", "main@0123456789abcdef0123456789abcdef01234567", "__"] {
                for run in [1, 12_345] {
                    let id = build_id(&backend, release, run).unwrap();
                    let name = format!("{backend}-{id}");
                    assert!(name.len() <= REVISION_NAME, "{name}");
                    assert!(!name.contains("--") && id.as_str().contains(&format!("r{run}-")));
                }
            }
        }
        let id = build_id(&BackendId::new("toto-app").unwrap(), "1.4.1", 7).unwrap();
        assert!(id.as_str().starts_with("b-1-4-1-r7-"), "{id}");
    }

    #[test]
    fn build_ids_fit_the_platform_rule() {
        let backend = BackendId::new("toto-app").unwrap();
        for release in ["1.1.0", "1.2.0-broken", "Ünï-X", "..", &"9".repeat(64)] {
            let id = build_id(&backend, release, u64::MAX).unwrap();
            let id = id.as_str();
            assert!(id.len() <= 63 && id.starts_with('b') && !id.ends_with('-'), "{id}");
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
    }
}
