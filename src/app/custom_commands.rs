//! Custom commands and their runs in this state folder.

use std::time::Duration;

use super::App;
use crate::adapters::custom_commands::CustomCommandRuns;
use crate::adapters::process::ThisMachine;
use crate::adapters::program::MachinePrograms;
use crate::domain::custom_command::{CustomCommand, CustomCommandRun, CustomCommandState};
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::ports::processes::Processes as _;

/// Timeout for the new process to record its run.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// The purpose under which the process groups of custom commands are recorded.
const COMMANDS: &str = "commands";
/// Number of newest runs to search for the new one. No more runs start at the same time.
const LAST_LINES: usize = 8;

impl App {
    /// Past runs of commands on this machine.
    pub fn custom_command_runs(&self) -> CustomCommandRuns {
        let programs = MachinePrograms { groups: self.groups(COMMANDS) };
        CustomCommandRuns::of(self.state.join("commands"), programs, self.clock.clone())
    }

    /// Checks whether a command may start in an environment, and whether its port is free.
    pub fn may_run(
        &self,
        command: &CustomCommand,
        environment: &EnvironmentName,
    ) -> Result<(), Problem> {
        command.fits(environment).map_err(Problem::new)?;
        let going = |run: &CustomCommandRun| {
            run.title() == command.title() && run.state == CustomCommandState::Running
        };
        if let Some(run) =
            self.custom_command_runs().list().into_iter().find(|run| command.long && going(run))
        {
            return Err(Problem::new(format!(
                "{} is already running (run {})",
                run.title(),
                run.id
            ))
            .try_this(format!("pointsman commands stop {}", run.id)));
        }
        let Some(port) = command.port.filter(|_| command.long) else { return Ok(()) };
        let Some(holder) = ThisMachine.listener_of(port) else { return Ok(()) };
        // Leftovers of a killed command may hold the port: the new run kills them and checks again.
        if self.groups(COMMANDS).any_orphans() {
            return Ok(());
        }
        let problem =
            Problem::new(format!("{} needs port {port}, which {holder} uses", command.name));
        Err(match self.emulator() {
            Some(emulator) if holder.pid == emulator.process.pid => problem
                .because("the emulator runs that service on it")
                .try_this("pointsman emulator stop, then try again"),
            _ => problem.try_this("end that first"),
        })
    }

    /// Kills programs left behind by commands whose process was killed, and returns a sentence for each.
    pub fn end_left_commands(&self) -> Vec<String> {
        self.groups(COMMANDS).end_orphans()
    }

    /// Runs a command in a separate process, and returns the id of its run.
    pub async fn run_beside(
        &self,
        command: &CustomCommand,
        environment: &EnvironmentName,
        config: &std::path::Path,
    ) -> Result<u64, Problem> {
        self.may_run(command, environment)?;
        let failed =
            |why: String| Problem::new(format!("{} did not start", command.name)).because(why);
        let runs = self.custom_command_runs();
        let before = runs.newest();
        let config = config.display().to_string();
        let name = environment.to_string();
        let mut arguments = vec![
            "--config",
            &config,
            "commands",
            "run",
            &command.name,
            "--environment",
            &name,
            "--yes",
            "--confirm",
            &name,
        ];
        arguments
            .extend(command.part().into_iter().flat_map(|subject| ["--on", subject.name.as_str()]));
        let log = self.state.join("commands").join("runner.log");
        let mut child = self.background(&arguments, &log).map_err(failed)?;
        let began = self.clock.elapsed();
        loop {
            let new = runs
                .latest(LAST_LINES)
                .into_iter()
                .find(|r| r.id > before && r.name == command.name);
            if let Some(run) = new {
                return Ok(run.id);
            }
            let ended = child.try_wait().ok().flatten();
            if let Some(status) = ended {
                return Err(failed(format!("its process ended with {status}")));
            }
            if self.clock.elapsed().saturating_sub(began) > STARTS_WITHIN {
                return Err(failed("its process did not register".to_owned()));
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
    }
}
