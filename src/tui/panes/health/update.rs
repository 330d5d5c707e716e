//! The Health pane: probe results, notifications and mutes.

use std::time::Duration;

use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{ProbeChange, ProbeSnapshot, State, placed};
use crate::tui::effect::{Effect, Ticket};
use crate::tui::keys::Key;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Item, Kind, Picker, Purpose};
use crate::tui::model::messages::Level;
use crate::tui::panes::health::model::table;
use crate::tui::update::ring::call;

/// Takes the current probe states. Notifies the user when an unmuted live address goes down, and keeps a message.
pub(in crate::tui) fn probed(
    model: &mut Model,
    name: &EnvironmentName,
    probes: Vec<ProbeSnapshot>,
    turned: Vec<ProbeChange>,
) -> Vec<Effect> {
    let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) else {
        return Vec::new();
    };
    let probes = match here.driven() {
        Some(run) => placed(probes, &run.view),
        None => probes,
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

/// Runs all probes immediately.
pub(in crate::tui) fn probe_now(model: &mut Model) -> Vec<Effect> {
    model.tell("running every probe now");
    vec![Effect::ProbeNow]
}

/// Folds healthy probes into one line, or lists them.
pub(in crate::tui) fn hide_ok(model: &mut Model) -> Vec<Effect> {
    let Some(here) = model.here() else { return Vec::new() };
    model.panes.health.folds = Some(!model.panes.health.folds(&here.probes));
    Vec::new()
}

/// The durations that a mute offers.
const LENGTHS: [(&str, Duration); 4] = [
    ("30m", Duration::from_mins(30)),
    ("2h", Duration::from_hours(2)),
    ("8h", Duration::from_hours(8)),
    ("24h", Duration::from_hours(24)),
];

/// The environment and name of the selected probe, and whether it is muted.
fn chosen(model: &Model) -> Option<(EnvironmentName, String, bool)> {
    let here = model.here()?;
    let probe = super::model::chosen(model)?;
    Some((here.name.clone(), probe.name.clone(), probe.muted.is_some()))
}

/// Whether a probe is selected.
pub(in crate::tui) fn any_probe(model: &Model) -> Result<(), String> {
    let any = model.here().is_some_and(|here| !here.probes.is_empty());
    let none = if any { "no probe passes the filter" } else { "no probe is configured here" };
    chosen(model).map(drop).ok_or_else(|| none.to_owned())
}

/// Opens the dialog for a mute.
pub(in crate::tui) fn mute(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some((environment, name, _)) = chosen(model) else { return Vec::new() };
    let items = LENGTHS.map(|(value, _)| Item::new(value, "")).to_vec();
    let about = Some((format!("{environment}/{name}"), name));
    let picker = Picker { about, ..Picker::new(Purpose::Mute, environment, items) };
    model.open(Kind::Pick(Box::new(picker)), Some(key));
    Vec::new()
}

pub(in crate::tui) fn unmute(model: &mut Model, _: Key) -> Vec<Effect> {
    let Some((environment, name, muted)) = chosen(model) else { return Vec::new() };
    if muted {
        return vec![Effect::Mute(model.ticket(), format!("{environment}/{name}"), None)];
    }
    model.tell(format!("{name} is not muted"));
    Vec::new()
}

/// Handles Enter in that dialog.
pub(in crate::tui) fn muted(picker: &mut Picker, ticket: Ticket) -> Vec<Effect> {
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

/// Copies the table to the clipboard.
pub(in crate::tui) fn copy(model: &mut Model) -> Vec<Effect> {
    let table = model.here().map_or_else(String::new, table);
    if table.is_empty() {
        model.tell("no probe is configured here");
        return Vec::new();
    }
    let lines = table.lines().count();
    vec![Effect::Copy(table, lines)]
}
