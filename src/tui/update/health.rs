//! The Health pane: what was heard, and who is called for it.

use super::ring::call;
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{ProbeSeen, State, Turned};
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::model::health::table;
use crate::tui::model::messages::Level;

/// Takes how things stand now. What customers reach and is down is told, unless it is muted.
pub(super) fn probed(
    model: &mut Model,
    name: &EnvironmentName,
    probes: Vec<ProbeSeen>,
    turned: Vec<Turned>,
) -> Vec<Effect> {
    let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) else {
        return Vec::new();
    };
    let before = std::mem::replace(&mut here.probes, probes);
    here.turned = turned;
    let known = |probe: &ProbeSeen| before.iter().find(|b| b.key == probe.key).map(|b| b.state);
    let fell: Vec<String> = here
        .probes
        .iter()
        .filter(|probe| probe.live && probe.muted.is_none() && probe.state == State::Down)
        .filter(|probe| known(probe).is_some_and(|state| state != State::Down))
        .map(|probe| format!("{} on {name} is DOWN for customers: {}", probe.name, probe.why))
        .collect();
    let mut effects = Vec::new();
    for text in fell {
        effects.extend(call(model, &text));
        model.say(Level::Error, text);
    }
    effects
}

/// Everything is asked now, whatever its turn.
pub(super) fn probe_now(model: &mut Model) -> Vec<Effect> {
    model.tell("asking everything now");
    vec![Effect::ProbeNow]
}

/// Leaves out what is well, or shows it again.
pub(super) fn hide_ok(model: &mut Model) {
    model.health.hides_ok = !model.health.hides_ok;
    model.health.selected = 0;
}

/// The table, for the clipboard.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    let table = model.here().map_or_else(String::new, |here| table(&here.probes));
    if table.is_empty() {
        model.tell("nothing is watched here");
        return Vec::new();
    }
    let lines = table.lines().count();
    vec![Effect::Copy(table, lines)]
}
