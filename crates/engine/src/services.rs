//! `Services`: the ports that proposals, observations and the engine use, built once in the application and passed
//! down. It names no implementation, so tests can use a scripted world.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::database::{Counted, NotLocked, ask_to_stop, dry_run, lock_seen, schema};
use super::gone_files;
use super::side_by_side::side_by_side;
use pointsman_core::code::Code;
use pointsman_core::endpoint::Endpoint;
use pointsman_core::error::Problem;
use pointsman_core::health::Sample;
use pointsman_core::ids::ServiceName;
use pointsman_core::migration::{Direction, LockState, Migration, Schema};
use pointsman_core::plan::{Member, Plan, PlannedDatabase};
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::database::Database;
use pointsman_core::ports::hosting::{Answer, Hosting, HostingReason, Traffic};
use pointsman_core::ports::platforms::{DatabaseServers, Platforms};
use pointsman_core::ports::prober::{Prober, Question};
use pointsman_core::ports::stores::Stores;
use pointsman_core::readiness::Live;
use pointsman_core::time::spoken;
use pointsman_core::view::RunView;

/// Time limit of an observation: a slow platform must not delay a person who is looking.
pub const OBSERVE_WITHIN: Duration = Duration::from_secs(10);
/// Time limit of a call that an action depends on, including the platform's own retries.
const ACT_WITHIN: Duration = Duration::from_secs(90);
/// Time limit of a database during a rollback, and for reading locks.
pub const QUICK_READ_WITHIN: Duration = Duration::from_secs(3);
/// Time limit of a database for everything else.
pub const READ_WITHIN: Duration = Duration::from_secs(20);

/// The ports to the outside world, and the acting user.
#[derive(Clone)]
pub struct Services {
    /// The Unix user who acts.
    pub actor: String,
    pub clock: Arc<dyn Clock>,
    pub stores: Arc<dyn Stores>,
    pub platforms: Arc<dyn Platforms>,
    pub databases: Arc<dyn DatabaseServers>,
    /// The prober, or why this machine cannot probe: it has no certificates to trust.
    pub prober: Result<Arc<dyn Prober>, Problem>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("actor", &self.actor).finish_non_exhaustive()
    }
}

/// The version and records of a database, and its lock if it is held.
#[derive(Debug, Clone)]
pub struct SchemaLook {
    pub schema: Schema,
    pub lock: Option<LockState>,
}

/// The problem to report when a platform does not answer an observation in time.
pub fn no_answer(what: &str) -> Problem {
    Problem::coded(Code::PLATFORM_SILENT, format!("{what} is unknown"))
        .because(format!("the platform did not answer within {} s", OBSERVE_WITHIN.as_secs()))
}

/// Waits for the answer of a platform, within the time limit of an observation.
pub async fn in_time<T>(what: &str, answer: Answer<'_, T>) -> Result<T, Problem> {
    match tokio::time::timeout(OBSERVE_WITHIN, answer).await {
        Ok(answered) => answered.map_err(|error| error.problem),
        Err(_) => Err(no_answer(what)),
    }
}

impl Services {
    /// The platform of an endpoint. `start` starts an emulator; without it, `None` means that the emulator is not
    /// running.
    pub async fn hosting(
        &self,
        endpoint: &Endpoint,
        start: bool,
    ) -> Result<Option<Arc<dyn Hosting>>, Problem> {
        self.platforms.hosting(endpoint, start).await
    }

    /// The platform of an endpoint. Starts the emulator if it is not running.
    pub async fn platform(&self, endpoint: &Endpoint) -> Result<Arc<dyn Hosting>, Problem> {
        let hosting = self.hosting(endpoint, true).await?;
        hosting
            .ok_or_else(|| Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator did not start"))
    }

    /// The traffic of each service, read in parallel within the time limit of an observation. `None` if its backend
    /// does not exist yet.
    pub async fn traffic(
        &self,
        hosting: &dyn Hosting,
        members: &[Member],
    ) -> Result<BTreeMap<ServiceName, Option<Traffic>>, Problem> {
        traffic_within(hosting, members, OBSERVE_WITHIN).await
    }

    /// The build that has all traffic of each service. For actions: the time limit leaves room for the platform's
    /// retries.
    pub async fn live(&self, hosting: &dyn Hosting, members: &[Member]) -> Result<Live, Problem> {
        let traffic = traffic_within(hosting, members, ACT_WITHIN).await?;
        let whole = |(service, traffic): (ServiceName, Option<Traffic>)| {
            (service, traffic.and_then(|traffic| traffic.whole().cloned()))
        };
        Ok(traffic.into_iter().map(whole).collect())
    }

    /// Probes a service's public address once.
    pub async fn probe_once(
        &self,
        member: &Member,
        spec: &EnvironmentSpec,
    ) -> Result<Sample, Problem> {
        let question = Question {
            base: member.url.clone(),
            health: member.health.clone(),
            timeout: spec.policy.health.timeout,
            controls: spec.policy.health.controls.clone(),
        };
        Ok(self.prober.clone()?.ask(&question).await)
    }

    /// Warnings about assets that blue's pages loaded and the public address no longer has.
    pub async fn gone_files(&self, view: &RunView) -> Result<Vec<String>, Problem> {
        Ok(gone_files(self.prober.clone()?.as_ref(), view).await)
    }

    /// A database. `start` starts its emulator; without it, `None` means that the emulator is not running.
    pub async fn database(
        &self,
        planned: &PlannedDatabase,
        start: bool,
    ) -> Result<Option<Arc<dyn Database>>, Problem> {
        self.databases.database(planned, start).await
    }

    /// Reads a database without starting anything.
    pub async fn look_at(
        &self,
        planned: &PlannedDatabase,
        within: Duration,
    ) -> Result<SchemaLook, Problem> {
        let off = || Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator is not running");
        let database = self.database(planned, false).await?.ok_or_else(off)?;
        let looking = tokio::time::timeout(within, self.read_schema(database.as_ref())).await;
        looking.unwrap_or_else(|_| {
            let what = format!("the database {} does not answer", database.name());
            Err(Problem::new(what).because(format!("no answer within {}", spoken(within))))
        })
    }

    /// Like `look_at`; for an emulator that is not running, reads its files on disk.
    pub async fn look_at_rest(
        &self,
        planned: &PlannedDatabase,
        within: Duration,
    ) -> Result<SchemaLook, Problem> {
        if self.database(planned, false).await?.is_some() {
            return self.look_at(planned, within).await;
        }
        let resting = self.databases.resting(planned).await?;
        self.read_schema(resting.database.as_ref()).await
    }

    async fn read_schema(&self, database: &dyn Database) -> Result<SchemaLook, Problem> {
        let schema = schema(database).await.map_err(|e| e.problem)?;
        let lock = lock_seen(database).await.map_err(|e| e.problem)?;
        // A lock left by an ended run of this store counts as free.
        let held = |lock: &LockState| lock.held() && !self.databases.ended_here(&lock.holder);
        Ok(SchemaLook { schema, lock: lock.filter(held) })
    }

    /// Counts what migrations would do to a database.
    pub async fn count(
        &self,
        planned: &PlannedDatabase,
        migrations: &[Migration],
        direction: Direction,
    ) -> Result<Vec<Counted>, Problem> {
        let started = || Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator did not start");
        let database = self.database(planned, true).await?.ok_or_else(started)?;
        let counted = dry_run(database.as_ref(), migrations, direction, planned.batch).await;
        counted.map_err(|error| error.problem)
    }

    /// The reason why a run of this plan would find a database locked: by another machine or another store. A database
    /// that does not answer quickly is skipped here, because the run itself checks again.
    pub async fn locked_elsewhere(&self, plan: &Plan) -> Option<Problem> {
        for planned in &plan.databases {
            let looking = async {
                let database = self.database(planned, false).await.ok().flatten()?;
                lock_seen(database.as_ref()).await.ok().flatten()
            };
            let Ok(Some(lock)) = tokio::time::timeout(QUICK_READ_WITHIN, looking).await else {
                continue;
            };
            // The journal decides about runs of this store.
            if lock.held() && !self.databases.is_ours(&lock.holder) {
                return Some(NotLocked::Busy(Box::new(lock)).problem(&planned.name));
            }
        }
        None
    }

    /// Asks the holders of locks on these databases to stop. `by` names the requesting user and host.
    pub async fn ask_holders_to_stop(&self, plan: &Plan, by: &str) -> Result<(), Problem> {
        for planned in &plan.databases {
            let Some(database) = self.database(planned, false).await? else { continue };
            let lock = lock_seen(database.as_ref()).await.map_err(|e| e.problem)?;
            let Some(lock) = lock.filter(LockState::held) else { continue };
            ask_to_stop(database.as_ref(), lock.fence, by).await.map_err(|e| e.problem)?;
        }
        Ok(())
    }
}

async fn traffic_within(
    hosting: &dyn Hosting,
    members: &[Member],
    limit: Duration,
) -> Result<BTreeMap<ServiceName, Option<Traffic>>, Problem> {
    let read = |member: &Member| {
        let service = member.service().clone();
        let target = member.target.clone();
        async move {
            let traffic = match tokio::time::timeout(limit, hosting.traffic(&target)).await {
                Ok(Ok(traffic)) => Some(traffic),
                Ok(Err(error)) if error.reason == HostingReason::NotFound => None,
                Ok(Err(error)) => return Err(error.problem),
                Err(_) => return Err(no_answer(&format!("the traffic of {service}"))),
            };
            Ok((service, traffic))
        }
    };
    side_by_side(members.iter().map(read)).await.into_iter().collect()
}
