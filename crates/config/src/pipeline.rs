//! Reads the pipeline of an environment from the config, and checks it.

use std::collections::BTreeSet;

use super::file::Loaded;
use super::rules::is_loopback;
use super::schema::environment::{PipelineConfig, PipelineKind};
use pointsman_core::alert::GithubRepository;
use pointsman_core::pipeline::{LocalJob, PipelineOf};
use pointsman_core::redact::redacted;

impl Loaded {
    /// The pipeline of an environment. `None` if its configuration is incomplete, which `check` reports.
    pub(super) fn pipeline(&self, of: &PipelineConfig) -> Option<PipelineOf> {
        Some(match of.kind {
            PipelineKind::Github => PipelineOf::Github {
                repository: of.repository.clone()?,
                workflow: of.workflow.clone(),
                branch: of.branch.clone(),
                token_env: of.token_env.clone(),
                api: of.api.clone(),
            },
            PipelineKind::Local => PipelineOf::Local {
                folder: self.folder.clone(),
                jobs: of
                    .jobs
                    .iter()
                    .map(|(name, job)| LocalJob {
                        name: name.clone(),
                        needs: job.needs.clone(),
                        matrix: job.matrix.clone(),
                        steps: job.steps.clone(),
                    })
                    .collect(),
            },
        })
    }
}

/// The repository that a pipeline tells about deployments.
pub(super) fn deployments(of: &PipelineConfig) -> Option<GithubRepository> {
    let repository = of.repository.clone().filter(|_| of.deployments)?;
    Some(GithubRepository { repository, api: of.api.clone(), token_env: of.token_env.clone()? })
}

/// Problems of a pipeline, each with the path of its key.
pub(super) fn wrong(of: &PipelineConfig) -> Vec<(Vec<String>, String)> {
    let at = |path: &[&str]| {
        let keys = ["pipeline"].iter().chain(path);
        keys.map(|key| (*key).to_owned()).collect::<Vec<_>>()
    };
    let mut wrong = Vec::new();
    if of.deployments && (of.kind == PipelineKind::Local || of.token_env.is_none()) {
        let why = "deployments are written to GitHub: they need `kind: github` and `token_env`";
        wrong.push((at(&["deployments"]), why.to_owned()));
    }
    match of.kind {
        PipelineKind::Github => {
            let named = |name: &String| name.split('/').filter(|p| !p.is_empty()).count() == 2;
            if !of.repository.as_ref().is_some_and(named) {
                let why = "a pipeline of kind github needs repository: owner/name";
                wrong.push((at(&["repository"]), why.to_owned()));
            }
            if of.workflow.as_ref().is_none_or(String::is_empty) {
                let why = "a pipeline of kind github needs workflow: FILE.yml, or any of its workflows would count";
                wrong.push((at(&["workflow"]), why.to_owned()));
            }
            let safe = |api: &String| api.starts_with("https://") || is_loopback(api);
            if of.api.as_ref().is_some_and(|api| !safe(api)) {
                let why = "the token is sent there: only over https, or to this machine";
                wrong.push((at(&["api"]), why.to_owned()));
            }
        }
        PipelineKind::Local => {
            if of.jobs.is_empty() {
                let why = "a pipeline of kind local needs jobs";
                wrong.push((at(&["jobs"]), why.to_owned()));
            }
            wrong.extend(wrong_jobs(of, at));
        }
    }
    wrong
}

fn wrong_jobs(
    of: &PipelineConfig,
    at: impl Fn(&[&str]) -> Vec<String>,
) -> Vec<(Vec<String>, String)> {
    let mut wrong = Vec::new();
    for (name, job) in &of.jobs {
        for need in job.needs.iter().filter(|need| !of.jobs.contains_key(*need)) {
            let why = format!("job {name} needs {need:?}, and there is no such job");
            wrong.push((at(&["jobs", name, "needs"]), why));
        }
        if job.steps.is_empty() || job.steps.iter().any(Vec::is_empty) {
            let why = format!("job {name} needs steps, each with a program");
            wrong.push((at(&["jobs", name, "steps"]), why));
        }
        let words: Vec<&str> =
            job.steps.iter().flatten().chain(&job.matrix).map(String::as_str).collect();
        let words = words.join(" ");
        if redacted(&words) != words {
            let why = format!("job {name} holds what looks like a secret: let it read a variable");
            wrong.push((at(&["jobs", name, "steps"]), why));
        }
        if goes_round(of, name) {
            let why = format!("job {name} needs itself in the end");
            wrong.push((at(&["jobs", name, "needs"]), why));
        }
    }
    wrong
}

fn goes_round(of: &PipelineConfig, name: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![name]);
    while let Some(job) = next.pop() {
        for need in of.jobs.get(job).into_iter().flat_map(|job| &job.needs) {
            if need == name {
                return true;
            }
            if seen.insert(need.as_str()) {
                next.push(need);
            }
        }
    }
    false
}
