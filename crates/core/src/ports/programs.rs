//! The team's own programs: argv lists, never a shell.

use super::BoxFuture;

/// A program to run: an argv list, never a shell string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program<'a> {
    pub argv: &'a [String],
    pub folder: &'a str,
    /// Additional environment variables.
    pub environment: &'a [(String, String)],
}

/// Runs the team's programs in process groups.
pub trait Programs: Send + Sync {
    /// Runs one to its end, handing each line it says to `heard` as it said it; what it said last comes with a failure.
    /// A future that is dropped ends the program and what it started.
    fn run<'a>(
        &'a self,
        program: Program<'a>,
        heard: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), String>>;
}
