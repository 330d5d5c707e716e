//! Waits for a platform that is busy with another build of the backend. Such a refusal lasts as long as that build, so
//! it is neither retried in seconds nor a failure.

use std::time::Duration;

use crate::context::{Context, StepError};
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{Build, BuildState, HostingReason, NewBuild};
use pointsman_core::time::{Timestamp, spoken};

/// Time limit of the wait: longer than builds take.
const WAIT_WITHIN: Duration = Duration::from_mins(30);

/// Time limit for finding out what the platform is busy with.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Requests a build as soon as the platform accepts it, and reports which build it is waiting for and that build's age.
/// Checks the lease before each attempt, because the wait may outlast it.
pub(super) async fn request_build(
    context: &Context,
    member: &Member,
    new: &NewBuild,
) -> Result<(), StepError> {
    let clock = &context.outside.clock;
    let began = clock.elapsed();
    let mut looks = 0;
    loop {
        match context.to_act().await.create_build(&member.target, new).await {
            Err(error)
                if error.reason == HostingReason::Busy
                    && clock.elapsed().saturating_sub(began) < WAIT_WITHIN =>
            {
                looks += 1;
                let with = builder(context, member, &new.id).await;
                let said =
                    with.unwrap_or_else(|| "the platform is changing this backend".to_owned());
                if looks == 1 {
                    context.log(member.service(), format!("waiting: {said}"));
                }
                context.progress(Some(member.service()), format!("waiting: {said}"));
                context.sleep(context.outside.hosting.poll_after(looks)).await;
            }
            answer => return Ok(answer?),
        }
    }
}

/// The build that the platform is working on, with its age.
async fn builder(context: &Context, member: &Member, own: &BuildId) -> Option<String> {
    let reading = context.outside.hosting.builds(&member.target);
    let builds = context.within(READ_WITHIN, reading).await?.ok()?;
    let other = |build: &&Build| build.state == BuildState::Working && build.id != *own;
    let build = builds.iter().find(other)?;
    let age = build.created.and_then(|at| age(at, context.outside.clock.now()));
    let age = age.map(|age| format!(" for {}", spoken(age))).unwrap_or_default();
    Some(format!("build {} is under way{age}", build.id))
}

fn age(since: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(since)).ok()
}
