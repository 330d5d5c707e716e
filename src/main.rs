//! Pointsman: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    pointsman::cli::main()
}
