//! The platform and the services as one process reaches them: calls take time, and each effect is checked when it
//! happens.

use std::sync::Arc;
use std::time::Duration;

use pointsman::domain::error::Problem;
use pointsman::domain::event::Split;
use pointsman::domain::health::{Revision, Sample};
use pointsman::domain::ids::{BuildId, RolloutId, RunNumber};
use pointsman::domain::plan::Member;
use pointsman::domain::probe::{Check, Measurement};
use pointsman::domain::project::Target;
use pointsman::domain::step::Failure;
use pointsman::ports::BoxFuture;
use pointsman::ports::hosting::{
    Answer, Build, DomainTrouble, Hosting, HostingError, LogPart, NewBuild, NewRollout, Traffic,
};
use pointsman::ports::prober::{Prober, Question};
use pointsman::ports::shares::Shares;
use pointsman::rehearsal::{Act, World};

use super::chance::Chance;
use super::mortal::Life;
use super::moving::{Moving, Pace};

/// Called right before an effect.
pub(crate) type Witness = Arc<dyn Fn(&Act) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) world: World,
    pub(crate) chance: Chance,
    pub(crate) witness: Witness,
    pub(crate) life: Life,
    pub(crate) moving: Moving,
    pub(crate) run: RunNumber,
}

impl Platform {
    /// The time that a call needs on its way there or back.
    fn on_the_way(&self) -> BoxFuture<'static, ()> {
        let slow = self.chance.percent(2);
        let time = if slow { self.chance.ms(1_000..20_000) } else { self.chance.ms(1..200) };
        Box::pin(tokio::time::sleep(time))
    }

    async fn call<T>(&self, answer: BoxFuture<'_, T>) -> T {
        self.on_the_way().await;
        let answer = answer.await;
        self.on_the_way().await;
        answer
    }

    async fn effect<T>(&self, act: Act, answer: BoxFuture<'_, T>) -> T {
        self.on_the_way().await;
        self.life.moment();
        (self.witness)(&act);
        let answer = answer.await;
        self.life.moment();
        self.on_the_way().await;
        answer
    }

    /// A change of traffic on a platform that carries it out later. As the adapters do, it is followed until it is in effect.
    async fn requests(
        &self,
        act: Act,
        target: &Target,
        (id, splits): (RolloutId, &[Split]),
        found: Option<&[Split]>,
    ) -> Result<Traffic, HostingError> {
        let service = name(target);
        self.on_the_way().await;
        self.life.moment();
        if self.moving.pace == Pace::Newest {
            let now = self.world.splits(&service);
            let requested = self.moving.requested(&service).unwrap_or_else(|| now.clone());
            let expected = |found| now == found && (requested == found || requested == splits);
            if found.is_some_and(|found| !expected(found)) {
                let moved = Problem::new("traffic was moved in this moment");
                return Err(HostingError::new(moved, Failure::Drift));
            }
        }
        (self.witness)(&act);
        self.moving.accepts(&service, (id.clone(), Some(self.run)), splits);
        self.life.moment();
        self.on_the_way().await;
        if self.chance.percent(4) {
            return Err(HostingError::new(
                Problem::new("the reply was lost"),
                Failure::Inconclusive,
            ));
        }
        for _ in 0..150 {
            if !self.moving.has(&service, &id) {
                return self.traffic(target).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(HostingError::new(Problem::new("the traffic does not move"), Failure::Inconclusive))
    }
}

fn name(target: &Target) -> String {
    target.service().to_string()
}

impl Hosting for Platform {
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()> {
        Box::pin(async move { self.call(self.world.prepare(member)).await })
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        Box::pin(async move {
            self.on_the_way().await;
            let answer = self.world.traffic(target).await;
            let answer = answer.map(|traffic| self.moving.seen(&name(target), traffic));
            self.on_the_way().await;
            answer
        })
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        Box::pin(async move {
            self.on_the_way().await;
            self.world.build(target, id).await
        })
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        Box::pin(async move {
            self.on_the_way().await;
            Hosting::builds(&self.world, target).await
        })
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        let act = Act::Built(name(target), new.id.to_string());
        Box::pin(async move {
            let call = Box::pin(async move { self.world.create_build(target, new).await });
            self.effect(act, call).await
        })
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        let act = Act::Switched(name(target), new.build.to_string());
        Box::pin(async move {
            if self.moving.pace != Pace::AtOnce {
                let whole = [Split { build: new.build.clone(), percent: 100 }];
                let change = (new.id.clone(), whole.as_slice());
                return self.requests(act, target, change, new.found.as_deref()).await;
            }
            let call = Box::pin(async move { self.world.set_active(target, new).await });
            self.effect(act, call).await
        })
    }

    fn hold_rollouts<'a>(&'a self, target: &'a Target, of: &'a str, hold: bool) -> Answer<'a, ()> {
        Box::pin(async move {
            self.on_the_way().await;
            self.world.hold_rollouts(target, of, hold).await
        })
    }

    fn domain_troubles<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        self.world.domain_troubles(target)
    }

    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        within: Duration,
    ) -> Answer<'a, bool> {
        let act = Act::Stopped(name(target), id.to_string());
        Box::pin(async move {
            let call = Box::pin(async move { self.world.stop_build(target, id, within).await });
            self.effect(act, call).await
        })
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        let act = Act::Deleted(name(target), id.to_string());
        Box::pin(async move {
            let call = Box::pin(async move { self.world.delete_build(target, id).await });
            self.effect(act, call).await
        })
    }

    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        self.world.log(target, id, from)
    }

    fn shares(&self) -> Option<&dyn Shares> {
        self.moving.shares().then_some(self)
    }

    fn revision(&self, target: &Target, build: &BuildId) -> Option<Revision> {
        self.world.revision(target, build)
    }

    fn poll_after(&self, reading: u32) -> Duration {
        Duration::from_secs(u64::from(reading).min(10))
    }
}

impl Shares for Platform {
    fn set<'a>(
        &'a self,
        target: &'a Target,
        shares: &'a [Split],
        found: &'a [Split],
    ) -> Answer<'a, Traffic> {
        let first = shares.first().map(|share| (share.build.to_string(), share.percent));
        let (build, percent) = first.unwrap_or_default();
        let act = Act::Shared(name(target), build, percent);
        Box::pin(async move {
            if self.moving.pace != Pace::AtOnce {
                let id = format!("shares-{}", self.chance.within(0..u64::MAX));
                let change = (RolloutId::new(id).unwrap(), shares);
                return self.requests(act, target, change, Some(found)).await;
            }
            let call =
                Box::pin(async move { Shares::set(&self.world, target, shares, found).await });
            self.effect(act, call).await
        })
    }
}

impl Prober for Platform {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        Box::pin(async move {
            tokio::time::sleep(self.chance.ms(5..60)).await;
            self.world.ask(question).await
        })
    }

    fn measure<'a>(
        &'a self,
        check: &'a Check,
        timeout: Duration,
        controls: &'a [String],
    ) -> BoxFuture<'a, Measurement> {
        self.world.measure(check, timeout, controls)
    }
}
