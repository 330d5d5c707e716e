//! `alerts`.

use std::time::Duration;

use clap::Subcommand;

/// `alerts`.
#[derive(Debug, Subcommand)]
pub enum AlertsVerb {
    /// The newest alerts, and how each stands
    List,
    /// Try every channel, and say what it said
    Test,
    /// Deliver what waits
    Send,
    /// Silence all alerts for a while
    Silence {
        /// For how long: 30m, 2h
        #[arg(long = "for", value_name = "TIME",
            value_parser = crate::domain::time::parse_duration)]
        length: Duration,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Tell again
    Speak,
}
