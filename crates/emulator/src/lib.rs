//! The local platform: App Hosting's API v1 over supervised processes of this machine, behind a
//! traffic proxy on each service's own address. Listens on 127.0.0.1 alone.

mod api;
mod firestore;
mod forward;
mod lifecycle;
mod listener;
mod log;
mod platform;
mod prepare;
mod proxy;
mod registry;
mod resting;
pub mod sample_app;
mod serve;
mod slots;
mod storage;

pub use api::schema::violations;
pub use resting::Resting;
pub use serve::{Address, Options, end_left_behind, serve};

/// The annotation of a backend that names its public address: `localhost:4000`.
pub const ADDRESS: &str = "pointsman.dev/address";
/// The annotation of a build that names its release; label values hold no dots.
pub const RELEASE: &str = "pointsman.dev/release";
/// The annotation of a build with its own address, before it has any traffic.
pub const PREVIEW: &str = "pointsman.dev/preview";
