//! The Health pane: what was heard, and who is called for it.

use std::time::Duration;

use super::ring::call;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{ProbeChange, ProbeSnapshot, State};
use crate::tui::effect::{Effect, Ticket};
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Item, Kind, Picker, Purpose};
use crate::tui::model::health::table;
use crate::tui::model::messages::Level;

/// Takes the current health. Unmuted failures of live addresses become messages.
pub(super) fn probed(
    model: &mut Model,
    name: &EnvironmentName,
    probes: Vec<ProbeSnapshot>,
    turned: Vec<ProbeChange>,
) -> Vec<Effect> {
    let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) else {
        return Vec::new();
    };
    let before = std::mem::replace(&mut here.probes, probes);
    here.turned = turned;
    let known = |probe: &ProbeSnapshot| before.iter().find(|b| b.key == probe.key).map(|b| b.state);
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

/// All probes run immediately.
pub(super) fn probe_now(model: &mut Model) -> Vec<Effect> {
    model.tell("asking everything now");
    vec![Effect::ProbeNow]
}

/// Leaves out what is well, or shows it again.
pub(super) fn hide_ok(model: &mut Model) {
    model.health.hides_ok = !model.health.hides_ok;
    model.health.selected = 0;
}

/// The durations of a mute.
const LENGTHS: [(&str, Duration); 4] = [
    ("30m", Duration::from_mins(30)),
    ("2h", Duration::from_hours(2)),
    ("8h", Duration::from_hours(8)),
    ("24h", Duration::from_hours(24)),
];

/// Opens the box of a mute, or takes one back.
pub(super) fn mute(model: &mut Model, command: Command, key: Key) -> Vec<Effect> {
    if model.read_only {
        model.tell("this screen is read-only");
        return Vec::new();
    }
    let chosen = model.here().and_then(|here| {
        let probe = model.health.shown(&here.probes).get(model.health.selected).copied()?;
        Some((here.name.clone(), probe.name.clone(), probe.muted.is_some()))
    });
    let Some((environment, name, muted)) = chosen else {
        model.tell("nothing is watched here");
        return Vec::new();
    };
    let kept_under = format!("{environment}/{name}");
    if command == Command::Unmute {
        if muted {
            return vec![Effect::Mute(model.ticket(), kept_under, None)];
        }
        model.tell(format!("{name} is not muted"));
        return Vec::new();
    }
    let item = |(value, _): (&str, Duration)| Item::new(value, "");
    let items = LENGTHS.map(item).to_vec();
    let about = Some((kept_under, name));
    let picker = Picker { about, ..Picker::new(Purpose::Mute, environment, items) };
    model.open(Kind::Pick(Box::new(picker)), Some(key));
    Vec::new()
}

/// Enter in that box.
pub(super) fn muted(picker: &mut Picker, ticket: Ticket) -> Vec<Effect> {
    let (Some((kept_under, _)), Some((_, length))) =
        (picker.about.clone(), LENGTHS.get(picker.selected))
    else {
        return Vec::new();
    };
    let Some(why) = picker.reason() else {
        picker.problem = Some(Problem::new("a mute needs a reason").try_this("Tab, and type it"));
        return Vec::new();
    };
    picker.waits = Some("keeping it");
    vec![Effect::Mute(ticket, kept_under, Some((*length, why)))]
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
