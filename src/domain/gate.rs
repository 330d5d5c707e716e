//! When traffic may move, and who may say so.

use super::error::Problem;
use super::health::Verdict;
use super::ids::EnvironmentName;
use super::policy::Protection;
use super::view::RunView;

/// What a person said before the run began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// `--yes`, or the answer to the question.
    pub yes: bool,
    /// `--confirm NAME`, or the name typed.
    pub confirm: Option<String>,
}

/// Whether those answers are enough for an environment; the error is exit code 3.
pub fn permitted(
    environment: &EnvironmentName,
    protection: Protection,
    answers: &Answers,
) -> Result<(), Problem> {
    let named = answers.confirm.as_deref();
    if let Some(wrong) = named.filter(|n| *n != environment.as_str()) {
        return Err(Problem::new(format!("--confirm says {wrong:?}, but this is {environment}"))
            .try_this(format!("write --confirm {environment}, if that is what you mean")));
    }
    match protection {
        Protection::Typed if named.is_none() => Err(Problem::new(format!(
            "{environment} is a typed environment: its name must be confirmed"
        ))
        .try_this(format!("add --yes --confirm {environment}"))),
        _ if !answers.yes => {
            Err(Problem::new(format!("nobody confirmed this act on {environment}"))
                .because("there is no terminal to ask on, and --yes was not given")
                .try_this("add --yes"))
        }
        _ => Ok(()),
    }
}

/// Whether traffic may move to green: every service's green is ready, and none that was probed
/// failed to pass. Unknown is not a pass (invariant 8).
pub fn may_switch(view: &RunView) -> Result<(), Problem> {
    for member in &view.plan.members {
        let service = member.service();
        let seen = view.services.get(service);
        if seen.is_none_or(|s| s.green.is_none() || !s.ready) {
            return Err(Problem::new(format!("green of {service} is not ready")));
        }
        if let Some(verdict) = seen.and_then(|s| s.green_health).filter(|v| *v != Verdict::Pass) {
            return Err(Problem::new(format!("green of {service} is not healthy: {verdict}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_environment_wants_its_own_name() {
        let production = EnvironmentName::new("production").unwrap();
        let says = |yes, confirm: Option<&str>| {
            let answers = Answers { yes, confirm: confirm.map(str::to_owned) };
            permitted(&production, Protection::Typed, &answers).is_ok()
        };
        assert!(says(true, Some("production")));
        assert!(!says(true, None));
        assert!(!says(true, Some("staging")));
        assert!(!says(true, Some("Production")));
        assert!(!says(false, Some("production")));
    }

    #[test]
    fn a_wrong_name_is_refused_even_where_none_was_needed() {
        let open = EnvironmentName::new("development").unwrap();
        let answers = Answers { yes: true, confirm: Some("production".into()) };
        assert!(permitted(&open, Protection::Open, &answers).is_err());
    }
}
