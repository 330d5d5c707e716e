//! The screen's themes, and the local platform.

use std::path::PathBuf;

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
    /// Make a theme of yours of a scheme in another program's form
    Import {
        /// The form
        #[arg(value_parser = ["base16"])]
        form: String,
        /// The scheme's file
        file: PathBuf,
        /// The theme's name; the scheme's without this
        #[arg(long)]
        name: Option<String>,
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
