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
    /// Runs a program to its end, and passes each line of its output to `heard` as it was written. The error has its
    /// last line. Dropping the future ends the program and its children.
    fn run<'a>(
        &'a self,
        program: Program<'a>,
        heard: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), String>>;
}
