//! Saves drawings at rest: what is read regularly and changes little waits for the next tick, at most a second.

use crate::domain::ids::EnvironmentName;
use crate::tui::model::environments::Environment;
use crate::tui::msg::Msg;

/// Whether a message can be drawn with the next tick: it repeats what the screen shows already, and no run is driven.
pub(super) fn can_wait(environments: &[Environment], message: &Msg) -> bool {
    let driven = environments
        .iter()
        .any(|environment| environment.run.as_ref().is_some_and(|run| run.runner.is_some()));
    let known =
        |name: &EnvironmentName| environments.iter().find(|environment| environment.name == *name);
    let repeats = match message {
        Msg::Looked(name, _) => known(name).is_some_and(|here| here.seen.is_some()),
        Msg::Probed(name, _, turned) => known(name).is_some_and(|here| here.turned == *turned),
        Msg::Figures(name, _) | Msg::Pipeline(name, _) => known(name).is_some(),
        _ => false,
    };
    repeats && !driven
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Protection;

    #[test]
    fn what_is_new_is_drawn_at_once() {
        let name = EnvironmentName::new("production").unwrap();
        let probed = Msg::Probed(name.clone(), Vec::new(), Vec::new());
        assert!(!can_wait(&[], &probed), "an unknown environment");
        let here = [Environment::new(name.clone(), Protection::Open, vec!["web".to_owned()])];
        assert!(can_wait(&here, &probed));
        assert!(can_wait(&here, &Msg::Figures(name, Vec::new())));
        assert!(!can_wait(&here, &Msg::Alarm("the store is gone".to_owned())));
    }
}
