//! `man`: the manual pages.

use std::path::Path;

use super::exit::{Finished, OK};
use super::help;
use super::print;
use crate::domain::error::Problem;

/// Prints the program's manual page, or writes the pages of all commands to a folder.
pub(super) fn man(dir: Option<&Path>) -> Finished {
    let failed = |e: std::io::Error| {
        Problem::new("the manual pages could not be written").because(e.to_string())
    };
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(help::command(), dir).map_err(failed)?;
        clap_mangen::Man::new(help::program()).generate_to(dir).map_err(failed)?;
        print::note(format!("wrote the manual pages to {}", dir.display()));
        return Ok(OK);
    }
    let mut out = Vec::new();
    clap_mangen::Man::new(help::program()).render(&mut out).map_err(failed)?;
    print::result(String::from_utf8_lossy(&out));
    Ok(OK)
}
