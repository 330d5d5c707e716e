//! The input of a step: its plan, the view of the run when the step started, the outside world, and the channel for
//! writing facts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::outside::Outside;
use pointsman_core::apphosting::tells_cause;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::health::{Sample, Wanted};
use pointsman_core::ids::{BuildId, ServiceName, StepId};
use pointsman_core::plan::{Member, Plan};
use pointsman_core::ports::hosting::{Hosting, HostingError};
use pointsman_core::ports::log::LogLine;
use pointsman_core::ports::prober::Question;
use pointsman_core::redact::redacted;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::step::{Failure, Side};
use pointsman_core::text::harmless;
use pointsman_core::view::{RunView, ServiceView};

/// The result of a finished step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) summary: String,
    pub(super) warning: bool,
}

impl Done {
    pub(super) fn ok(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), warning: false }
    }

    pub(super) fn warning(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), warning: true }
    }
}

/// The error of a failed step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepError {
    pub(super) problem: Problem,
    pub(super) class: Failure,
}

impl StepError {
    pub(super) fn lasting(problem: Problem) -> Self {
        Self { problem, class: Failure::Lasting }
    }

    pub(super) fn inconclusive(problem: Problem) -> Self {
        Self { problem, class: Failure::Inconclusive }
    }
}

impl From<HostingError> for StepError {
    fn from(error: HostingError) -> Self {
        Self { problem: error.problem, class: error.class }
    }
}

pub(super) type StepResult = Result<Done, StepError>;

/// A step's request to the run's only writer, and the channel for its reply.
pub(super) type Ask = (Asked, oneshot::Sender<()>);

/// A step's request to the run's only writer.
pub(super) enum Asked {
    /// Write a fact.
    Record(Event),
    /// Check that the run is still ours.
    Lease,
}

/// Everything that one step needs.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) step: StepId,
    pub(super) view: Arc<RunView>,
    pub(super) outside: Outside,
    pub(super) writer: mpsc::Sender<Ask>,
    pub(super) progress: watch::Sender<String>,
    pub(super) heard: Heard,
    /// Whether the step should stop at a safe point.
    pub(super) stopping: Arc<AtomicBool>,
}

/// The position up to which each build's log was read, and its most telling line so far.
pub(super) type Heard = Arc<tokio::sync::Mutex<HashMap<BuildId, (u64, Option<String>)>>>;

impl Context {
    pub(super) fn plan(&self) -> &Plan {
        &self.view.plan
    }

    /// Writes a fact and returns after it is synced. If the fact cannot be written, the run ends, and this step with
    /// it, before the step's next effect.
    pub(super) async fn record(&self, event: Event) {
        self.ask_writer(Asked::Record(event)).await;
    }

    /// Records evidence that the release itself is bad.
    pub(super) async fn fault(&self, service: &ServiceName, evidence: &str) {
        let (service, evidence) = (service.clone(), evidence.to_owned());
        self.record(Event::ReleaseFaulted { service, evidence }).await;
    }

    /// The platform, for a call that changes something. Available only while the run is ours. The recorded intent alone
    /// is no fence: the process may be suspended between the intent and the call for longer than its lease lasts (F1),
    /// and must notice that when it wakes up. Never returns if the run was lost.
    pub(super) async fn to_act(&self) -> &dyn Hosting {
        self.ask_writer(Asked::Lease).await;
        self.outside.hosting.as_ref()
    }

    async fn ask_writer(&self, asked: Asked) {
        let (done, confirmed) = oneshot::channel();
        if self.writer.send((asked, done)).await.is_err() || confirmed.await.is_err() {
            futures_util::future::pending::<()>().await;
        }
    }

    /// Reports the progress of the step, for one service or as a whole. Only the latest text counts.
    pub(super) fn progress(&self, service: Option<&ServiceName>, text: impl Into<String>) {
        let text = text.into();
        let named = service.map_or_else(|| text.clone(), |service| format!("{service}: {text}"));
        self.progress.send_replace(named);
        self.outside.log.progress(&self.line(service, text));
    }

    pub(super) fn log(&self, service: &ServiceName, text: impl Into<String>) {
        self.outside.log.line(&self.line(Some(service), text));
    }

    /// Logs a line that belongs to no service.
    pub(super) fn say(&self, text: &str) {
        self.outside.log.line(&self.line(None, text));
    }

    fn line(&self, service: Option<&ServiceName>, text: impl Into<String>) -> LogLine {
        let (at, step) = (self.outside.clock.now(), self.step.clone());
        LogLine { at, step, service: service.cloned(), text: text.into(), tints: Vec::new() }
    }

    pub(super) async fn sleep(&self, length: Duration) {
        self.outside.clock.sleep(length).await;
    }

    /// The result of some work; `None` if it takes longer than a limit.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.outside.clock.within(limit, work).await
    }

    pub(super) fn service(&self, service: &ServiceName) -> ServiceView {
        self.view.services.get(service).cloned().unwrap_or_default()
    }

    /// The build of a side. Fails if it is unknown.
    pub(super) fn build_of(&self, service: &ServiceName, side: Side) -> Result<BuildId, StepError> {
        build_of(&self.view, service, side)
    }

    /// The identity that a service must report when a side is live.
    pub(super) fn wanted(&self, member: &Member, side: Side) -> Result<Wanted, StepError> {
        wanted(&self.view, self.outside.hosting.as_ref(), member, side)
    }

    /// Probes a service at its public address.
    pub(super) async fn ask_public(&self, member: &Member) -> Sample {
        self.ask(member, &member.url).await
    }

    /// Probes a service at one of its addresses.
    pub(super) async fn ask(&self, member: &Member, base: &str) -> Sample {
        let question = Question {
            base: base.to_owned(),
            health: member.health.clone(),
            timeout: self.plan().policy.health.timeout,
            controls: self.plan().policy.health.controls.clone(),
        };
        let sample = self.outside.prober.ask(&question).await;
        if let Sample::Unhealthy(why) | Sample::Blind(why) = &sample {
            self.log(member.service(), format!("{base}: {why}"));
        }
        sample
    }

    /// Copies the new lines of a build's log into the run's log. Returns the last line, or the one that names the
    /// cause, for error messages.
    pub(super) async fn collect_log(&self, member: &Member, build: &BuildId) -> Option<String> {
        let mut heard = self.heard.lock().await;
        let (mut from, mut last) = heard.get(build).cloned().unwrap_or_default();
        // Bounded: a service that never stops writing must not delay the verdict.
        for _ in 0..LOG_PARTS {
            let asked = self.outside.hosting.log(&member.target, build, from);
            // A platform that hangs must not delay a verdict that is already known.
            let far = self.outside.hosting.logs_builds_alone();
            let limit = if far { FAR_LOG_WITHIN } else { LOG_WITHIN };
            let Some(part) = self.within(limit, asked).await else { break };
            from = part.next;
            if part.lines.is_empty() {
                break;
            }
            for line in part.lines {
                self.log(member.service(), line.clone());
                last = Some(telling(last, &line));
            }
        }
        heard.insert(build.clone(), (from, last.clone()));
        last
    }

    /// The last log line of the service itself. `None` if the platform only logs how the build was made: the build
    /// succeeded, so that log explains no bad answer.
    pub(super) async fn service_log(&self, member: &Member, build: &BuildId) -> Option<String> {
        let alone = self.outside.hosting.logs_builds_alone();
        self.collect_log(member, build).await.filter(|_| !alone)
    }

    /// The most telling line in the log of a failed build. Waits for it if the platform's logs arrive late.
    pub(super) async fn failure_log(&self, member: &Member, build: &BuildId) -> Option<String> {
        let mut said = self.collect_log(member, build).await;
        for _ in 0..LATE_LOG_READS {
            let named = said.as_deref().is_some_and(tells_cause);
            if named || !self.outside.hosting.logs_builds_alone() {
                break;
            }
            self.progress(Some(member.service()), "failed; its log may say why");
            self.sleep(LATE_LOG_POLL).await;
            said = self.collect_log(member, build).await;
        }
        said
    }
}

fn build_of(view: &RunView, service: &ServiceName, side: Side) -> Result<BuildId, StepError> {
    let build = view.services.get(service).and_then(|seen| seen.build(side));
    build.cloned().ok_or_else(|| {
        StepError::lasting(Problem::new(format!("the {side} build of {service} is unknown")))
    })
}

/// The identity that a service must report when a side is live.
pub(super) fn wanted(
    view: &RunView,
    hosting: &dyn Hosting,
    member: &Member,
    side: Side,
) -> Result<Wanted, StepError> {
    let service = member.service();
    let seen = view.services.get(service);
    let blue = seen.map_or((None, None), |s| (s.blue_release.clone(), s.blue_commit.clone()));
    let plan = &view.plan;
    let green = (plan.release.clone(), plan.commit_of(member));
    let ((release, commit), (other, other_commit)) = match side {
        Side::Green => (green, blue),
        Side::Blue => (blue, green),
    };
    // A service built from a commit may report that instead of the label.
    let versions_of = |label: &Option<ReleaseLabel>, commit: &Option<String>| -> Vec<_> {
        let commit_too = commit.iter().flat_map(|c| ReleaseLabel::new(c.clone()));
        label.iter().cloned().chain(commit_too).collect()
    };
    let versions = versions_of(&release, &commit);
    let mut shared = versions_of(&other, &other_commit);
    shared.retain(|version| versions.contains(version));
    let (build, told) = (build_of(view, service, side)?, member.health.revision.is_some());
    Ok(Wanted {
        versions,
        version_told: member.health.version.is_some(),
        revision: hosting.revision(&member.target, &build).filter(|_| told),
        build,
        shared,
    })
}

/// Time limit for reading a part of a log; a late part is left for the next time.
const LOG_WITHIN: Duration = Duration::from_secs(2);
/// The same for a log that takes two requests over the network.
const FAR_LOG_WITHIN: Duration = Duration::from_secs(8);

/// Maximum reads of a failed build's log: the cause may reach the log seconds later.
const LATE_LOG_READS: u32 = 5;
const LATE_LOG_POLL: Duration = Duration::from_secs(3);

/// Maximum parts of a log read in one call; the next call reads the rest.
const LOG_PARTS: usize = 8;

/// Maximum characters of a log line in an error.
const LONGEST_CAUSE: usize = 4000;

/// The more telling of two lines: one that names the cause wins over later lines.
fn telling(before: Option<String>, line: &str) -> String {
    let named = before.filter(|before| tells_cause(before) && !tells_cause(line));
    named.unwrap_or_else(|| redacted(&harmless(line, LONGEST_CAUSE)))
}

/// Adds the most telling line of a log to a problem.
pub(super) fn with_last_line(problem: Problem, line: Option<String>) -> Problem {
    match line {
        Some(cause) if tells_cause(&cause) => problem.because(cause),
        Some(line) => problem.because(format!("last log line: {line}")),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_shows_the_cause_of_the_log_or_its_last_line() {
        let told = |lines: &[&str]| {
            let last = lines.iter().fold(None, |last, line| Some(telling(last, line)));
            with_last_line(Problem::new("build b-1 is FAILED"), last).to_string()
        };
        let cause = "fah/other: npm ci ended with 1";
        assert!(told(&["npm ERR!", cause, "ERROR: build step 2 failed"]).contains(cause));
        assert!(told(&["one", "two"]).contains("last log line: two"));
        assert!(!told(&[]).contains("log"));
    }
}
