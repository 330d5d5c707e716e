//! The team's commands: begun, stopped, and followed while they run.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::acts::Acts;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::job_log::JobLine;
use crate::domain::team::{TeamRun, TeamState};
use crate::tui::model::dialog::TeamAct;
use crate::tui::model::pipeline::JobLog;
use crate::tui::msg::Msg;

/// How often what one says is read.
const READ: Duration = Duration::from_millis(300);
/// More of its end is not shown; the file has it all.
const END: u64 = 256 * 1024;
/// Number of recent runs shown.
pub(super) const SHOWN: usize = 20;

impl Acts {
    /// Carries out a request.
    pub(super) async fn team(
        &self,
        environment: &EnvironmentName,
        act: &TeamAct,
    ) -> Result<String, Problem> {
        match act {
            TeamAct::Stop(id) => {
                let run = self.app.team_runs().stop(*id)?;
                Ok(format!("stop requested for {} (run {id})", run.name))
            }
            TeamAct::Run(command) => {
                let id = self.app.run_beside(command, environment, &self.config).await?;
                let acts = self.clone();
                tokio::spawn(async move { acts.follow(id).await });
                Ok(format!("{} continues as run {id}", command.name))
            }
        }
    }

    /// Forwards the output of a run until it ends or the screen closes.
    async fn follow(&self, id: u64) {
        let (runs, mut first) = (self.app.team_runs(), true);
        let mut last = None;
        while !self.sender.is_closed() {
            let all = runs.latest(SHOWN);
            let Some(run) = all.iter().find(|run| run.id == id).cloned() else { return };
            let over = run.state != TeamState::Running;
            let log = log_of(&run, &runs.log(id));
            if last.as_ref() != Some(&log) {
                self.say(Msg::TeamSaid(log.clone(), std::mem::take(&mut first))).await;
                last = Some(log);
            }
            if over {
                self.say(Msg::Team(all)).await;
                return self.say(Msg::Tell(format!("{}: {}", run.name, run.state.word()))).await;
            }
            tokio::time::sleep(READ).await;
        }
    }
}

/// The end of what a run said; it was made harmless when it was written.
fn log_of(run: &TeamRun, file: &Path) -> JobLog {
    let mut text = Vec::new();
    if let Ok(mut file) = std::fs::File::open(file) {
        let length = file.metadata().map_or(0, |about| about.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(END)));
        let _ = file.read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(|line| JobLine { text: line.to_owned(), error: false });
    let mut lines: Vec<JobLine> = lines.collect();
    if run.state != TeamState::Running {
        let error = run.state != TeamState::Ok;
        lines.push(JobLine { text: run.state.word(), error });
    }
    JobLog { job: format!("{} · run {} on {}", run.name, run.id, run.environment), lines }
}
