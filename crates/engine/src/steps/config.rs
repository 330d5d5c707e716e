//! What a build carries besides its code: compared with the live build, and checked for the environment's own file.

use std::time::Duration;

use crate::context::{Context, StepError};
use pointsman_core::build_config::{self, BuildConfig, compare};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::policy::Protection;

/// Time limit for reading the live build: what it tells is evidence, and no step waits for it.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Checks that the backend has an environment name. Without one, App Hosting ignores the environment's file. A typed
/// environment refuses the deploy; in others, returns a warning.
pub(super) async fn environment_name(
    context: &Context,
    member: &Member,
) -> Result<Option<String>, StepError> {
    let (plan, service) = (context.plan(), member.service());
    let own = plan.lint.as_ref().and_then(|lint| lint.own_files.get(service));
    let typed = plan.policy.protection == Protection::Typed;
    if own.is_none() && !typed {
        return Ok(None);
    }
    if !context.outside.hosting.lacks_environment(&member.target).await? {
        return Ok(None);
    }
    let own = own.map_or("the file of its environment".to_owned(), |own| own.name.clone());
    let what = format!("the backend of {service} has no environment name");
    if !typed {
        return Ok(Some(format!("{what}: {own} is not read")));
    }
    let problem = Problem::coded(Code::WRONG_ENVIRONMENT, what)
        .because(format!("it would be built without {own}"))
        .try_this(format!("set it: {}", plan.endpoint.set_environment(&member.target)));
    Err(StepError::lasting(problem))
}

/// Records how a build differs from `blue`, the live one. Returns the differences in a few words, or why they are
/// unknown; `None` if the platform tells nothing about either.
pub(super) async fn compared(
    context: &Context,
    member: &Member,
    blue: &BuildId,
    (build, config): (&BuildId, &BuildConfig),
) -> Option<String> {
    let reading = context.outside.hosting.build(&member.target, blue);
    let Some(Ok(Some(live))) = context.within(READ_WITHIN, reading).await else {
        return Some("not compared: the live build cannot be read".to_owned());
    };
    record(context, member, &live.config, (build, config)).await
}

/// Records how a build differs from the live one. Returns the differences in a few words; `None` if the platform does not
/// report the configuration of both.
pub(super) async fn record(
    context: &Context,
    member: &Member,
    live: &BuildConfig,
    (build, config): (&BuildId, &BuildConfig),
) -> Option<String> {
    let changes = compare(live, config)?;
    let words = build_config::summary(&changes);
    let (service, build) = (member.service().clone(), build.clone());
    context.record(Event::ConfigCompared { service, build, changes }).await;
    Some(words)
}

/// Whether the variables of the environment's own file came from that file. A build whose file was not read has the
/// settings of no environment: a typed environment refuses it, others warn.
pub(super) fn of_its_environment(
    context: &Context,
    member: &Member,
    id: &BuildId,
    config: &BuildConfig,
) -> Result<Option<String>, StepError> {
    let lint = context.plan().lint.as_ref();
    let Some(own) = lint.and_then(|lint| lint.own_files.get(member.service())) else {
        return Ok(None);
    };
    let skipped = config.not_from(&own.name, &own.variables).unwrap_or_default();
    if skipped.is_empty() {
        return Ok(None);
    }
    let what = format!("{} was not applied to {id}: {}", own.name, skipped.join(", "));
    if context.plan().policy.protection != Protection::Typed {
        return Ok(Some(what));
    }
    let environment = &context.plan().environment;
    Err(StepError::lasting(
        Problem::coded(Code::WRONG_ENVIRONMENT, what)
            .because(format!(
                "the backend's environment name is not {environment}, or the file is not in the source"
            ))
            .try_this(format!(
                "set the environment name, then deploy again: {}",
                context.plan().endpoint.set_environment(&member.target)
            )),
    ))
}
