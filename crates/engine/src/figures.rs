//! The figures of GREEN since the switch beside those of BLUE before it, as the platform reports them.

use std::time::Duration;

use super::outside::Outside;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::plan::{Member, Plan};
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::runtime_figures::{FigureRules, FigureVerdict, Figures};
use pointsman_core::time::earlier;
use pointsman_core::view::ServiceView;

/// Time limit of the requests for one service.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// The period of BLUE that is compared: long enough for the requests of a quiet service.
const BLUE_PERIOD: Duration = Duration::from_mins(30);

/// Judges the figures of one service of a run. The error says why they cannot be read; nothing may fail by that.
pub(super) async fn judged(
    outside: &Outside,
    (plan, member): (&Plan, &Member),
    seen: &ServiceView,
    rules: &FigureRules,
) -> Result<Vec<FigureVerdict>, String> {
    let runtime = outside.hosting.runtime();
    let runtime = runtime.ok_or_else(|| "this platform measures no requests".to_owned())?;
    let (Some(green), Some(switched)) = (&seen.green, seen.customers_at) else {
        return Err(format!("{} has not been switched", member.service()));
    };
    let now = outside.clock.now();
    let reading = async {
        let green = runtime.figures(&member.target, green, (switched, now)).await?;
        let before = earlier(switched, BLUE_PERIOD);
        let blue = match &seen.blue {
            Some(blue) => Some(runtime.figures(&member.target, blue, (before, switched)).await?),
            None => None,
        };
        Ok::<_, HostingError>((blue, green))
    };
    let read = outside.clock.within(READ_WITHIN, reading).await;
    let read = read.ok_or("no answer in time")?.map_err(|error| why(&error))?;
    let (blue, green): (Option<Figures>, Figures) = read;
    // Only as far as the figures go: later requests are in neither number.
    let until = green.until.unwrap_or(switched).min(now);
    let since = Duration::try_from(until.duration_since(switched)).unwrap_or_default();
    Ok(rules.judge(blue.as_ref(), &green, own_requests(plan, since)))
}

/// How many requests of a run to one service's addresses there were at most since GREEN has customers: each soak asks once
/// per interval, and one of a share asks two addresses.
fn own_requests(plan: &Plan, since: Duration) -> u64 {
    let policy = &plan.policy;
    let every = policy.soak.interval.max(Duration::from_millis(1));
    let shares = u32::try_from(policy.traffic.len()).unwrap_or(u32::MAX);
    let longest = policy.soak.length.saturating_mul(2).saturating_mul(shares.saturating_add(1));
    let addresses = if shares > 0 { 2 } else { 1 };
    let soaked = addresses * (since.min(longest).as_millis() / every.as_millis());
    let verified = u64::from(policy.attest.consecutive) * 2;
    u64::try_from(soaked).unwrap_or(u64::MAX).saturating_add(verified)
}

fn why(error: &HostingError) -> String {
    match error.lacks(GoogleApi::Monitoring) {
        Some(role) => format!("{}; it needs {role}", error.problem.what),
        None => error.problem.sentence(),
    }
}
