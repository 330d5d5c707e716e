//! Executes runs. One supervisor owns a run: it alone writes facts, in one order, before they are shown. The executor
//! performs the steps, one after another, and decides what follows.

mod alert_dispatcher;
mod checking;
mod context;
pub mod database;
mod decide;
mod error;
mod evidence;
mod executor;
mod figures;
mod green_watch;
mod outside;
pub mod proposal;
mod recover;
mod services;
mod side_by_side;
mod stale_assets;
mod steps;
mod supervisor;
pub mod watch;

pub use alert_dispatcher::AlertDispatcher;
pub use error::EngineError;
pub use executor::Engine;
pub use outside::{Attendance, Outside, Signal};
pub use recover::observe;
pub use services::{
    OBSERVE_WITHIN, QUICK_READ_WITHIN, READ_WITHIN, SchemaLook, Services, in_time, no_answer,
};
pub use stale_assets::gone as gone_files;
