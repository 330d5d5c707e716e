//! What a person sees and presses.
//!
//! Keys and what happens outside arrive as messages; `update` turns the model and a message into the
//! next model and a list of effects; `view` draws the model and nothing else; the driver carries
//! effects out and never lets the loop wait. A run is never in this process: quitting, crashing or
//! suspending the screen does not touch one.

mod driver;
pub mod effect;
pub mod keys;
pub mod model;
pub mod msg;
pub mod panes;
pub mod session;
mod terminal;
pub mod theme;
pub mod update;
pub mod view;
pub mod welcome;

pub use driver::{Options, bindings, replay, replay_session, run};
pub(crate) use driver::{far_away, terminal_report};
