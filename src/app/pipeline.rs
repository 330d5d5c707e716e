//! The pipelines that test releases, as named by the config or a plan.

use secrecy::SecretString;

use super::{App, private_folder};
use crate::adapters::github::{API, Github, Repository};
use crate::adapters::local_pipeline::LocalPipeline;
use crate::adapters::program::MachinePrograms;
use crate::config::is_loopback;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::pipeline::{LocalJob, PipelineOf};
use crate::ports::pipeline::Pipeline;

use std::path::{Path, PathBuf};
use std::sync::Arc;

impl App {
    /// The pipeline of an environment. The separate process of a local pipeline reads `config`.
    pub fn pipeline(
        &self,
        environment: &EnvironmentName,
        of: &PipelineOf,
        config: &Path,
    ) -> Result<Arc<dyn Pipeline>, Problem> {
        if let Some(demo) = &self.demo {
            return Ok(Arc::new(demo.world.clone()));
        }
        match of {
            PipelineOf::Local { folder, jobs } => {
                Ok(Arc::new(self.local_pipeline(environment, folder, jobs, config)))
            }
            PipelineOf::Github { repository, workflow, branch, token_env, api } => {
                let own = std::env::var("GITHUB_API_URL").ok().filter(|url| !url.is_empty());
                let api = api.clone().or(own).unwrap_or_else(|| API.to_owned());
                // The config check covers an address in the config, but not one in the variable.
                if !api.starts_with("https://") && !is_loopback(&api) {
                    return Err(Problem::new(format!("no token is sent to {api}"))
                        .because("GITHUB_API_URL is neither https nor on this machine"));
                }
                let of = Repository {
                    api,
                    name: repository.clone(),
                    workflow: workflow.clone(),
                    branch: branch.clone(),
                };
                let set = token_env.as_ref().and_then(|name| std::env::var(name).ok());
                let token = set.filter(|token| !token.is_empty()).map(SecretString::from);
                Ok(Arc::new(Github::new(of, token, self.clock.clone())?))
            }
        }
    }

    /// The local pipeline: the jobs of the config, run on this machine.
    pub fn local_pipeline(
        &self,
        environment: &EnvironmentName,
        folder: &Path,
        jobs: &[LocalJob],
        config: &Path,
    ) -> LocalPipeline {
        let kept = self.pipeline_folder(environment);
        let (app, name, config) = (self.clone(), environment.to_string(), config.to_owned());
        let log = kept.join("runner.log");
        let begin = Box::new(move || {
            let config = config.display().to_string();
            let arguments = ["--config", config.as_str(), "pipeline", &name, "run"];
            app.background(&arguments, &log)
                .map(drop)
                .map_err(|why| Problem::new("the pipeline did not start").because(why))
        });
        let groups = self.groups("pipelines").within(environment.as_str());
        // Created here so that only this user can read it.
        let _ = private_folder(&kept);
        let who = (self.clock.clone(), self.actor());
        LocalPipeline::new(
            (folder.to_owned(), jobs.to_vec()),
            MachinePrograms { groups },
            kept,
            who,
            begin,
        )
    }

    fn pipeline_folder(&self, environment: &EnvironmentName) -> PathBuf {
        self.state.join("pipelines").join(environment.as_str())
    }
}
