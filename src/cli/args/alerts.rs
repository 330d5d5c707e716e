//! `alerts`.

use std::time::Duration;

use clap::Subcommand;

/// `alerts`.
#[derive(Debug, Subcommand)]
pub enum AlertsVerb {
    /// List the latest alerts and their delivery state
    List,
    /// Send a test alert to every channel and report its response
    Test,
    /// Deliver pending alerts
    Send,
    /// Silence all alerts for a while
    Silence {
        /// Length: 30m, 2h
        #[arg(long = "for", value_name = "TIME",
            value_parser = crate::domain::time::parse_duration)]
        length: Duration,
        /// Reason
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// End the silence
    Speak,
}
