//! The config's keys, the console's themes, and the emulator.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::ArgValueCandidates;

use crate::cli::complete;

/// `theme`.
#[derive(Debug, Subcommand)]
pub enum ThemeVerb {
    /// List themes
    List,
    /// Measure contrast, and whether colours can be told apart with every colour vision
    Check {
        /// Name or file of the theme
        theme: String,
    },
    /// Convert a colour scheme of another program into a theme
    Import {
        /// Format of the scheme
        #[arg(value_parser = ["base16"])]
        form: String,
        /// File of the scheme
        file: PathBuf,
        /// Name of the theme [default: the scheme's]
        #[arg(long)]
        name: Option<String>,
    },
}

/// `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print what a key means, its type and default, and the keys below it
    Explain {
        /// A path, such as environments.production.deploy.soak, or the last word of one [default: the top level]
        #[arg(add = ArgValueCandidates::new(complete::keys))]
        key: Option<String>,
    },
}

/// `store`.
#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// Where runs are recorded, and whether the shared store answers
    Status,
    /// Move the runs of this machine into a shared store that has none yet
    Push,
    /// Read the whole shared store again, and compare it with this machine's copy
    Verify,
    /// Print every fact of every run as JSON Lines, the oldest first
    Export,
}

/// `emulator`.
#[derive(Debug, Subcommand)]
pub enum EmulatorVerb {
    /// Start the emulator if it is not running
    Start {
        /// Also accept the token `owner`, which the firebase CLI sends to http addresses
        #[arg(long)]
        insecure_owner_token: bool,
    },
    /// Stop the emulator and its services
    Stop,
    /// Show the running services
    Status,
    /// Print the access token
    Token,
    /// Print the address
    Url,
    /// Run the emulator in the foreground
    #[command(hide = true)]
    Serve {
        /// Also accept the token `owner`
        #[arg(long)]
        insecure_owner_token: bool,
    },
}
