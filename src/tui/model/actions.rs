//! What can be done with the row under the cursor: the commands of its pane, and the team's commands for the service,
//! run, probe or environment that the row is about.

use super::Model;
use super::environments::Environment;
use super::overlay::Finder;
use crate::domain::custom_command::{CustomCommand, CustomCommandState, On, Subject};
use crate::domain::view::RunView;
use crate::tui::keys::commands::{COMMANDS, Command, Danger, Row};
use crate::tui::list::passes;
use crate::tui::panes::{Pane, health, history};
use crate::tui::update::acts::available;

/// The open list of actions.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    pub finder: Finder,
    /// Whether it lists only the team's commands, for everything in the environment.
    pub team: bool,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Command(Command),
    /// A command of the team, for its subject.
    Team(CustomCommand),
}

impl Model {
    /// The actions that match the typed text.
    pub fn actions(&self, actions: &Actions) -> Vec<Entry> {
        let subjects = if actions.team { self.every_subject() } else { self.subjects_of_row() };
        let team = subjects.into_iter().flat_map(|subject| self.team_commands(&subject));
        let own: &[_] = if actions.team { &[] } else { COMMANDS };
        let own = own.iter().filter(|row| self.acts_on_row(row));
        let mut own: Vec<&Row> = own.filter(|row| available(self, row.command).is_ok()).collect();
        // What changes something comes first, then what only this pane has.
        own.sort_by_key(|row| (row.danger == Danger::None, row.pane.is_none()));
        let all =
            own.into_iter().map(|row| Entry::Command(row.command)).chain(team.map(Entry::Team));
        let typed = actions.finder.input.value();
        all.filter(|entry| passes(typed, &entry.text())).collect()
    }

    /// Whether a command does something with the row under the cursor.
    fn acts_on_row(&self, row: &Row) -> bool {
        let deploys = row.pane.is_none() && row.danger == Danger::Asks;
        let acts = match self.focus {
            Pane::Environments | Pane::Deploy => deploys && row.command != Command::CustomCommands,
            Pane::History => row.command == Command::Rollback,
            _ => false,
        };
        let lists = matches!(row.command, Command::Open | Command::NextEnvironment);
        acts || (self.of_this_pane(row) && !lists)
    }

    /// The team's commands that act on a subject of the selected environment.
    fn team_commands(&self, subject: &Subject) -> Vec<CustomCommand> {
        let Some(here) = self.here() else { return Vec::new() };
        let fits =
            |command: &&CustomCommand| command.on == subject.on && command.fits(&here.name).is_ok();
        let fitting = self.custom_commands.iter().filter(fits);
        fitting.map(|command| command.about(subject.clone())).collect()
    }

    /// The team's commands for everything in the selected environment.
    pub fn team_commands_here(&self) -> Vec<CustomCommand> {
        self.every_subject().iter().flat_map(|subject| self.team_commands(subject)).collect()
    }

    /// What the row under the cursor is about, the nearest first; the environment last.
    fn subjects_of_row(&self) -> Vec<Subject> {
        let Some(here) = self.here() else { return Vec::new() };
        let mut subjects = match self.focus {
            Pane::Environments => return self.every_subject(),
            Pane::Health => {
                let probe = health::model::chosen(self);
                let service = probe.filter(|probe| probe.side.is_some());
                let service = service.and_then(|probe| service_of(here, &probe.name));
                let probe = probe.map(|probe| Subject::probe(&here.name, &probe.name));
                probe.into_iter().chain(service).collect()
            }
            Pane::History => history::model::chosen(self).map(Subject::run).into_iter().collect(),
            Pane::Deploy | Pane::Logs => run_of(here).map(Subject::run).into_iter().collect(),
            Pane::Migrations | Pane::Checklists | Pane::Pipeline | Pane::Alerts => Vec::new(),
        };
        subjects.push(Subject::environment(&here.name));
        subjects
    }

    /// The selected environment, its services, its latest run and its probes.
    fn every_subject(&self) -> Vec<Subject> {
        let Some(here) = self.here() else { return Vec::new() };
        let mut subjects = vec![Subject::environment(&here.name)];
        let services = here.seen.iter().flat_map(|(seen, _)| &seen.services);
        subjects.extend(services.filter_map(|of| service_of(here, of.service.as_str())));
        subjects.extend(run_of(here).map(Subject::run));
        // A service is probed in both roles, under one name.
        for probe in &here.probes {
            let subject = Subject::probe(&here.name, &probe.name);
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        subjects
    }

    /// The title of the list: what the row is about.
    pub fn actions_title(&self, actions: &Actions) -> String {
        let subjects = if actions.team { Vec::new() } else { self.subjects_of_row() };
        let here = self.here().map_or("", |here| here.name.as_str());
        match subjects.first() {
            Some(Subject { on: On::Run, name, .. }) => format!("run #{name}"),
            Some(subject) if subject.on != On::Environment => {
                format!("{} {} on {here}", subject.on.label(), subject.name)
            }
            _ => here.to_owned(),
        }
    }

    /// What is known of the last run of a team's command: that it is running, or how it ended.
    pub fn last_of(&self, command: &CustomCommand) -> Option<(u64, &CustomCommandState)> {
        let here = self.here()?;
        let last = self.custom_command_runs.iter().find(|run| run.is_of(command, &here.name));
        last.map(|run| (run.id, &run.state))
    }
}

fn service_of(here: &Environment, name: &str) -> Option<Subject> {
    let (seen, _) = here.seen.as_ref()?;
    let found = seen.services.iter().find(|of| of.service.as_str() == name)?;
    Some(Subject::service(&here.name, name, &found.url))
}

fn run_of(here: &Environment) -> Option<&RunView> {
    here.run.as_ref().map(|run| &run.view)
}

impl Entry {
    /// The text that a filter searches.
    fn text(&self) -> String {
        match self {
            Self::Command(command) => {
                let row = crate::tui::keys::commands::row_of(*command);
                format!("{} {}", row.name, row.doc)
            }
            Self::Team(command) => format!("{} {}", command.title(), command.argv.join(" ")),
        }
    }
}
