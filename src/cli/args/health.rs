//! `health`.

use std::time::Duration;

use crate::cli::complete;
use clap::Args;
use clap_complete::ArgValueCandidates;

/// `health`.
#[derive(Debug, Args)]
pub struct HealthArguments {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Keep probing and print a line per change
    #[arg(long, conflicts_with_all = ["mute", "unmute"])]
    pub watch: bool,
    /// Mute this probe's alerts for a while; probing continues
    #[arg(long, value_name = "PROBE", conflicts_with = "unmute")]
    pub mute: Option<String>,
    /// Unmute this probe
    #[arg(long, value_name = "PROBE")]
    pub unmute: Option<String>,
    /// Length of the mute: 30m, 2h
    #[arg(long = "for", value_name = "TIME", requires = "mute",
        value_parser = crate::domain::time::parse_duration)]
    pub length: Option<Duration>,
    /// Reason for the mute
    #[arg(long, value_name = "TEXT", requires = "mute")]
    pub reason: Option<String>,
}
