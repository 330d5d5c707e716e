//! Enables automatic rollouts again that an ended run left disabled, because a person allows it.

use super::Refusal;
use crate::services::Services;
use pointsman_core::error::Problem;
use pointsman_core::ids::ServiceName;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::hosting::Automatic;

/// Enables automatic rollouts of every service where a run disabled them, and reads each back. Returns these services.
pub async fn allow_rollouts(
    ports: &Services,
    spec: &EnvironmentSpec,
) -> Result<Vec<ServiceName>, Refusal> {
    free(ports, spec)?;
    let hosting = ports.hosting(&spec.endpoint, false).await.map_err(Refusal::Failed)?;
    let Some(hosting) = hosting else {
        return Err(Refusal::Failed(Problem::new("the emulator is not running")));
    };
    let traffic = ports.traffic(hosting.as_ref(), &spec.members).await.map_err(Refusal::Failed)?;
    let mut allowed = Vec::new();
    for member in &spec.members {
        let service = member.service();
        let automatic = traffic.get(service).cloned().flatten().map(|traffic| traffic.automatic);
        let Some(Automatic::Held { policy }) = automatic else { continue };
        // A run may have begun meanwhile.
        free(ports, spec)?;
        if let Err(error) = hosting.hold_rollouts(&member.target, &policy, false).await {
            let before: Vec<_> = allowed.iter().map(ToString::to_string).collect();
            let done = match before.as_slice() {
                [] => String::new(),
                names => format!("; enabled already: {}", names.join(", ")),
            };
            let what = format!("automatic rollouts of {service} could not be enabled{done}");
            let problem = Problem::new(what).because(error.problem.to_string());
            return Err(Refusal::Failed(
                problem.try_this("try again, or the Firebase console: Automatic rollouts"),
            ));
        }
        allowed.push(service.clone());
    }
    Ok(allowed)
}

/// Refuses while a run needs them disabled, or a person has locked the environment.
fn free(ports: &Services, spec: &EnvironmentSpec) -> Result<(), Refusal> {
    let (environment, store) = (&spec.environment, ports.stores.open()?);
    if let Some(run) = store.runs(Some(environment), 1)?.first().filter(|l| l.view.ended.is_none())
    {
        let what = format!("run {} is under way on {environment}", run.view.number);
        return Err(Refusal::Refused(
            Problem::new(what)
                .because("it disabled automatic rollouts so that a push cannot interrupt it")
                .try_this("wait until it has ended; a promotion enables them by itself"),
        ));
    }
    if let Some(lock) = store.locked(environment)? {
        let what = format!("{environment} is locked by {}", lock.actor);
        return Err(Refusal::Refused(Problem::new(what).because(lock.reason)));
    }
    Ok(())
}
