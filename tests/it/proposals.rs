//! Proposals in the scripted world: what may start, and what is refused for which reason, without a platform, an
//! emulator or a network.

use std::path::Path;
use std::sync::Arc;

use pointsman::config::{Loaded, load_text};
use pointsman::domain::endpoint::Endpoint;
use pointsman::domain::error::Problem;
use pointsman::domain::guard::{Guard, Justification};
use pointsman::domain::migration::Holder;
use pointsman::domain::plan::PlannedDatabase;
use pointsman::domain::release::ReleaseLabel;
use pointsman::domain::step::{Failure, StepKind};
use pointsman::engine::Services;
use pointsman::engine::proposal::{self, DeployRequest, Refusal, RollbackRequest};
use pointsman::ports::BoxFuture;
use pointsman::ports::database::Database;
use pointsman::ports::hosting::Hosting;
use pointsman::ports::platforms::{DatabaseServers, Platforms, Reached, RestingDatabase};

use super::world::{Act, Behaviour, Bench, Fault, World, label, paused, service};

/// Connects every endpoint to the scripted world.
struct Reaches(World);

impl Platforms for Reaches {
    fn hosting<'a>(&'a self, _: &'a Endpoint, _: bool) -> Reached<'a, dyn Hosting> {
        let world: Arc<dyn Hosting> = Arc::new(self.0.clone());
        Box::pin(std::future::ready(Ok(Some(world))))
    }
}

impl DatabaseServers for Reaches {
    fn database<'a>(&'a self, _: &'a PlannedDatabase, _: bool) -> Reached<'a, dyn Database> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn resting<'a>(
        &'a self,
        _: &'a PlannedDatabase,
    ) -> BoxFuture<'a, Result<RestingDatabase, Problem>> {
        Box::pin(std::future::ready(Err(Problem::new("no database"))))
    }

    fn is_ours(&self, _: &Holder) -> bool {
        false
    }

    fn ended_here(&self, _: &Holder) -> bool {
        false
    }
}

fn services(bench: &Bench) -> Services {
    let reaches = Arc::new(Reaches(bench.world.clone()));
    Services {
        actor: "ana".to_owned(),
        clock: bench.clock(),
        stores: bench.stores(),
        platforms: reaches.clone(),
        databases: reaches,
        prober: Ok(Arc::new(bench.world.clone())),
    }
}

const CONFIG: &str = "version: 1
projects: { demo-toto: { environment: development, region: us-central1 }, demo-live: { environment: production, region: us-central1 } }
services:
  toto-bo: { root: toto-bo, backend: toto-bo, health: { path: /api/health, version: /version, revision: /revision } }
  toto-app: { root: toto-app, backend: toto-app, health: { path: /api/health, version: /version, revision: /revision } }
releases: { kind: list, labels: ['1.0.0', '1.1.0', '1.2.0'] }
deploy: { order: [toto-bo, toto-app], keep_blue: 30m }
environments:
  development:
    protection: open
    platform: { kind: app-hosting, project: demo-toto, location: us-central1 }
    services: { toto-app: { url: 'http://toto-app' }, toto-bo: { url: 'http://toto-bo' } }
  production:
    protection: typed
    promote_from: development
    platform: { kind: app-hosting, project: demo-live, location: us-central1 }
    services: { toto-app: { url: 'https://live-app' }, toto-bo: { url: 'https://live-bo' } }
";

fn loaded(folder: &Path) -> Loaded {
    for service in ["toto-app", "toto-bo"] {
        let root = folder.join(service);
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("apphosting.yaml"), "runConfig: { cpu: 1 }\n").unwrap();
    }
    load_text(CONFIG, &folder.join("config.yaml")).unwrap()
}

/// A bench with a config that drives runs of proposed plans.
struct Team {
    bench: Bench,
    loaded: Loaded,
    _folder: tempfile::TempDir,
}

impl Team {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loaded = loaded(folder.path());
        Self { bench: Bench::new(), loaded, _folder: folder }
    }

    fn plan(&self, environment: &str, release: &str, why: &Justification) -> Result<(), Refusal> {
        let (services, release) = (services(&self.bench), label(release));
        let request = DeployRequest {
            environment,
            release: &release,
            services: &[],
            attended: false,
            at_once: false,
            why,
        };
        let proposal = paused(proposal::deploy(&services, &self.loaded, &request))?;
        self.bench.drive(&proposal.plan);
        Ok(())
    }

    fn deploys(&self, release: &str) {
        self.plan("development", release, &Justification::default()).unwrap();
    }

    fn rollback(&self, to: Option<&ReleaseLabel>) -> Result<proposal::Proposal, Refusal> {
        let services = services(&self.bench);
        let spec = self.loaded.spec("development").unwrap();
        let why = &Justification::default();
        let request = RollbackRequest { to, why, undo_schema: None, database: None, waits: false };
        paused(proposal::rollback(&services, &self.loaded, spec, &request))
    }

    fn cleanup(&self, why: &Justification) -> Result<proposal::Proposal, Refusal> {
        let services = services(&self.bench);
        let spec = self.loaded.spec("development").unwrap();
        paused(proposal::cleanup(&services, &self.loaded, spec, why))
    }
}

#[test]
fn first_release_has_no_rollback_and_the_second_rolls_back_without_a_build() {
    let team = Team::new();
    team.deploys("1.0.0");
    let Err(Refusal::Refused(problem)) = team.rollback(None) else { panic!("nothing is earlier") };
    assert!(problem.to_string().contains("no other release"), "{problem}");

    team.deploys("1.1.0");
    let proposal = team.rollback(None).unwrap();
    assert_eq!(proposal.plan.release, Some(label("1.0.0")));
    let builds = |kind: &StepKind| matches!(kind, StepKind::Build);
    assert!(!proposal.plan.steps.iter().any(|step| builds(&step.kind)), "it reuses builds");
    team.bench.drive(&proposal.plan);
    let live = team.bench.world.live("toto-app").unwrap();
    assert_eq!(team.bench.world.release("toto-app", &live), Some(label("1.0.0")));
}

#[test]
fn bad_release_is_refused_as_a_target_until_it_is_overridden_by_name() {
    let team = Team::new();
    team.deploys("1.0.0");
    team.bench.world.behave("1.1.0", Behaviour::Leaks(8));
    team.deploys("1.1.0");
    let Err(Refusal::Guarded(met)) = team.rollback(Some(&label("1.1.0"))) else {
        panic!("a bad release must not be offered")
    };
    assert!(met.iter().any(|hit| hit.guard == Guard::Bad));
}

#[test]
fn production_takes_only_what_was_promoted_before() {
    let team = Team::new();
    let plan = team.plan("production", "1.0.0", &Justification::default());
    let Err(Refusal::Guarded(met)) = plan else { panic!("it was never promoted") };
    assert_eq!(met.iter().map(|hit| hit.guard).collect::<Vec<_>>(), [Guard::Promotion]);
    team.deploys("1.0.0");
    team.plan("production", "1.0.0", &Justification::default()).unwrap();
}

#[test]
fn run_in_doubt_blocks_deploys_and_clean_ups_and_never_a_rollback() {
    let team = Team::new();
    team.deploys("1.0.0");
    team.deploys("1.1.0");
    let plan = team.rollback(None).unwrap().plan;
    team.bench.crash(&plan, 6, false).unwrap();
    let deploy = team.plan("development", "1.2.0", &Justification::default());
    assert!(matches!(deploy, Err(Refusal::InDoubt(_))), "{deploy:?}");
    let cleanup = team.cleanup(&Justification::default());
    assert!(matches!(cleanup, Err(Refusal::InDoubt(_))), "{cleanup:?}");
    team.rollback(None).unwrap();
}

#[test]
fn clean_up_of_a_warm_blue_needs_a_reason_and_keeps_what_a_rollback_needs() {
    let team = Team::new();
    for release in ["1.0.0", "1.1.0"] {
        team.deploys(release);
    }
    let early = team.cleanup(&Justification::default());
    let Err(Refusal::Refused(problem)) = early else { panic!("blue is warm") };
    assert!(problem.todo.contains("--reason"), "{problem}");
    let why = Justification { reason: Some("quota".to_owned()), ..Justification::default() };
    let proposal = team.cleanup(&why).unwrap();
    let before = team.bench.world.builds("toto-app");
    team.bench.drive(&proposal.plan);
    assert_eq!(team.bench.world.builds("toto-app"), before, "both releases are stable");
    assert!(team.bench.world.acts().iter().any(|act| matches!(act, Act::Stopped(..))));
}

#[test]
fn platform_that_fails_is_shown_as_unknown_and_not_as_off() {
    let team = Team::new();
    team.deploys("1.0.0");
    let (class, at) = (Failure::Passing, 0);
    team.bench.world.fail(Some(Fault { at, class, acts: false, lasts: true }));
    let spec = team.loaded.spec("development").unwrap();
    let runs = team.bench.runs();
    let services = services(&team.bench);
    let seen = paused(proposal::look(&services, &spec, &runs, true));
    assert!(seen.unseen.is_some());
    let app = seen.services.iter().find(|seen| seen.service == service("toto-app")).unwrap();
    assert!(app.live.is_none());
    assert_eq!(app.health.label(), "stale");
}
