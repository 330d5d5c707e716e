//! The flight recorder: the initial state of a screen and every message that it received, as JSON Lines. `update`
//! is pure, so the same messages draw the same frames, and a recording can be attached to a bug report. Known
//! secrets are removed before a line is written.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keys::bindings::{Bindings, Wrong};
use super::model::Model;
use super::model::environments::Environment;
use super::model::remembered::Remembered;
use super::msg::Msg;
use crate::config::schema::Motion;
use crate::domain::custom_command::CustomCommand;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::policy::Protection;
use crate::domain::redact::redacted;

/// The initial model, before any observation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the screen")]
pub struct Setup {
    /// The version of the program that wrote it.
    pub version: String,
    pub actor: String,
    /// The command that starts this program from any folder.
    pub own: String,
    pub environments: Vec<Place>,
    /// The releases that a deploy offers.
    pub offered: Vec<String>,
    pub custom_commands: Vec<CustomCommand>,
    /// The names of the themes.
    #[serde(default)]
    pub themes: Vec<String>,
    /// The config's key bindings.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The name of the machine's time zone; `None` if it has no name.
    pub zone: Option<String>,
    pub read_only: bool,
    /// Whether the screen is lost when an SSH connection drops.
    pub connection_alone: bool,
    pub mouse: bool,
    pub motion: Motion,
    pub rehearsal: bool,
    pub remembered: Remembered,
}

/// An environment of the config.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    pub name: EnvironmentName,
    pub protection: Protection,
    /// The names of its services, in the order in which traffic moves.
    pub services: Vec<String>,
    /// Whether it has a pipeline.
    pub tested: bool,
}

impl Setup {
    /// The model before the first message. The error lists invalid key bindings.
    pub fn model(&self) -> Result<Model, Vec<Wrong>> {
        let environment = |place: &Place| Environment {
            tested: place.tested,
            ..Environment::new(place.name.clone(), place.protection, place.services.clone())
        };
        let environments = self.environments.iter().map(environment).collect();
        let mut model = Model::new(environments, self.offered.clone(), self.actor.clone());
        model.custom_commands.clone_from(&self.custom_commands);
        model.themes.clone_from(&self.themes);
        model.bindings = Bindings::with(&self.keys)?;
        model.zone = self.zone.as_deref().map_or_else(jiff::tz::TimeZone::system, |name| {
            jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
        });
        model.own.clone_from(&self.own);
        model.read_only = self.read_only;
        model.connection_alone = self.connection_alone;
        (model.mouse, model.motion, model.rehearsal) = (self.mouse, self.motion, self.rehearsal);
        self.remembered.recall(&mut model);
        Ok(model)
    }
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder(BufWriter<std::fs::File>);

impl Recorder {
    /// Creates a file that only its owner can read. An existing one is not overwritten.
    pub fn create(file: &Path, setup: &Setup) -> Result<Self, Problem> {
        let failed = |e: io::Error| {
            Problem::new(format!("{} cannot be recorded to", file.display()))
                .because(e.to_string())
                .try_this("name a file that does not exist yet: --record FILE")
        };
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let mut recorder = Self(BufWriter::new(opened.map_err(failed)?));
        recorder.line(setup).map_err(failed)?;
        Ok(recorder)
    }

    /// Writes a message. An error ends the recording, never the screen.
    pub fn message(&mut self, message: &Msg) -> io::Result<()> {
        self.line(message)
    }

    fn line(&mut self, of: &impl Serialize) -> io::Result<()> {
        let mut value = serde_json::to_value(of)?;
        without_secrets(&mut value);
        serde_json::to_writer(&mut self.0, &value)?;
        self.0.write_all(b"\n")?;
        // Recordings are for crashes, so no line may stay in the buffer.
        self.0.flush()
    }
}

fn without_secrets(value: &mut Value) {
    match value {
        Value::String(text) => {
            let clean = redacted(text);
            if clean != *text {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_secrets),
        Value::Object(fields) => fields.values_mut().for_each(without_secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A loaded recording.
#[derive(Debug)]
pub struct Session {
    pub setup: Setup,
    pub messages: Vec<Msg>,
}

impl Session {
    /// Reads a recording. A truncated last line is skipped: a crash leaves one.
    pub fn read(file: &Path) -> Result<Self, Problem> {
        let unread = |why: String| {
            Problem::new(format!("{} is no recording of a screen", file.display()))
                .because(why)
                .try_this("record one with --record FILE")
        };
        let opened = std::fs::File::open(file).map_err(|e| unread(e.to_string()))?;
        let lines: Result<Vec<String>, _> = BufReader::new(opened).lines().collect();
        let lines = lines.map_err(|e| unread(e.to_string()))?;
        let Some((first, rest)) = lines.split_first() else {
            return Err(unread("it is empty".to_owned()));
        };
        let setup = serde_json::from_str(first).map_err(|e| unread(format!("line 1: {e}")))?;
        let mut messages = Vec::new();
        for (at, line) in rest.iter().enumerate() {
            match serde_json::from_str(line) {
                Ok(message) => messages.push(message),
                Err(_) if at + 1 == rest.len() => {}
                Err(error) => return Err(unread(format!("line {}: {error}", at + 2))),
            }
        }
        Ok(Self { setup, messages })
    }
}
