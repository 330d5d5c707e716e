//! A store that a team shares, in a Firestore database: its documents, its lease, and the thread that keeps this machine's
//! copy and the shared store alike.
//!
//! A runner writes each fact to SQLite first. A fact that announces an effect is in the shared store before the effect;
//! others follow within a moment. Every write carries the environment's update time as its precondition, so a runner
//! that lost its lease writes nothing. Times of leases are the server's.

mod announcements;
mod documents;
mod entries;
mod hands;
mod lease;
mod link;
mod log;
mod logs_read;
mod packed;
mod presence;
mod pull;
mod push;
mod remote;
mod sharing;
mod upload;
mod worker;

pub(super) use entries::{CommandEntry, command_id, sent_as};
pub(super) use lease::{Begin, OwnedEntry};
pub use link::{Link, LinkParts};
