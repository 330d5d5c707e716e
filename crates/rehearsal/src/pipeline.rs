//! The pipeline of a scripted world: every job passed, and GitHub waits for an approval to deploy.

use std::time::Duration;

use super::world::World;
use pointsman_core::error::Problem;
use pointsman_core::pipeline::{Approval, Job, JobStep, PipelineRun, Standing};
use pointsman_core::ports::pipeline::{Asked, Pipeline};
use pointsman_core::time::Timestamp;

const STEPS: [(&str, u64); 5] = [
    ("Checkout code", 2),
    ("npm ci", 41),
    ("npm run lint", 18),
    ("npm run test", 64),
    ("npm run build", 52),
];

/// Time between the start of the jobs and the scenario.
const BEGAN: Duration = Duration::from_mins(9);

fn job(id: u64, name: &str, now: Timestamp, standing: Standing) -> Job {
    let ran = standing == Standing::Passed;
    let started = now.checked_sub(BEGAN).ok();
    let took: u64 = STEPS.iter().map(|(_, seconds)| seconds).sum();
    let ended = started.and_then(|at| at.checked_add(Duration::from_secs(took)).ok());
    let step = |(name, seconds): &(&str, u64)| JobStep {
        name: (*name).to_owned(),
        standing: Standing::Passed,
        took: Some(Duration::from_secs(*seconds)),
    };
    Job {
        id,
        name: name.to_owned(),
        started: started.filter(|_| ran),
        ended: ended.filter(|_| ran),
        steps: if ran { STEPS.iter().map(step).collect() } else { Vec::new() },
        standing,
        url: None,
        own: false,
    }
}

impl World {
    fn tested(&self) -> PipelineRun {
        let now = self.now();
        let passed = |id, name| job(id, name, now, Standing::Passed);
        PipelineRun {
            id: 41,
            attempt: 1,
            title: "Fix health route".to_owned(),
            branch: Some("main".to_owned()),
            commit: Some("8f2a1c3d4e5f60718293a4b5c6d7e8f901234567".to_owned()),
            event: "push".to_owned(),
            actor: Some("ana".to_owned()),
            standing: Standing::Waiting,
            started: now.checked_sub(BEGAN).ok(),
            changed: Some(now),
            url: None,
            jobs: vec![
                passed(1, "test-and-build (toto-app)"),
                passed(2, "test-and-build (toto-bo)"),
                passed(3, "security-scan"),
                job(4, "deploy-staging", now, Standing::Skipped),
                job(5, "deploy-production", now, Standing::Waiting),
            ],
            approvals: vec![Approval {
                environment_id: 1,
                environment: "production".to_owned(),
                ours: true,
                reviewers: vec!["leo".to_owned()],
            }],
        }
    }
}

fn rehearsed() -> Problem {
    Problem::new("this is a rehearsal").because("there is no GitHub in it")
}

impl Pipeline for World {
    fn latest<'a>(&'a self, _: Option<&'a str>) -> Asked<'a, Option<PipelineRun>> {
        Box::pin(std::future::ready(Ok(Some(self.tested()))))
    }

    fn log(&self, _: u64) -> Asked<'_, String> {
        let lines = STEPS.map(|(name, _)| format!("##[group]Run {name}\n##[endgroup]\nok\n"));
        Box::pin(std::future::ready(Ok(lines.concat())))
    }

    fn review<'a>(&'a self, _: &'a PipelineRun, _: bool, _: &'a str) -> Asked<'a, ()> {
        Box::pin(std::future::ready(Err(rehearsed())))
    }

    fn run_failed_again<'a>(&'a self, _: &'a PipelineRun) -> Asked<'a, ()> {
        Box::pin(std::future::ready(Err(rehearsed())))
    }

    fn begin<'a>(&'a self, _: Option<&'a str>) -> Asked<'a, String> {
        Box::pin(std::future::ready(Err(rehearsed())))
    }

    fn every(&self) -> Duration {
        Duration::from_secs(10)
    }
}
