//! The terminal screen.
//!
//! Keys and outside events arrive as messages. `update` turns the model and a message into the next model and a list
//! of effects; `view` draws the model and nothing else; the driver runs the effects and never blocks the event loop.
//! Runs are separate processes: quitting, crashing or suspending the screen does not affect them.

mod driver;
pub mod effect;
pub mod keys;
pub mod list;
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
