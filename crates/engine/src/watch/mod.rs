//! Watching: the probes of environments, their results and their alerts. The screen and `health --watch` use
//! the same keeper, so both show the same states and send the same alerts.

mod alerts;
mod keeper;
mod prober_pool;
mod runs;

pub use keeper::{Keeper, Order, Report};
pub use prober_pool::{Wanted, watch_probes};
pub use runs::watch_runs;
