//! `health`.

use std::time::Duration;

use clap::Args;

/// `health`.
#[derive(Debug, Args)]
pub struct HealthArguments {
    /// Where
    pub environment: String,
    /// Keep probing, and write a line per change
    #[arg(long, conflicts_with_all = ["mute", "unmute"])]
    pub watch: bool,
    /// Mute this probe for a while; it stays watched
    #[arg(long, value_name = "PROBE", conflicts_with = "unmute")]
    pub mute: Option<String>,
    /// Call for it again
    #[arg(long, value_name = "PROBE")]
    pub unmute: Option<String>,
    /// How long it is muted: 30m, 2h
    #[arg(long = "for", value_name = "TIME", requires = "mute",
        value_parser = crate::domain::time::parse_duration)]
    pub length: Option<Duration>,
    /// Why it is muted
    #[arg(long, value_name = "TEXT", requires = "mute")]
    pub reason: Option<String>,
}
