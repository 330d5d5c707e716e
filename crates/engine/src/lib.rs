//! What happens and when. One supervisor owns a run: it alone writes facts, in one order, before
//! anybody sees them. The executor lets steps act, one after another, and decides what follows.

mod checking;
mod context;
mod courier;
pub mod database;
mod decide;
mod error;
mod evidence;
mod executor;
mod green_watch;
mod old_clients;
mod outside;
pub mod probes;
mod recover;
mod steps;
mod supervisor;

pub use courier::Courier;
pub use error::EngineError;
pub use executor::Engine;
pub use old_clients::gone as gone_files;
pub use outside::{Asking, Outside, Signal};
pub use recover::observe;
