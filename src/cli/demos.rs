//! `--demo help`: the demos, with what each shows.

use serde_json::{Value, json};

use super::exit::OK;
use super::print;
use crate::app::App;

pub(super) fn list(as_json: bool) -> u8 {
    let all = App::demos();
    if as_json {
        let all = all.iter().map(|(name, about)| json!({"demo": name, "about": about}));
        print::value(&Value::Array(all.collect()));
    } else {
        let lines = all.iter().map(|(name, about)| format!("{name:<12} {about}"));
        print::result(lines.collect::<Vec<_>>().join("\n"));
    }
    OK
}
