//! The config file: its schema, its values with their places, its problems, and the core types that the engine gets
//! from it.

mod addresses;
mod answers;
pub mod base16;
mod calendar;
mod check;
mod checklist;
mod cloud_run;
mod custom_commands;
mod deploys;
mod explain;
mod file;
mod finding;
mod freezes;
mod identity;
mod indexes;
mod lint;
mod metrics;
mod migrations;
mod node;
mod people;
mod pipeline;
mod pushes;
mod releases;
mod resolve;
mod rules;
pub mod schema;
mod secrets;
mod store;
pub mod theme;
mod untried;
mod watch;
mod watched;

pub use calendar::CalendarSource;
pub use explain::{KeyReference, below, config_keys, explain, nearest_key, top_level};
pub use file::{Document, Loaded, load, load_text};
pub use finding::{Finding, Findings, Severity};
pub use identity::project_key;
pub use lint::{
    Difference, Text, between, declared, files_of as lint_files, limits, lint, lint_texts, merged,
    named_in, texts,
};
pub use migrations::{migration_schema, migrations};
pub use pushes::pushed;
pub use releases::{apphosting_files, committed, sources, warnings};
pub use rules::is_loopback;
pub use schema::{Config, json_schema};
pub use secrets::know_usual_secrets;
pub use store::SharedDatabase;
pub use theme::{ThemeText, theme_schema};
pub use watch::Watching;
pub use watched::domains_of;
