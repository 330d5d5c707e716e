//! The records of a run, a line of JSON for each, as `events --json` prints them. What the store has may come from any
//! version, and its chain is checked elsewhere: here each record is taken at its word.

use pointsman::cli::print::json;
use pointsman::domain::alert;
use pointsman::domain::event::{Fact, Recorded};
use pointsman::domain::hash::Hash;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::report::markdown;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use serde_json::Value;

fn fact(seq: u64, line: &str) -> Option<Fact> {
    let json: Value = serde_json::from_str(line).ok()?;
    let mut fact = Fact {
        seq,
        at: json["at"].as_str().and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        elapsed_ms: json["elapsed_ms"].as_u64().unwrap_or_default(),
        actor: json["actor"].as_str().unwrap_or_default().to_owned(),
        step: json["step"].as_str().and_then(|step| step.parse().ok()),
        event: Recorded::from_parts(json["kind"].as_str()?, &json["data"]),
        prev: Hash::zero(),
        hash: Hash::zero(),
    };
    fact.hash = fact.expected_hash(RunNumber(1));
    Some(fact)
}

/// Folds the records, and says all that is said of such a run. A record that cannot follow ends it.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let facts: Vec<Fact> =
        (1..).zip(text.lines()).filter_map(|(seq, line)| fact(seq, line)).collect();
    let Some(first) = facts.first() else { return };
    let Ok(mut view) = RunView::begin(RunNumber(1), first) else { return };
    let mut known = vec![first.clone()];
    for fact in &facts[1..] {
        if view.apply(fact).is_err() {
            break;
        }
        known.push(fact.clone());
        let _ = alert::of(&view, fact);
        let _ = view.customers(true);
    }
    let _ = (view.exit_code(), view.state.sentence());
    let _ = json::report(&view, &known, false);
    let _ = markdown(&view, &known, None, false);
}
