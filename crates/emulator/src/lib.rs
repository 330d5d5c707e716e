//! The local platform: App Hosting's API v1 over supervised local processes, with a traffic proxy on each service's
//! public address. It listens only on 127.0.0.1.

mod api;
mod effective_config;
mod firestore;
mod forward;
mod lifecycle;
mod listener;
mod log;
mod meter;
mod platform;
mod ports;
mod prepare;
mod proxy;
mod registry;
mod resting;
pub mod sample_app;
mod serve;
mod services;
mod slots;
mod storage;
mod upstream;

pub use api::schema::{Document, violations};
pub use resting::Resting;
pub use serve::{Address, Options, end_left_behind, serve};

/// Backend annotation with its public address: `localhost:4000`.
pub const ADDRESS: &str = "pointsman.dev/address";
/// Build annotation with its release. An annotation, because label values cannot contain dots.
pub const RELEASE: &str = "pointsman.dev/release";
/// Build annotation with the build's own address, which works before the build has any traffic.
pub const PREVIEW: &str = "pointsman.dev/preview";
