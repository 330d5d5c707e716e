//! `pipeline`: shows the pipeline run of a release and the log of its failed job, reviews approvals, and starts and
//! reruns it.

use std::sync::Arc;

use serde_json::json;

use super::Session;
use super::args::{PipelineAct, PipelineArguments, Yes};
use super::confirm::confirm;
use super::exit::{FAILED, Failed, Finished, INCONCLUSIVE, OK, USAGE};
use super::print;
use crate::config::Loaded;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::gate::Answers;
use crate::domain::job_log::job_log;
use crate::domain::pipeline::{Job, PipelineOf, PipelineRun, Standing};
use crate::domain::planner::EnvironmentSpec;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::domain::time::spoken;
use crate::engine::proposal;
use crate::ports::pipeline::Pipeline;

/// Number of log lines printed before the first error.
const LINES_BEFORE_ERROR: usize = 20;
/// Maximum number of characters per log line.
const LONGEST_LINE: usize = 2000;

pub(super) async fn pipeline(session: &Session, arguments: &PipelineArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let spec = loaded.spec(&arguments.environment).map_err(usage)?;
    let Some(of) = spec.pipeline.clone() else {
        return Err(usage(
            Problem::coded(Code::NO_PIPELINE, format!("{} has no pipeline", arguments.environment))
                .try_this(
                    "pipeline: { kind: github, repository: owner/name, workflow: deploy.yml }",
                ),
        ));
    };
    if matches!(arguments.act, Some(PipelineAct::Run)) {
        return run_here(session, &spec, &of).await;
    }
    let asked = Asked { session, loaded: &loaded, spec: &spec };
    let pipeline = session.app.pipeline(&spec.environment, &of, &session.arguments.config)?;
    if let Some(PipelineAct::Dispatch { reference, yes }) = &arguments.act {
        let what = format!(
            "Starts a pipeline run of {}{}.",
            spec.environment,
            reference.as_ref().map(|r| format!(", of {r}")).unwrap_or_default()
        );
        asked.confirmed(yes, &what)?;
        let said = pipeline.begin(reference.as_deref()).await?;
        session.result(&said, &json!({ "said": said }));
        return Ok(OK);
    }
    let commit = asked.commit(arguments)?;
    let Some(run) = pipeline.latest(commit.as_deref()).await? else {
        let of = commit.as_deref().and_then(|c| c.get(..7)).unwrap_or("it");
        session.result(&format!("no pipeline run for {of} yet"), &json!({ "run": null }));
        return Ok(INCONCLUSIVE);
    };
    match &arguments.act {
        Some(PipelineAct::Log { job, whole }) => {
            asked.log(&pipeline, &run, job.as_deref(), *whole).await
        }
        Some(PipelineAct::Approve(review)) => {
            asked.review(&pipeline, &run, true, (&review.comment, &review.yes)).await
        }
        Some(PipelineAct::Reject(review)) => {
            asked.review(&pipeline, &run, false, (&review.comment, &review.yes)).await
        }
        Some(PipelineAct::Rerun(yes)) => {
            let what = format!("Reruns the failed jobs of run {}.", run.id);
            asked.confirmed(yes, &what)?;
            pipeline.run_failed_again(&run).await?;
            let said = format!("run {}: rerun of the failed jobs requested", run.id);
            session.result(&said, &json!({ "said": said }));
            Ok(OK)
        }
        _ => {
            let (text, json) = (told(session, &run), json!({ "run": run }));
            session.result(&text, &json);
            Ok(verdict(&run.standing))
        }
    }
}

/// The exit code of a run: passed, failed or unknown.
fn verdict(standing: &Standing) -> u8 {
    match standing {
        Standing::Passed => OK,
        standing if standing.bad() => FAILED,
        _ => INCONCLUSIVE,
    }
}

struct Asked<'a> {
    session: &'a Session,
    loaded: &'a Loaded,
    spec: &'a EnvironmentSpec,
}

impl Asked<'_> {
    /// The commit of `--release`, if given.
    fn commit(&self, arguments: &PipelineArguments) -> Result<Option<String>, Failed> {
        let Some(release) = &arguments.release else { return Ok(None) };
        let plan = proposal::what_ships(self.loaded, &arguments.environment, release)?;
        let commit = plan.commit().map(str::to_owned);
        commit.map(Some).ok_or_else(|| {
            let problem = Problem::new(format!("release {release} has no commit"));
            Failed::with(USAGE, problem.because("only git releases have one"))
        })
    }

    fn confirmed(&self, yes: &Yes, what: &str) -> Result<(), Failed> {
        let answers = Answers { yes: yes.yes, confirm: yes.confirm.clone() };
        let environment = &self.spec.environment;
        let protection = self.spec.policy.protection;
        confirm(environment, environment.as_str(), protection, answers, what)
    }

    async fn review(
        &self,
        pipeline: &Arc<dyn Pipeline>,
        run: &PipelineRun,
        approve: bool,
        (comment, yes): (&str, &Yes),
    ) -> Finished {
        let ours: Vec<_> = run.approvals.iter().filter(|approval| approval.ours).collect();
        let environments: Vec<_> = ours.iter().map(|a| a.environment.as_str()).collect();
        let word = if approve { "Approves" } else { "Rejects" };
        let for_what = environments.join(" and ");
        self.confirmed(yes, &format!("{word} {for_what} of run {}, {}.", run.id, run.title))?;
        pipeline.review(run, approve, comment).await?;
        // An accepted review is no proof, so read the run back.
        let now = pipeline.latest(run.commit.as_deref()).await?;
        let waits = |now: &PipelineRun| {
            ours.iter().any(|a| now.approvals.iter().any(|b| b.environment_id == a.environment_id))
        };
        let still = now.as_ref().is_none_or(|now| now.id != run.id || waits(now));
        let said = if still {
            format!("run {}: GitHub accepted the review but does not show it yet", run.id)
        } else {
            let word = if approve { "approved" } else { "rejected" };
            format!("run {}: {for_what} {word}", run.id)
        };
        self.session.result(&said, &json!({"said": said, "waits": still}));
        Ok(if still { INCONCLUSIVE } else { OK })
    }

    async fn log(
        &self,
        pipeline: &Arc<dyn Pipeline>,
        run: &PipelineRun,
        wanted: Option<&str>,
        whole: bool,
    ) -> Finished {
        let meant =
            |job: &&Job| wanted.is_none_or(|name| job.is(name) || job.name.starts_with(name));
        let job = match wanted {
            Some(_) => run.jobs.iter().find(meant),
            None => run.failing(),
        };
        let Some(job) = job else {
            let names: Vec<_> = run.jobs.iter().map(|job| job.name.as_str()).collect();
            let what = wanted.map_or_else(
                || format!("no job of run {} failed", run.id),
                |name| format!("run {} has no job {name}", run.id),
            );
            let problem = Problem::new(what).try_this(format!("name one of {}", names.join(", ")));
            return Err(Failed::with(USAGE, problem));
        };
        let lines = job_log(&pipeline.log(job.id).await?);
        let error = lines.iter().position(|line| line.error).filter(|_| !whole);
        let from = error.map_or(0, |at| at.saturating_sub(LINES_BEFORE_ERROR));
        let lines: Vec<String> = lines[from..]
            .iter()
            .map(|line| {
                let text = redacted(&harmless(&line.text, LONGEST_LINE));
                if line.error { format!("ERROR {text}") } else { text }
            })
            .collect();
        if from > 0 {
            print::note(format!("{}: skipped {from} lines before the first error", job.name));
        }
        self.session
            .result(&lines.join("\n"), &json!({"job": job.name, "from": from, "lines": lines}));
        Ok(OK)
    }
}

/// The run, its jobs and its pending approvals, as text.
fn told(session: &Session, run: &PipelineRun) -> String {
    let now = session.app.clock.now();
    let mut lines = vec![run.told(Some(now)), format!("  {}", run.title)];
    let of = [
        run.branch.clone(),
        run.commit.as_deref().and_then(|c| c.get(..7)).map(str::to_owned),
        Some(run.event.clone()).filter(|event| !event.is_empty()),
        run.actor.as_ref().map(|actor| format!("by {actor}")),
    ];
    lines.push(format!("  {}", of.into_iter().flatten().collect::<Vec<_>>().join(" · ")));
    for job in &run.jobs {
        let took = job.took(Some(now)).map(spoken).unwrap_or_default();
        lines.push(format!("  {:<10} {:<32} {took}", job.standing.label(), job.name));
        for step in job.steps.iter().filter(|step| step.standing.bad()) {
            lines.push(format!("  {:<10}   {}", step.standing.label(), step.name));
        }
    }
    for approval in &run.approvals {
        let who = approval.reviewers.join(" or ");
        let ours = if approval.ours { "; you can review it: pipeline ENV approve" } else { "" };
        lines.push(format!("  waits for {who} to approve {}{ours}", approval.environment));
    }
    lines.extend(run.url.iter().map(|url| format!("  {url}")));
    lines.join("\n")
}

/// Runs the jobs of a local pipeline in the foreground. CI and the screen's background process use this.
async fn run_here(session: &Session, spec: &EnvironmentSpec, of: &PipelineOf) -> Finished {
    let PipelineOf::Local { folder, jobs } = of else {
        return Err(Failed::with(
            USAGE,
            Problem::new("its jobs run on GitHub").try_this("pipeline ENV dispatch"),
        ));
    };
    let config = &session.arguments.config;
    let local = session.app.local_pipeline(&spec.environment, folder, jobs, config);
    let run = local.run(&|line| print::note(line)).await?;
    session.result(&told(session, &run), &json!({ "run": run }));
    Ok(verdict(&run.standing))
}
