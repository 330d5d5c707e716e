//! Checks whether traffic is still where this run put it. The platform is read repeatedly, because an earlier answer
//! says nothing about the present.

use std::time::Duration;

use crate::context::{Context, StepError};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::plan::Member;
use pointsman_core::step::Failure;
use pointsman_core::view::TrafficState;

/// Time limit of one read. A slower platform is read again with the next sample.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Minimum interval between reads of a remote platform.
const REMOTE_READ_EVERY: Duration = Duration::from_secs(10);
/// Minimum interval between reads of a platform on this machine.
const LOCAL_READ_EVERY: Duration = Duration::from_secs(1);
/// Maximum number of reads after a verification.
const READS: u32 = 3;
/// Time limit for retrying the last read of a soak.
const END_READ_WITHIN: Duration = Duration::from_mins(1);

/// The traffic reads of one step.
pub(super) struct TrafficReads {
    every: Duration,
    read_at: Option<Duration>,
    /// The reason why the last read had no answer.
    pub(super) unread: Option<String>,
}

impl TrafficReads {
    /// Reads that expect the traffic that this run has requested.
    pub(super) fn new(context: &Context) -> Self {
        let remote = context.outside.hosting.poll_after(u32::MAX) >= REMOTE_READ_EVERY;
        let every = if remote { REMOTE_READ_EVERY } else { LOCAL_READ_EVERY };
        Self { every, read_at: None, unread: None }
    }

    /// Reads the traffic of every moved service, if a read is due.
    pub(super) async fn in_time(&mut self, context: &Context) -> Result<(), StepError> {
        let now = context.outside.clock.elapsed();
        if self.read_at.is_some_and(|at| now.saturating_sub(at) < self.every) {
            return Ok(());
        }
        // Limited to the time of a sample: a slow platform must not delay the next round.
        self.read(context, context.plan().policy.health.timeout.min(READ_WITHIN)).await
    }

    /// Reads the traffic in any case. Traffic on another build is recorded, and is an error.
    pub(super) async fn now(&mut self, context: &Context) -> Result<(), StepError> {
        self.read(context, READ_WITHIN).await
    }

    /// Like `now`, but retries failed reads: after a verification without a soak there is no later read.
    pub(super) async fn patiently(&mut self, context: &Context) -> Result<(), StepError> {
        for _ in 1..READS {
            self.now(context).await?;
            if self.unread.is_none() {
                return Ok(());
            }
            context.sleep(self.every).await;
        }
        self.now(context).await
    }

    async fn read(&mut self, context: &Context, within: Duration) -> Result<(), StepError> {
        self.unread = None;
        let moved = context.plan().members.iter();
        let moved = moved.filter(|m| context.service(m.service()).switch_asked);
        let reads =
            moved.map(|member| async move { (member, read(context, member, within).await) });
        let read = futures_util::future::join_all(reads).await;
        self.read_at = Some(context.outside.clock.elapsed());
        // Record each difference, whichever service comes first.
        let mut drifted = None;
        for (member, seen) in read {
            match seen {
                Ok(seen) => drifted = drifted.or(self.expect(context, member, seen).await.err()),
                Err(why) => self.unread = Some(why),
            }
        }
        drifted.map_or(Ok(()), Err)
    }

    /// Reads the traffic at the end of a soak and retries for a while: a soak without this read is not complete.
    pub(super) async fn at_the_end(&mut self, context: &Context) -> Result<(), StepError> {
        let clock = &context.outside.clock;
        let began = clock.elapsed();
        loop {
            self.now(context).await?;
            let Some(why) = self.unread.take() else { return Ok(()) };
            if clock.elapsed().saturating_sub(began) > END_READ_WITHIN {
                return Err(StepError::inconclusive(
                    Problem::new("the services were healthy; their traffic is unknown now")
                        .because(why)
                        .try_this("wait until the platform answers, then retry the step"),
                ));
            }
            context.progress(None, format!("reading traffic again: {why}"));
            context.sleep(self.every).await;
        }
    }

    async fn expect(
        &self,
        context: &Context,
        member: &Member,
        splits: Vec<pointsman_core::event::Split>,
    ) -> Result<(), StepError> {
        let service = member.service();
        let set = context.service(service).set;
        let seen = TrafficState::of(&splits);
        if seen.is_same_as(&set) {
            return Ok(());
        }
        context.record(Event::TrafficObserved { service: service.clone(), splits }).await;
        let problem = Problem::coded(
            Code::TRAFFIC_MOVED,
            format!("traffic of {service} is no longer with {set}"),
        )
        .because(format!("the platform reports: {seen}"))
        .try_this(format!(
            "find out who moved it; then: pointsman rollback {}",
            context.plan().environment
        ));
        Err(StepError { problem, class: Failure::Drift })
    }
}

async fn read(
    context: &Context,
    member: &Member,
    within: Duration,
) -> Result<Vec<pointsman_core::event::Split>, String> {
    let service = member.service();
    match context.within(within, context.outside.hosting.traffic(&member.target)).await {
        Some(Ok(traffic)) => Ok(traffic.splits),
        Some(Err(error)) => Err(format!("{service}: {}", error.problem)),
        None => {
            let within = pointsman_core::time::spoken(within);
            Err(format!("{service}: the platform did not answer within {within}"))
        }
    }
}
