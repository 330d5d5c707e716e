//! The part of `doctor` about Google's optional APIs: for each that a configured feature needs, whether it can be read,
//! and the commands that grant it. None of them is needed for a deploy or a rollback.

use std::time::Duration;

use super::Session;
use crate::config::Loaded;
use crate::domain::endpoint::Endpoint;
use crate::domain::error::Problem;
use crate::domain::google_api::GoogleApi;
use crate::domain::google_write::GoogleWrite;
use crate::domain::migration::{Migration, Operation};
use crate::domain::plan::PlannedDatabase;
use crate::domain::planner::EnvironmentSpec;
use crate::domain::ports::hosting::{HostingError, HostingReason};
use crate::domain::project::Target;
use crate::domain::restore::Recovery;
use crate::domain::rules_test::{Records, RulesTest};
use crate::domain::time::earlier;
use crate::engine::proposal;
use crate::ports::database::{DatabaseError, Refused};
use crate::ports::database_admin::DatabaseAdmin;
use crate::ports::hosting::Hosting;

/// The period whose figures are read.
const LOOKED_BACK: Duration = Duration::from_mins(10);

/// An API with what it is needed for, and whether it can be read.
pub(super) struct ApiLook {
    pub(super) api: GoogleApi,
    pub(super) found: Result<String, Problem>,
    /// Whether the problem is known and not only a missing role.
    pub(super) wrong: bool,
}

/// Asks each API that a feature of an environment needs. An emulator needs no roles.
pub(super) async fn apis(
    session: &Session,
    loaded: &Loaded,
    spec: &EnvironmentSpec,
) -> Vec<ApiLook> {
    let mut looks = Vec::new();
    let services = session.app.services();
    let member = whom(session).await;
    if let Some(first) = spec.members.first().filter(|_| spec.endpoint.needs_roles())
        && let Ok(Some(hosting)) = services.hosting(&spec.endpoint, false).await
    {
        let (target, project) = (&first.target, first.target.project().as_str());
        let says = "what customers get, after a verification that did not pass";
        let found = hosting.run_traffic(target).await;
        // A backend that names no service has nothing there to read.
        if let Some(found) = found.transpose() {
            let found = found.map(|_| says.to_owned());
            looks.push(told(GoogleApi::CloudRun, project, &member, found));
        }
        looks.extend(runtime(session, spec, hosting.as_ref(), &member).await);
        for change in changes(loaded, spec) {
            looks.extend(may(hosting.as_ref(), &change, (target, &member)).await);
        }
        if let Some((owner, secret)) = proposal::secrets_now(loaded, spec).into_iter().next() {
            let looked = hosting.secret(&owner.target, &secret, false).await;
            let project = secret.project.as_deref().unwrap_or(owner.target.project().as_str());
            let found = looked.map(|look| match look {
                Some(_) => "whether the secrets of builds exist".to_owned(),
                None => "not served at this address".to_owned(),
            });
            looks.push(told(GoogleApi::SecretManager, project, &member, found));
        }
    }
    for planned in &spec.databases {
        let Ok(Some(database)) = services.database(planned, false).await else { continue };
        let Some(admin) = database.admin() else { continue };
        let Some(restorable) = admin.restorable().await else { continue };
        let api = GoogleApi::FirestoreAdmin;
        let found = match (&restorable.recovery, &restorable.backup) {
            (Recovery::Unknown(why), _) | (_, Err(why)) => {
                Err(lacking(api, planned.project.as_str(), &member).because(why.clone()))
            }
            (Recovery::On { .. } | Recovery::Off, Ok(_)) => {
                Ok(format!("{}: {}", planned.name, restorable.sentence()))
            }
        };
        looks.push(ApiLook { api, found, wrong: false });
        looks.extend(rules(planned, admin, &member).await);
    }
    looks
}

/// A change that a configured feature makes in a project.
#[derive(PartialEq)]
struct Change {
    write: GoogleWrite,
    project: String,
}

/// What the configured features change, each once.
fn changes(loaded: &Loaded, spec: &EnvironmentSpec) -> Vec<Change> {
    let mut all = Vec::new();
    let mut add = |write: GoogleWrite, project: &str| {
        let one = Change { write, project: project.to_owned() };
        if !all.contains(&one) {
            all.push(one);
        }
    };
    let at_cloud_run = matches!(spec.endpoint, Endpoint::CloudRun(_));
    for member in &spec.members {
        let project = member.target.project().as_str();
        if !at_cloud_run {
            add(GoogleWrite::Rollouts, project);
        }
        if at_cloud_run || spec.preview.is_some() {
            add(GoogleWrite::Services, project);
        }
    }
    for planned in spec.databases.iter().filter(|planned| planned.endpoint == Endpoint::Google) {
        let project = planned.project.as_str();
        let migrations = loaded.migrations(spec.environment.as_str(), &planned.name);
        let indexes = |migration: &Migration| {
            let mut operations = migration.up.iter().chain(&migration.down);
            operations.any(Operation::needs_admin)
        };
        if migrations.is_ok_and(|all| all.iter().any(indexes)) {
            add(GoogleWrite::Indexes, project);
        }
        add(GoogleWrite::Exports, project);
    }
    all
}

/// Whether the caller may make a change. `None`: the server cannot say. Who only watches needs none of it.
async fn may(
    hosting: &dyn Hosting,
    Change { write, project }: &Change,
    (target, member): (&Target, &str),
) -> Option<ApiLook> {
    let (api, purpose) = (write.api(), write.purpose());
    let found = match hosting.may_change(*write, project, target).await {
        Ok(None) => return None,
        Ok(Some(true)) => Ok(format!("may {purpose} in {project}")),
        Ok(Some(false)) => {
            let lacks = Problem::new(format!("the role to {purpose} in {project} is missing"));
            let why = format!("these credentials lack {}", write.permission());
            Err(lacks.because(why).try_this(write.grant(project, member)))
        }
        Err(error) => {
            let what = format!("whether it may {purpose} in {project} cannot be checked");
            Err(Problem::new(what).because(error.problem.sentence()))
        }
    };
    Some(ApiLook { api, found, wrong: false })
}

/// The logs and figures of running builds, as far as the config uses them.
async fn runtime(
    session: &Session,
    spec: &EnvironmentSpec,
    hosting: &dyn Hosting,
    member: &str,
) -> Vec<ApiLook> {
    let (Some(runtime), Some(first)) = (hosting.runtime(), spec.members.first()) else {
        return Vec::new();
    };
    let live = session.app.services().live(hosting, &spec.members).await.unwrap_or_default();
    let live = live.into_iter().find(|(service, _)| service == first.service());
    let Some(build) = live.and_then(|(_, build)| build) else { return Vec::new() };
    let (target, project) = (&first.target, first.target.project().as_str());
    let now = session.app.clock.now();
    let logs = runtime.entries(target, std::slice::from_ref(&build), now).await;
    let logs = logs.map(|_| "the logs of running builds, during a soak".to_owned());
    let mut looks = vec![told(GoogleApi::Logging, project, member, logs)];
    if proposal::uses_figures(spec) {
        let figures = runtime.figures(target, &build, (earlier(now, LOOKED_BACK), now)).await;
        let figures = figures.map(|figures| figures.sentence());
        looks.push(told(GoogleApi::Monitoring, project, member, figures));
    }
    looks
}

/// Whether clients can change the records of migrations. `None` from a server without rules.
async fn rules(
    planned: &PlannedDatabase,
    admin: &dyn DatabaseAdmin,
    member: &str,
) -> Option<ApiLook> {
    let of = (planned.project.as_str(), planned.name.as_str());
    judged(of, admin.rules(Records::Migrations).await, member)
}

/// Whether clients reach the shared store. `None` without one, and from a server without rules.
pub(super) async fn store_rules(session: &Session) -> Option<ApiLook> {
    let tested = session.app.test_store_rules().await?;
    let standing = session.app.standing()?;
    let project = standing.name.split('/').next().unwrap_or_default();
    judged((project, &standing.name), tested, &whom(session).await)
}

fn judged(
    (project, name): (&str, &str),
    tested: Result<RulesTest, DatabaseError>,
    member: &str,
) -> Option<ApiLook> {
    let api = GoogleApi::Rules;
    Some(match tested {
        Ok(tested) => {
            let problem = tested.problem(name);
            let wrong = problem.is_some();
            let found = problem.map_or_else(|| Ok(format!("{name}: {}", tested.sentence())), Err);
            ApiLook { api, found, wrong }
        }
        Err(error) if error.refused == Refused::NotServed => return None,
        Err(error) => {
            let problem = match error.refused {
                Refused::Denied => lacking(api, project, member).because(error.problem.sentence()),
                _ => error.problem,
            };
            ApiLook { api, found: Err(problem), wrong: false }
        }
    })
}

/// The member to grant a role to, as IAM writes it.
async fn whom(session: &Session) -> String {
    match session.app.about_credentials().await.ok().and_then(|about| about.whom) {
        Some(account) if account.ends_with(".gserviceaccount.com") => {
            format!("serviceAccount:{account}")
        }
        Some(account) if account.contains('@') => format!("user:{account}"),
        _ => "user:YOU".to_owned(),
    }
}

fn told(
    api: GoogleApi,
    project: &str,
    member: &str,
    found: Result<String, HostingError>,
) -> ApiLook {
    // A call may fail before it reaches the API, such as in App Hosting's own.
    let refused = found.as_ref().err().and_then(|error| error.api).unwrap_or(api);
    let found = found.map_err(|error| match error.reason {
        HostingReason::Forbidden => {
            lacking(refused, project, member).because(error.problem.why.clone())
        }
        HostingReason::NotFound
        | HostingReason::AlreadyExists
        | HostingReason::Busy
        | HostingReason::Unimplemented
        | HostingReason::Other => error.problem,
    });
    ApiLook { api, found, wrong: false }
}

fn lacking(api: GoogleApi, project: &str, member: &str) -> Problem {
    Problem::new(format!("{api} cannot be read in {project}")).try_this(format!(
        "{}; {}",
        api.enable(project),
        api.grant(project, member)
    ))
}
