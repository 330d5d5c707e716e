//! The screen's themes, and the local platform.

use clap::Subcommand;

/// `theme`.
#[derive(Debug, Subcommand)]
pub enum ThemeVerb {
    /// Name every theme
    List,
    /// Measure a theme's contrasts, and whether its colours can be told apart with any vision
    Check {
        /// Its name, or its file
        theme: String,
    },
}

/// `emulator`.
#[derive(Debug, Subcommand)]
pub enum EmulatorVerb {
    /// Start it, unless it runs
    Start {
        /// Also take the token `owner`, which the firebase CLI sends to http addresses
        #[arg(long)]
        insecure_owner_token: bool,
    },
    /// End it and everything it runs
    Stop,
    /// What it runs
    Status,
    /// Print its token
    Token,
    /// Print its address
    Url,
    /// Be it
    #[command(hide = true)]
    Serve {
        /// Also take the token `owner`
        #[arg(long)]
        insecure_owner_token: bool,
    },
}
