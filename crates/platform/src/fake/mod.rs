//! A scripted world: a platform and its services that exist in memory alone, for rehearsals and demos.
//! The engine that drives it is the real one.

mod clock;
mod database;
mod hosting;
mod pipeline;
mod script;
mod services;

pub use self::clock::RehearsalClock;
pub use self::database::FakeDatabase;
pub use self::hosting::FakeWorld;
pub use self::script::{Scenario, hostile_lines, storm_line};
