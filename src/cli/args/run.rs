//! How a run is named on the command line.

use std::str::FromStr;

use crate::domain::error::Problem;
use crate::domain::ids::{EnvironmentName, RunNumber};

/// A run: its number (`128`, `#128`), the latest (`last`, `@`), or the latest of an environment (`@staging`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunWord {
    Number(RunNumber),
    Last,
    LastOf(EnvironmentName),
}

impl FromStr for RunWord {
    type Err = Problem;

    fn from_str(word: &str) -> Result<Self, Problem> {
        match word.strip_prefix('@') {
            Some("") => Ok(Self::Last),
            Some(environment) => EnvironmentName::new(environment).map(Self::LastOf),
            None if word == "last" => Ok(Self::Last),
            None => word.parse().map(Self::Number).map_err(|_| {
                Problem::new(format!("{word:?} names no run"))
                    .try_this("write 128, '#128', last, or @ENVIRONMENT for its latest run")
            }),
        }
    }
}
