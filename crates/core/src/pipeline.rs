//! CI pipelines: the runs that test a release, their jobs, steps and approvals, and what a run proves. The terms are
//! GitHub's (`docs/internals/github-actions.md`).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checklist::Proof;
use super::health::Verdict;
use super::time::{Timestamp, spoken};

/// A reference to a pipeline, as stored in a plan. It never contains a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PipelineOf {
    Github {
        /// `owner/name`.
        repository: String,
        /// The workflow's file: `deploy.yml`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workflow: Option<String>,
        /// The branch that releases are deployed from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// Environment variable that holds the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_env: Option<String>,
        /// The API's address, if it is not GitHub's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api: Option<String>,
    },
    /// Jobs of the config, run on this machine.
    Local {
        folder: PathBuf,
        /// The jobs, in the config's order.
        jobs: Vec<LocalJob>,
    },
}

/// A job of a local pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalJob {
    pub name: String,
    /// The jobs that must pass first.
    pub needs: Vec<String>,
    /// Matrix values: the job runs once for each, or once if there are none.
    pub matrix: Vec<String>,
    /// Program and arguments of each step. `{matrix}` is replaced by the value.
    pub steps: Vec<Vec<String>>,
}

/// The state of a run, a job or a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Queued,
    Running,
    /// Waits for a person.
    Waiting,
    Passed,
    /// Failed, with GitHub's conclusion: `failure`, `timed_out`, `startup_failure`, `action_required`.
    Failed(String),
    Cancelled,
    /// It had nothing to do.
    Skipped,
    /// A word that this version does not know. It never counts as passed.
    Other(String),
}

impl Standing {
    /// Combines GitHub's `status` and `conclusion`.
    pub fn of(status: &str, conclusion: Option<&str>) -> Self {
        match (status, conclusion) {
            ("completed", Some("success" | "neutral")) => Self::Passed,
            ("completed", Some("skipped")) => Self::Skipped,
            ("completed", Some("cancelled" | "stale")) => Self::Cancelled,
            (
                "completed",
                Some(word @ ("failure" | "timed_out" | "startup_failure" | "action_required")),
            ) => Self::Failed(word.to_owned()),
            ("completed", word) => Self::Other(word.unwrap_or("completed").to_owned()),
            ("queued" | "requested" | "pending", _) => Self::Queued,
            ("in_progress", _) => Self::Running,
            ("waiting", _) => Self::Waiting,
            (word, _) => Self::Other(word.to_owned()),
        }
    }

    /// One word, for lists and JSON.
    pub fn label(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Passed => "passed",
            Self::Failed(word) | Self::Other(word) => word,
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Whether it ended, and will not change by itself.
    pub fn over(&self) -> bool {
        matches!(self, Self::Passed | Self::Failed(_) | Self::Cancelled | Self::Skipped)
    }

    /// Whether it failed or was cancelled.
    pub fn bad(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Cancelled)
    }
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStep {
    pub name: String,
    pub standing: Standing,
    pub took: Option<Duration>,
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: u64,
    /// The name; in a matrix, with its value: `test (toto-app)`.
    pub name: String,
    pub standing: Standing,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub steps: Vec<JobStep>,
    /// Its web page.
    pub url: Option<String>,
    /// Whether Pointsman itself runs in this job, which therefore cannot have ended.
    pub own: bool,
}

impl Job {
    /// Whether a name refers to this job: its own name, or that of its matrix.
    pub fn is(&self, name: &str) -> bool {
        let matrix = || self.name.strip_prefix(name).is_some_and(|rest| rest.starts_with(" ("));
        self.name == name || matrix()
    }

    /// Duration so far.
    pub fn took(&self, now: Option<Timestamp>) -> Option<Duration> {
        let until = self.ended.or(now.filter(|_| !self.standing.over()))?;
        Duration::try_from(until.duration_since(self.started?)).ok()
    }
}

/// A pending approval of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The id of the environment at GitHub.
    pub environment_id: u64,
    pub environment: String,
    /// Whether the owner of our token may approve.
    pub ours: bool,
    pub reviewers: Vec<String>,
}

/// A run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineRun {
    pub id: u64,
    /// Attempt number, from 1.
    pub attempt: u64,
    /// The title: the subject of the last commit.
    pub title: String,
    pub branch: Option<String>,
    /// The tested commit; `None` if the working folder was tested.
    pub commit: Option<String>,
    /// The event that started it: `push`.
    pub event: String,
    pub actor: Option<String>,
    pub standing: Standing,
    /// Start of this attempt.
    pub started: Option<Timestamp>,
    /// Time of the last change.
    pub changed: Option<Timestamp>,
    /// Its web page.
    pub url: Option<String>,
    pub jobs: Vec<Job>,
    /// Pending approvals.
    pub approvals: Vec<Approval>,
}

impl PipelineRun {
    /// Whether failed jobs were allowed to fail (`continue-on-error`): the run as a whole passed.
    fn forgives(&self) -> bool {
        self.standing == Standing::Passed
    }

    /// The first job that failed the run.
    pub fn failing(&self) -> Option<&Job> {
        if self.forgives() {
            return None;
        }
        let failed = |job: &&Job| matches!(job.standing, Standing::Failed(_));
        self.jobs.iter().find(failed).or_else(|| self.jobs.iter().find(|job| job.standing.bad()))
    }

    /// The evidence that the run gives for a job, or for `all` of them. Only a successful end is
    /// proof; an unknown conclusion is not.
    pub fn proof(&self, job: &str) -> Proof {
        let all = job == "all";
        // The job that runs Pointsman, and jobs that wait for an approval, cannot have ended.
        let waits = |j: &Job| self.standing == Standing::Waiting && j.standing == Standing::Waiting;
        let whole = |j: &&Job| if all { !j.own && !waits(j) } else { j.is(job) };
        let meant: Vec<&Job> = self.jobs.iter().filter(whole).collect();
        let named = |of: &[&Job]| {
            let words = of.iter().map(|j| format!("{} {}", j.name, j.standing.label()));
            words.collect::<Vec<_>>().join(", ")
        };
        let proof =
            |verdict, said: String| Proof { verdict, said: format!("run {}: {said}", self.id) };
        if meant.is_empty() {
            if let Standing::Failed(word) = &self.standing {
                return proof(Verdict::Fail, word.clone());
            }
            let said =
                if all { "it has no jobs yet".to_owned() } else { format!("it has no job {job}") };
            return proof(Verdict::Inconclusive, said);
        }
        let bad: Vec<_> = meant.iter().copied().filter(|j| j.standing.bad()).collect();
        // A job that the config names must have passed itself.
        let allowed = all && self.forgives();
        if !bad.is_empty() && !allowed {
            return proof(Verdict::Fail, named(&bad));
        }
        let open: Vec<_> = meant.iter().copied().filter(|j| !j.standing.over()).collect();
        if !open.is_empty() {
            return proof(Verdict::Inconclusive, named(&open));
        }
        // GitHub lists jobs as it creates them, so the list may be incomplete until the run ends.
        let goes_on = !self.standing.over() && self.standing != Standing::Waiting;
        if all && goes_on && !self.jobs.iter().any(|j| j.own) {
            return proof(Verdict::Inconclusive, format!("it is {}", self.standing.label()));
        }
        if all && self.standing.bad() {
            return proof(Verdict::Fail, self.standing.label().to_owned());
        }
        let passed = meant.iter().filter(|j| j.standing == Standing::Passed).count();
        if passed == 0 {
            return proof(Verdict::Inconclusive, format!("{job} was skipped"));
        }
        let said = format!("{passed} of {} jobs passed", meant.len());
        if bad.is_empty() {
            return proof(Verdict::Pass, said);
        }
        let forgiven: Vec<_> = bad.iter().map(|job| job.name.as_str()).collect();
        proof(Verdict::Pass, format!("{said}; continue-on-error: {}", forgiven.join(", ")))
    }

    /// One line: `run 41: waiting, 7m 00s`.
    pub fn told(&self, now: Option<Timestamp>) -> String {
        let attempt =
            if self.attempt > 1 { format!(" (attempt {})", self.attempt) } else { String::new() };
        let until = if self.standing.over() { self.changed } else { now };
        let took = until
            .zip(self.started)
            .and_then(|(until, started)| Duration::try_from(until.duration_since(started)).ok());
        let took = took.map(|took| format!(", {}", spoken(Duration::from_secs(took.as_secs()))));
        let (word, took) = (self.standing.label(), took.unwrap_or_default());
        format!("run {}{attempt}: {word}{took}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, status: &str, conclusion: Option<&str>) -> Job {
        Job {
            id: 1,
            name: name.into(),
            standing: Standing::of(status, conclusion),
            started: None,
            ended: None,
            steps: Vec::new(),
            url: None,
            own: false,
        }
    }

    fn run(jobs: Vec<Job>) -> PipelineRun {
        PipelineRun {
            id: 41,
            attempt: 1,
            title: String::new(),
            branch: None,
            commit: None,
            event: "push".into(),
            actor: None,
            standing: Standing::Passed,
            started: None,
            changed: None,
            url: None,
            jobs,
            approvals: Vec::new(),
        }
    }

    #[test]
    fn only_success_is_a_proof() {
        let matrix = |two: (&str, Option<&str>)| {
            let jobs = vec![
                job("test (toto-app)", "completed", Some("success")),
                job("test (toto-bo)", two.0, two.1),
                job("scan", "completed", Some("skipped")),
            ];
            let own = Standing::of(two.0, two.1);
            let standing = if own.bad() { own } else { Standing::Passed };
            PipelineRun { standing, ..run(jobs) }
        };
        let cases = [
            (("completed", Some("success")), Verdict::Pass),
            (("completed", Some("failure")), Verdict::Fail),
            (("completed", Some("cancelled")), Verdict::Fail),
            (("in_progress", None), Verdict::Inconclusive),
            (("completed", Some("splendid")), Verdict::Inconclusive),
            (("dreaming", None), Verdict::Inconclusive),
        ];
        for (two, wanted) in cases {
            for name in ["all", "test"] {
                assert_eq!(matrix(two).proof(name).verdict, wanted, "{two:?} {name}");
            }
        }
        assert_eq!(matrix(cases[1].0).proof("scan").verdict, Verdict::Inconclusive);
        assert_eq!(matrix(cases[0].0).proof("tes").verdict, Verdict::Inconclusive);
        assert_eq!(run(vec![]).proof("all").verdict, Verdict::Inconclusive);
        // `continue-on-error`: the run passed although a job failed, here and wherever the run is shown.
        let forgiven = PipelineRun { standing: Standing::Passed, ..matrix(cases[1].0) };
        assert_eq!((forgiven.proof("all").verdict, forgiven.failing()), (Verdict::Pass, None));
        assert_eq!(forgiven.proof("test").verdict, Verdict::Fail, "that job did not pass");
        // The job that runs Pointsman cannot have ended.
        let mut own = PipelineRun { standing: Standing::Running, ..matrix(cases[0].0) };
        assert_eq!(own.proof("all").verdict, Verdict::Inconclusive, "more may come");
        assert_eq!(own.proof("test").verdict, Verdict::Pass);
        own.jobs.push(Job { own: true, ..job("deploy-production", "in_progress", None) });
        assert_eq!(own.proof("all").verdict, Verdict::Pass);
        // A run that only waits for an approval was tested.
        let mut waiting = PipelineRun { standing: Standing::Waiting, ..matrix(cases[0].0) };
        waiting.jobs.push(job("deploy-production", "waiting", None));
        assert_eq!(waiting.proof("all").verdict, Verdict::Pass);
    }
}
