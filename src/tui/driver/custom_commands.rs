//! Starts and stops custom commands, and follows their output.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::acts::Acts;
use crate::domain::custom_command::{CustomCommandRun, CustomCommandState};
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::job_log::JobLine;
use crate::tui::model::dialog::CustomCommandAct;
use crate::tui::msg::Msg;
use crate::tui::panes::pipeline::model::JobLog;

/// Poll interval of a command's output.
const READ_EVERY: Duration = Duration::from_millis(300);
/// Maximum number of bytes shown, from the end of a command's output. The file has the complete output.
const TAIL_BYTES: u64 = 256 * 1024;
/// Number of recent runs shown.
pub(super) const RUNS_SHOWN: usize = 20;

impl Acts {
    /// Starts or stops a custom command; returns the message to show.
    pub(super) async fn custom_command(
        &self,
        environment: &EnvironmentName,
        act: &CustomCommandAct,
    ) -> Result<String, Problem> {
        match act {
            CustomCommandAct::Stop(id) => {
                let run = self.app.custom_command_runs().stop(*id)?;
                Ok(format!("stop requested for {} (run {id})", run.title()))
            }
            CustomCommandAct::Run(command) => {
                let id = self.app.run_beside(command, environment, &self.config).await?;
                let acts = self.clone();
                tokio::spawn(async move { acts.follow(id).await });
                Ok(format!("{} continues as run {id}", command.title()))
            }
        }
    }

    /// Forwards the output of a run until it ends or the screen closes.
    async fn follow(&self, id: u64) {
        let (runs, mut first) = (self.app.custom_command_runs(), true);
        let mut last = None;
        while !self.sender.is_closed() {
            let all = runs.latest(RUNS_SHOWN);
            let Some(run) = all.iter().find(|run| run.id == id).cloned() else { return };
            let over = run.state != CustomCommandState::Running;
            let log = log_of(&run, &runs.log(id));
            if last.as_ref() != Some(&log) {
                self.say(Msg::CustomCommandLog(log.clone(), std::mem::take(&mut first))).await;
                last = Some(log);
            }
            if over {
                self.say(Msg::CustomCommands(all)).await;
                return self
                    .say(Msg::Tell(format!("{}: {}", run.title(), run.state.label())))
                    .await;
            }
            tokio::time::sleep(READ_EVERY).await;
        }
    }
}

/// The end of a run's output, which was sanitised when it was written.
fn log_of(run: &CustomCommandRun, file: &Path) -> JobLog {
    let mut text = Vec::new();
    if let Ok(mut file) = std::fs::File::open(file) {
        let length = file.metadata().map_or(0, |about| about.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)));
        let _ = file.read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(|line| JobLine { text: line.to_owned(), error: false });
    let mut lines: Vec<JobLine> = lines.collect();
    if run.state != CustomCommandState::Running {
        let error = run.state != CustomCommandState::Ok;
        lines.push(JobLine { text: run.state.label(), error });
    }
    JobLog { job: format!("{} · run {} on {}", run.title(), run.id, run.environment), lines }
}
