//! A scripted in-memory world: a platform, its services, a pipeline and a database. Demos run the real engine on
//! it, on a `Stage` with a clock and a scenario. Tests run it without a stage, where everything is immediate, and
//! script how each release behaves, which calls fail, and what other people change.

mod behaviour;
mod clock;
mod database;
mod hosting;
mod pipeline;
mod prober;
mod script;
mod world;

pub use self::behaviour::{Act, Behaviour, Fault};
pub use self::clock::RehearsalClock;
pub use self::database::RehearsalDatabase;
pub use self::script::{Scenario, hostile_lines, storm_line};
pub use self::world::World;
