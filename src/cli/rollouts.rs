//! `allow-rollouts`: enables automatic rollouts again that an ended run left disabled.

use serde_json::json;

use super::Session;
use super::args::Yes;
use super::confirm::confirm;
use super::exit::{Failed, Finished, OK, USAGE};
use crate::domain::gate::Answers;
use crate::engine::proposal;

pub(super) async fn allow(session: &Session, environment: &str, yes: &Yes) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let spec = loaded.spec(environment).map_err(usage)?;
    let protection = loaded.protection(environment).map_err(usage)?;
    let services = session.app.services();
    let pushed = proposal::pushed_meanwhile(&services, &loaded, &spec).await;
    let what = format!(
        "Enables automatic rollouts of {environment} where a run disabled them: the next push is built and goes live \
         by itself, whatever it contains. \
         Only runs of this store are known: if one of another machine is under way, it disabled them on purpose."
    );
    let what = pushed.iter().fold(what, |what, line| format!("{what}\n{line}"));
    let name = spec.environment.clone();
    let answers = Answers { yes: yes.yes, confirm: yes.confirm.clone() };
    confirm(&name, name.as_str(), protection, answers, &what)?;
    let allowed = proposal::allow_rollouts(&services, &spec).await?;
    tracing::info!(
        environment,
        ?allowed,
        actor = session.app.actor(),
        "automatic rollouts allowed"
    );
    let names: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    let said = match names.as_slice() {
        [] => format!("no run left automatic rollouts of {environment} disabled"),
        names => format!("automatic rollouts of {} are enabled, read back", names.join(", ")),
    };
    session.result(
        &said,
        &json!({ "environment": environment, "allowed": allowed, "pushed": pushed }),
    );
    Ok(OK)
}
