//! Copies what GREEN and BLUE log from the switch to the end of the soak into the run's log.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use super::schema::gives_back;
use crate::context::Context;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::{BuildId, ServiceName};
use pointsman_core::plan::Member;
use pointsman_core::runtime_log::{RuntimeEntry, RuntimeTail};
use pointsman_core::step::Side;
use pointsman_core::time::Timestamp;

/// Interval between two requests for the same service: Cloud Logging allows 60 a minute for a project.
const READ_EVERY: Duration = Duration::from_secs(5);
/// Time limit of one reading of all services.
const READ_WITHIN: Duration = Duration::from_secs(15);
/// Entries copied at a time. A service that floods its log must not flood the run's.
const MOST_AT_ONCE: usize = 500;

/// The logs of a run's services, read again and again.
struct RuntimeLogs {
    tails: BTreeMap<ServiceName, RuntimeTail>,
    /// Whether the run's log says why they cannot be read.
    refused: bool,
}

/// Copies what is new until it is dropped. Nothing depends on it, and it never ends by itself.
pub(super) async fn copied(context: &Context) -> Infallible {
    // A rollback asks no API that it can do without.
    if gives_back(context) {
        return pending().await;
    }
    let mut logs = RuntimeLogs { tails: BTreeMap::new(), refused: false };
    let services = u32::try_from(context.plan().members.len()).unwrap_or(u32::MAX);
    while !logs.refused {
        context.within(READ_WITHIN, logs.read_all(context)).await;
        context.sleep(READ_EVERY.saturating_mul(services.max(1))).await;
    }
    pending().await
}

impl RuntimeLogs {
    async fn read_all(&mut self, context: &Context) {
        for member in &context.plan().members {
            // The log of the build contains it already.
            if context.outside.hosting.logs_services() {
                if let Ok(build) = context.build_of(member.service(), Side::Green) {
                    context.collect_log(member, &build).await;
                }
                continue;
            }
            self.read_one(context, member).await;
            if self.refused {
                return;
            }
        }
    }

    async fn read_one(&mut self, context: &Context, member: &Member) {
        let Some(runtime) = context.outside.hosting.runtime() else { return };
        let seen = context.service(member.service());
        // With shares there was a soak before this one, which copied what is older.
        let switched = seen.switched_at.filter(|_| !seen.shared);
        let began = switched.or(seen.traffic_at);
        let builds: Vec<BuildId> = seen.green.iter().chain(&seen.blue).cloned().collect();
        let (Some(began), false) = (began, builds.is_empty()) else { return };
        let tail =
            self.tails.entry(member.service().clone()).or_insert_with(|| RuntimeTail::new(began));
        let since: Timestamp = tail.since();
        match runtime.entries(&member.target, &builds, since).await {
            Ok(entries) => {
                let new = tail.take(entries);
                let more = new.len().saturating_sub(MOST_AT_ONCE);
                for entry in new.into_iter().take(MOST_AT_ONCE) {
                    context.log(member.service(), line(&entry, seen.blue.as_ref()));
                }
                if more > 0 {
                    context.log(member.service(), format!("{more} more lines are left out here"));
                }
            }
            Err(error) => {
                let Some(role) = error.lacks(GoogleApi::Logging) else {
                    // Another attempt follows.
                    tracing::debug!(%error, "runtime logs");
                    return;
                };
                self.refused = true;
                context.say(&format!(
                    "the logs of running builds are not shown: {}; it needs {role}",
                    error.problem.what
                ));
            }
        }
    }
}

/// The text with its level, which the log pane recognises, and whether BLUE wrote it.
fn line(entry: &RuntimeEntry, blue: Option<&BuildId>) -> String {
    let side = if Some(&entry.build) == blue { "BLUE " } else { "" };
    format!("{} {side}{}", entry.level.label().to_uppercase(), entry.text)
}
