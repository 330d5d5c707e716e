//! Converts the config to the domain's types.

use std::path::PathBuf;
use std::time::Duration;

use super::check::nearest;
use super::file::Loaded;
use super::finding::Findings;
use super::migrations::migrations;
use super::people;
use super::rules::DEMO_PREFIX;
use super::schema::deploy::DeployConfig;
use super::schema::environment::{BackupConfig, DatabaseConfig, EnvironmentConfig};
use super::schema::platform::PlatformKind;
use pointsman_core::alert::{Channel, Notify};
use pointsman_core::code::Code;
use pointsman_core::endpoint::Endpoint;
use pointsman_core::error::Problem;
use pointsman_core::ids::{BackendId, EnvironmentName, Location, ProjectId, ServiceName};
use pointsman_core::migration::Migration;
use pointsman_core::plan::{HealthEndpoint, Member, PlannedDatabase};
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::policy::{DeployPolicy, Protection};
use pointsman_core::probe::HealthWord;
use pointsman_core::project::{Project, Target};
use pointsman_core::restore::BackupNeed;

/// Default number of documents per commit.
pub(crate) const BATCH_DOCUMENTS: u32 = 300;

/// Default interval between reminders of an alert.
pub(crate) const REMIND_AFTER: Duration = Duration::from_hours(1);

/// Placeholder project and region for platforms that have neither.
const NO_PROJECT: &str = "no-project";
const NO_LOCATION: &str = "anywhere";

impl Loaded {
    /// The names of the environments, sorted.
    pub fn environments(&self) -> Vec<&str> {
        self.config.environments.keys().map(String::as_str).collect()
    }

    fn environment(&self, name: &str) -> Result<(EnvironmentName, &EnvironmentConfig), Problem> {
        let found = self.config.environments.get(name).ok_or_else(|| {
            let (all, what) = (self.environments(), format!("there is no environment {name:?}"));
            let todo = match nearest(name, &all) {
                Some(near) => format!("did you mean {near:?}? There are {}", all.join(", ")),
                None => format!("name one of {}", all.join(", ")),
            };
            Problem::coded(Code::UNKNOWN_ENVIRONMENT, what).try_this(todo)
        })?;
        Ok((EnvironmentName::new(name)?, found))
    }

    /// The environment on which a release must be promoted before this one.
    pub fn promote_from(&self, name: &str) -> Result<Option<EnvironmentName>, Problem> {
        self.environment(name)?.1.promote_from.as_ref().map(EnvironmentName::new).transpose()
    }

    /// The confirmation that changes to the environment need.
    pub fn protection(&self, name: &str) -> Result<Protection, Problem> {
        Ok(self.environment(name)?.1.protection)
    }

    /// The parts that all plans for an environment share.
    pub fn spec(&self, name: &str) -> Result<EnvironmentSpec, Problem> {
        let (environment, of) = self.environment(name)?;
        let order = of.deploy.order.as_ref().or(self.config.deploy.order.as_ref());
        let rank = |service: &str| {
            order.and_then(|o| o.iter().position(|s| s == service)).unwrap_or(usize::MAX)
        };
        let mut services: Vec<&String> = of.services.keys().collect();
        services.sort_by_key(|s| rank(s));
        let members = services
            .into_iter()
            .map(|service| self.member(&environment, of, service))
            .collect::<Result<_, _>>()?;
        let mut spec = EnvironmentSpec {
            environment,
            members,
            freeze: self.freezes_of(of)?,
            policy: {
                let mut policy = policy(of.protection, &[&self.config.deploy, &of.deploy]);
                policy.health.controls.clone_from(&of.control);
                policy.approvals = people::approvals(&self.config, of);
                policy.may = people::may(&self.config, of);
                policy
            },
            endpoint: of.platform.resolve(&self.folder),
            pipeline: of.pipeline.as_ref().and_then(|of| self.pipeline(of)),
            preview: of.platform.preview,
            deployments: of.pipeline.as_ref().and_then(super::pipeline::deployments),
            databases: Vec::new(),
            notify: self.notify(),
            checklist: Vec::new(),
        };
        spec.databases = self.databases(&spec.environment, of)?;
        spec.checklist = self.checklist(name, &spec)?;
        Ok(spec)
    }

    fn member(
        &self,
        environment: &EnvironmentName,
        of: &EnvironmentConfig,
        name: &str,
    ) -> Result<Member, Problem> {
        let missing =
            |what: &str| Problem::new(format!("service {name} of {environment} has no {what}"));
        let service = self.config.services.get(name).ok_or_else(|| missing("definition"))?;
        let placed = of.services.get(name).ok_or_else(|| missing("place"))?;
        let project = placed.project.as_ref().or(of.platform.project.as_ref());
        let commands = of.platform.kind == PlatformKind::Command;
        let project = match project {
            // Command platforms have no projects.
            None if commands => {
                let (id, environment) = (ProjectId::new(NO_PROJECT)?, environment.clone());
                Project { id, environment }
            }
            named => self.project(environment, named.ok_or_else(|| missing("project"))?)?,
        };
        let nowhere = NO_LOCATION.to_owned();
        let location = of.platform.location.as_ref().or(commands.then_some(&nowhere));
        let target = Target::new(
            environment,
            ServiceName::new(name)?,
            &project,
            Location::new(location.ok_or_else(|| missing("location"))?)?,
            BackendId::new(placed.backend.as_ref().unwrap_or(&service.backend))?,
        )?;
        let health = HealthEndpoint {
            path: service.health.path.clone(),
            version: service.health.version.clone(),
            revision: service.health.revision.clone(),
            word: HealthWord {
                pointer: service.health.status.clone(),
                healthy: service.health.healthy.clone(),
            },
        };
        Ok(Member {
            target,
            url: placed.url.trim_end_matches('/').to_owned(),
            health,
            pages: service.pages.clone(),
            green_url: placed.green_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            source: None,
            repository: None,
            root_directory: None,
            to: None,
            accepts: service
                .schema
                .iter()
                .filter(|(database, _)| of.databases.contains_key(*database))
                .map(|(database, range)| Ok((database.clone(), range.parse()?)))
                .collect::<Result<_, Problem>>()?,
            obsolete: Vec::new(),
        })
    }

    fn databases(
        &self,
        environment: &EnvironmentName,
        of: &EnvironmentConfig,
    ) -> Result<Vec<PlannedDatabase>, Problem> {
        let one = |(name, database): (&String, &DatabaseConfig)| {
            let project = self.project(environment, &database.project)?;
            if &project.environment != environment {
                return Err(Problem::new(format!(
                    "project {} belongs to {}, not to {environment}",
                    project.id, project.environment
                ))
                .because(format!("database {name} of {environment} names it")));
            }
            Ok(PlannedDatabase {
                name: name.clone(),
                environment: environment.clone(),
                project: project.id,
                database: database.database.clone().unwrap_or_else(|| "(default)".to_owned()),
                endpoint: match database.endpoint {
                    Some(_) => Endpoint::Emulator,
                    None => Endpoint::Google,
                },
                folder: self.folder.display().to_string(),
                migrations: Vec::new(),
                batch: database.batch.unwrap_or(BATCH_DOCUMENTS),
                per_second: database.per_second,
                backup: database.backup.as_ref().map(need).transpose()?,
                indexes: None,
            })
        };
        of.databases.iter().map(one).collect()
    }

    /// The migrations of a database, from its folder.
    pub fn migrations(
        &self,
        environment: &str,
        database: &str,
    ) -> Result<Vec<Migration>, Findings> {
        let folder = self.migrations_folder(environment, database);
        folder.map_or(Ok(Vec::new()), |folder| migrations(&folder))
    }

    /// The folder of a database's migrations.
    pub(super) fn migrations_folder(&self, environment: &str, database: &str) -> Option<PathBuf> {
        let of = self.config.environments.get(environment)?.databases.get(database)?;
        Some(self.folder.join(&of.migrations))
    }

    /// A project with its environment. An emulator project (`demo-…`) belongs to any environment that names it, because
    /// it does not exist at Google.
    fn project(&self, environment: &EnvironmentName, id: &str) -> Result<Project, Problem> {
        let environment = match self.config.projects.get(id) {
            Some(known) => EnvironmentName::new(&known.environment)?,
            None if id.starts_with(DEMO_PREFIX) => environment.clone(),
            None => {
                return Err(Problem::coded(
                    Code::UNKNOWN_NAME,
                    format!("there is no project {id:?}"),
                ));
            }
        };
        Ok(Project { id: ProjectId::new(id)?, environment })
    }
}

fn policy(protection: Protection, layers: &[&DeployConfig]) -> DeployPolicy {
    let mut policy = DeployPolicy { protection, ..DeployPolicy::default() };
    for layer in layers {
        let health = &mut policy.health;
        health.attempts = layer.health.attempts.unwrap_or(health.attempts);
        health.interval = layer.health.interval.map_or(health.interval, |d| d.0);
        health.timeout = layer.health.timeout.map_or(health.timeout, |d| d.0);
        health.consecutive = layer.health.consecutive.unwrap_or(health.consecutive);
        let attest = &mut policy.attest;
        attest.consecutive = layer.attest.consecutive.unwrap_or(attest.consecutive);
        attest.interval = layer.attest.interval.map_or(attest.interval, |d| d.0);
        attest.within = layer.attest.within.map_or(attest.within, |d| d.0);
        let soak = &mut policy.soak;
        soak.length = layer.soak.length.map_or(soak.length, |d| d.0);
        soak.interval = layer.soak.interval.map_or(soak.interval, |d| d.0);
        soak.failures = layer.soak.failures.unwrap_or(soak.failures);
        let share = &mut soak.share;
        share.percent = layer.soak.max_bad_percent.unwrap_or(share.percent);
        share.least_bad = layer.soak.min_bad.unwrap_or(share.least_bad);
        share.least_samples = layer.soak.min_samples.unwrap_or(share.least_samples);
        if let Some(metrics) = &layer.soak.metrics {
            soak.metrics = super::metrics::rules_of(metrics).ok();
        }
        soak.countdown = layer.soak.countdown.map_or(soak.countdown, |d| d.0);
        soak.on_failure = layer.soak.on_failure.unwrap_or(soak.on_failure);
        policy.gate.expires = layer.gate.expires.map_or(policy.gate.expires, |d| d.0);
        policy.gate.then = layer.gate.then.unwrap_or(policy.gate.then);
        if let Some(shares) = &layer.traffic {
            let parts = shares.iter().filter_map(|percent| u8::try_from(*percent).ok());
            policy.traffic = parts.filter(|percent| *percent < 100).collect();
        }
        policy.drain = layer.drain.map_or(policy.drain, |d| d.0);
        policy.keep_blue = layer.keep_blue.map_or(policy.keep_blue, |d| d.0);
    }
    policy
}

impl Loaded {
    /// Alert configuration.
    pub fn notify(&self) -> Notify {
        let notify = &self.config.notify;
        let slack =
            notify.slack.iter().map(|slack| Channel::Slack { url_env: slack.url_env.clone() });
        let webhook = notify.webhook.iter().map(|webhook| Channel::Webhook {
            url: webhook.url.clone(),
            secret_env: webhook.secret_env.clone(),
        });
        let notify = Notify {
            channels: slack.chain(webhook).collect(),
            on: notify.on.clone(),
            remind: notify.remind.map_or(REMIND_AFTER, |d| d.0),
        };
        // Without alerts the plan holds no alert configuration.
        if notify.is_empty() { Notify::default() } else { notify }
    }
}

/// What a database must be restorable from.
fn need(backup: &BackupConfig) -> Result<BackupNeed, Problem> {
    backup.required.parse().map_err(|why: String| Problem::new(why))
}
