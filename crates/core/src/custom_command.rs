//! The team's custom commands (the guide's §9): where each may run, and the state of its runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ids::EnvironmentName;
use super::time::Timestamp;
use super::view::RunView;

/// A custom command of the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommand {
    pub name: String,
    pub argv: Vec<String>,
    pub folder: PathBuf,
    /// The only environment it may run for. None: any.
    pub environment: Option<EnvironmentName>,
    /// What it acts on: it is offered for each of them.
    #[serde(default)]
    pub on: On,
    /// What it acts on now, once that is chosen: the name of a service, a probe or a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Whether it runs until it is stopped.
    pub long: bool,
    /// The port it listens on, if known: that of the service whose folder it runs in.
    pub port: Option<u16>,
}

impl CustomCommand {
    /// Whether it may run for an environment.
    pub fn fits(&self, environment: &EnvironmentName) -> Result<(), String> {
        match &self.environment {
            Some(only) if only != environment => {
                Err(format!("{} is for {only} alone, not for {environment}", self.name))
            }
            _ => Ok(()),
        }
    }
}

/// The kind of thing that a custom command acts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    #[default]
    Environment,
    Service,
    Run,
    Probe,
}

impl On {
    /// The word for it in the config.
    pub fn label(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Service => "service",
            Self::Run => "run",
            Self::Probe => "probe",
        }
    }
}

/// One environment, service, run or probe that a custom command can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub on: On,
    /// Its name; the number of a run.
    pub name: String,
    /// Its fields, by the names that arguments use: `{service}`, `{url}`.
    fields: BTreeMap<String, String>,
}

impl Subject {
    fn new(on: On, name: &str, environment: &EnvironmentName, fields: &[(&str, &str)]) -> Self {
        let own = [("environment", environment.as_str()), (on.label(), name)];
        let fields = own.iter().chain(fields);
        Self {
            on,
            name: name.to_owned(),
            fields: fields.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    /// Fields: `environment`.
    pub fn environment(environment: &EnvironmentName) -> Self {
        Self::new(On::Environment, environment.as_str(), environment, &[])
    }

    /// Fields: `environment`, `service`, `url`.
    pub fn service(environment: &EnvironmentName, service: &str, url: &str) -> Self {
        Self::new(On::Service, service, environment, &[("url", url)])
    }

    /// Fields: `environment`, `run`, `release`.
    pub fn run(run: &RunView) -> Self {
        // A clean-up or a migration has no release: its field stays as it is written, rather than empty.
        let release = run.plan.release.as_ref().map(|release| ("release", release.as_str()));
        let number = run.number.0.to_string();
        Self::new(On::Run, &number, &run.plan.environment, release.as_slice())
    }

    /// Fields: `environment`, `probe`.
    pub fn probe(environment: &EnvironmentName, name: &str) -> Self {
        Self::new(On::Probe, name, environment, &[])
    }

    /// The fields as environment variables: `POINTSMAN_SERVICE`.
    pub fn variables(&self) -> Vec<(String, String)> {
        let one = |(name, value): (&String, &String)| {
            (format!("POINTSMAN_{}", name.to_uppercase()), value.clone())
        };
        self.fields.iter().map(one).collect()
    }
}

impl CustomCommand {
    /// The command for one subject: `{service}` and the other fields in its arguments have their values. Braces around
    /// any other word stay as they are.
    #[must_use]
    pub fn about(&self, subject: Subject) -> Self {
        let argv = self.argv.iter().map(|argument| filled(argument, &subject.fields)).collect();
        Self { argv, subject: Some(subject), ..self.clone() }
    }

    /// The part of the environment it acts on: a service, run or probe. None for the environment itself, which is named
    /// wherever a command is.
    pub fn part(&self) -> Option<&Subject> {
        self.subject.as_ref().filter(|subject| subject.on != On::Environment)
    }

    /// Its name, with what it acts on: `tail toto-app`.
    pub fn title(&self) -> String {
        match self.part() {
            Some(subject) => format!("{} {}", self.name, subject.name),
            None => self.name.clone(),
        }
    }
}

/// A text with the fields in braces replaced, each once: a value that contains braces is not read again.
fn filled(text: &str, fields: &BTreeMap<String, String>) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        done.push_str(before);
        let field = after.split_once('}');
        let known = field.and_then(|(name, after)| Some((fields.get(name)?, after)));
        let (text, after) = known.map_or(("{", after), |(value, after)| (value.as_str(), after));
        done.push_str(text);
        rest = after;
    }
    done + rest
}

/// The state of a custom command's run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomCommandState {
    Running,
    /// It exited with 0.
    Ok,
    /// It failed; the text has its last output.
    Failed(String),
    /// Stopped by a person.
    Stopped,
    /// Its process disappeared without a recorded result.
    Lost,
}

impl CustomCommandState {
    pub fn label(&self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Ok => "ok".to_owned(),
            Self::Failed(why) => format!("failed: {why}"),
            Self::Stopped => "stopped".to_owned(),
            Self::Lost => "lost: its result is unknown".to_owned(),
        }
    }
}

/// A run of a custom command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommandRun {
    /// The number in the store, from 1.
    pub id: u64,
    pub name: String,
    /// The service, probe or run that it acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub argv: Vec<String>,
    pub folder: PathBuf,
    pub environment: EnvironmentName,
    pub actor: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub state: CustomCommandState,
}

impl CustomCommandRun {
    /// Whether it is a run of this command on the same subject.
    pub fn is_of(&self, command: &CustomCommand, environment: &EnvironmentName) -> bool {
        self.environment == *environment && self.title() == command.title()
    }

    /// The command's name, with what it acted on.
    pub fn title(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{} {subject}", self.name),
            None => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_take_the_fields_of_the_subject_and_nothing_else() {
        let command = CustomCommand {
            name: "tail".into(),
            argv: ["tail", "{service}@{environment}", "{url}/x", "{other}", "{{service} {"]
                .map(str::to_owned)
                .to_vec(),
            folder: "/".into(),
            environment: None,
            on: On::Service,
            subject: None,
            long: false,
            port: None,
        };
        let staging: EnvironmentName = "staging".parse().unwrap();
        let about = command.about(Subject::service(&staging, "toto-app", "https://a.example"));
        let wanted = ["tail", "toto-app@staging", "https://a.example/x", "{other}", "{toto-app {"];
        assert_eq!(about.argv, wanted);
        assert_eq!(about.title(), "tail toto-app");
        let variables = about.subject.unwrap().variables();
        assert!(variables.contains(&("POINTSMAN_SERVICE".into(), "toto-app".into())));
        let general = command.about(Subject::environment(&staging));
        assert_eq!(general.argv[2], "{url}/x", "an environment has no address");
    }
}
