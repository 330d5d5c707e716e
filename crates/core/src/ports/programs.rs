//! The team's own programs: argv lists, never a shell.

use super::BoxFuture;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// Where.
    pub folder: &'a str,
    /// What is added to its environment.
    pub environment: &'a [(String, String)],
}

/// Runs programs.
pub trait Programs: Send + Sync {
    /// Runs one to its end, handing each line it says to `heard` as it said it; what it said last comes with a failure.
    /// A future that is dropped ends the program and what it started.
    fn run<'a>(
        &'a self,
        program: Program<'a>,
        heard: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), String>>;
}
