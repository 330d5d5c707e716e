//! Overlays on top of the panes: help, the palette, the messages. They change nothing by themselves.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use tui_input::Input;

use super::Model;
use super::actions::Actions;
use super::environments::Environment;
use crate::domain::custom_command::CustomCommand;
use crate::domain::handover::{self, Post, Worry};
use crate::domain::ids::RunNumber;
use crate::domain::incident_card::{POINTSMAN, card};
use crate::domain::probe::{ProbeSnapshot, State};
use crate::domain::status::Status;
use crate::tui::keys::commands::{COMMANDS, Command, Row, row_of};
use crate::tui::panes::Pane;
use crate::tui::panes::pipeline::model::JobLog;

/// An overlay on top of the panes.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// All keys, filtered by the typed text.
    Help(Finder),
    /// The commands whose names match the typed text.
    Palette(Finder),
    /// What can be done with the row under the cursor.
    Actions(Actions),
    /// All messages that match a filter, which is being typed if the flag is set. The selected one is counted from the
    /// newest.
    Messages(Finder, bool),
    /// The abilities of this terminal.
    Terminal,
    /// A sheet of text, and the number of lines scrolled off the top.
    Sheet(Sheet, usize),
    /// The log of a job, and the number of lines scrolled off the top.
    JobLog(JobLog, usize),
}

/// A sheet of text, to be read and copied as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    /// The incident card.
    BreakGlass,
    Handover,
    /// The selected row of a pane's list.
    Row(Pane),
    /// A step of the selected environment's run, by its index.
    Step(usize),
}

impl Sheet {
    /// The title in its frame.
    pub fn title(self) -> &'static str {
        match self {
            Self::BreakGlass => "Break glass",
            Self::Handover => "Handover",
            Self::Row(pane) => pane.name(),
            Self::Step(_) => "Step",
        }
    }
}

/// A search input and its selected match.
#[derive(Debug, Clone, Default)]
pub struct Finder {
    pub input: Input,
    /// The selected match.
    pub selected: usize,
}

/// An entry of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Command(Command),
    /// An environment, by its index.
    Environment(usize),
    /// A command on an environment, by its index: `rollback production`.
    Act(Command, usize),
    /// A custom command, for its subject.
    CustomCommand(CustomCommand),
    /// A theme, by its name.
    Theme(String),
    /// A run to replay.
    Replay(RunNumber),
    /// A panic, in debug builds only.
    Panic,
}

impl Model {
    /// The incident card of the selected environment's run.
    pub fn break_glass(&self) -> Option<String> {
        let view = &self.here()?.run.as_ref()?.view;
        let card = card(view).replace(POINTSMAN, &self.own);
        // The commands of a rehearsal's card would reach real systems, with names that exist only in the rehearsal.
        let rehearsal =
            if self.rehearsal { "REHEARSAL: read it, do not carry it out\n" } else { "" };
        Some(format!("{rehearsal}{card}"))
    }

    /// The handover of every environment.
    pub fn handover(&self) -> String {
        let now = self.now.unwrap_or_default();
        let mut lines = vec![format!("Handover, {}", now.strftime("%Y-%m-%d %H:%MZ"))];
        for here in &self.environments {
            lines.push(String::new());
            lines.extend(self.with_post(here, |post| handover::lines(post, now)));
        }
        lines.join("\n")
    }

    /// The status of an environment, as `pointsman status` prints it.
    pub fn status(&self, here: &Environment) -> Status {
        self.with_post(here, |post| Status::of(post, self.now.unwrap_or_default()))
    }

    /// Passes on what is known about an environment.
    fn with_post<R>(&self, here: &Environment, use_it: impl FnOnce(&Post<'_>) -> R) -> R {
        let worry = |probe: &&ProbeSnapshot| {
            !matches!(probe.state, State::Ok | State::Off) || probe.muted.is_some()
        };
        let worries = here.probes.iter().filter(worry).map(|probe| Worry {
            name: probe.label(),
            state: probe.state,
            since: probe.since,
            why: probe.why.clone(),
            muted: probe.muted.clone(),
        });
        let latest = here.run.as_ref().map(|run| &run.view);
        let before = self.panes.history.runs.iter().filter(|run| {
            run.plan.environment == here.name && latest.is_none_or(|l| l.number != run.number)
        });
        use_it(&Post {
            name: here.name.as_str(),
            seen: here.seen.as_ref().map(|(seen, _)| seen),
            runs: &latest.into_iter().chain(before).collect::<Vec<_>>(),
            driven: here.run.as_ref().is_some_and(|run| run.runner.is_some()),
            lock: here.lock.as_deref(),
            worries: &worries.collect::<Vec<_>>(),
            probes: &here.probes,
        })
    }

    /// The text of a sheet.
    pub fn sheet(&self, sheet: Sheet) -> String {
        match sheet {
            Sheet::BreakGlass => self.break_glass().unwrap_or_default(),
            Sheet::Handover => self.handover(),
            Sheet::Row(pane) => pane.behaviour().whole(self).unwrap_or_default(),
            Sheet::Step(at) => self.step_sheet(at).unwrap_or_default(),
        }
    }

    /// The palette entries that match the typed text, best match first.
    /// Without text: recent commands, then all others.
    pub fn palette(&self, typed: &str) -> Vec<Found> {
        if typed.trim().is_empty() {
            let rest = COMMANDS.iter().map(|row| row.command);
            let rest = rest.filter(|command| !self.recent.contains(command));
            return self.recent.iter().copied().chain(rest).map(Found::Command).collect();
        }
        if cfg!(debug_assertions) && typed.trim() == "debug panic" {
            return vec![Found::Panic];
        }
        let commands = COMMANDS
            .iter()
            .map(|row| (format!("{} · {}", row.name, row.doc), Found::Command(row.command)));
        let environments = self.environments.iter().enumerate();
        let environments = environments.map(|(at, environment)| {
            (format!("environment {}", environment.name), Found::Environment(at))
        });
        let acts = [Command::Deploy, Command::Rollback, Command::CleanUp];
        let acts = acts.into_iter().flat_map(|act| {
            let places = self.environments.iter().enumerate();
            places.map(move |(at, place)| {
                (format!("{} {}", row_of(act).name, place.name), Found::Act(act, at))
            })
        });
        let custom_commands = self.team_commands_here().into_iter().map(|command| {
            let text = format!("run {} · {}", command.title(), command.argv.join(" "));
            (text, Found::CustomCommand(command))
        });
        let themes = self.themes.iter();
        let themes = themes.map(|name| (format!("theme {name}"), Found::Theme(name.clone())));
        let runs = self.panes.history.runs.iter().filter(|run| run.ended.is_some());
        let runs = runs.map(|run| (format!("replay {}", run.number.0), Found::Replay(run.number)));
        let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut found: Vec<_> = commands
            .chain(environments)
            .chain(acts)
            .chain(custom_commands)
            .chain(themes)
            .chain(runs)
            .filter_map(|(name, found)| {
                let mut buffer = Vec::new();
                let haystack = nucleo_matcher::Utf32Str::new(&name, &mut buffer);
                Some((pattern.score(haystack, &mut matcher)?, found))
            })
            .collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, found)| found).collect()
    }

    /// The help rows that match the filter: first those of the focused pane, then the others in order.
    pub fn help_rows(&self, typed: &str) -> Vec<Command> {
        let typed = typed.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&typed);
        let found = COMMANDS
            .iter()
            .filter(|row| has(row.name) || has(row.doc) || row.keys.iter().any(|key| has(key)));
        let (here, others): (Vec<&Row>, Vec<&Row>) = found.partition(|row| self.of_this_pane(row));
        here.into_iter().chain(others).map(|row| row.command).collect()
    }

    /// Whether a command belongs to the focused pane: its keys work only there, or its key line shows it.
    pub fn of_this_pane(&self, row: &Row) -> bool {
        let hints = self.focus.behaviour().hints();
        row.pane == Some(self.focus) || hints.iter().any(|(command, _)| *command == row.command)
    }
}
