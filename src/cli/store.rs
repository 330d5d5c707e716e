//! `store`: where runs are recorded, and the store that a team shares.

use serde_json::json;

use super::Session;
use super::args::StoreVerb;
use super::exit::{FAILED, Failed, Finished, OK, REFUSED};
use super::print;
use crate::domain::code::Code;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::event::Fact;
use crate::domain::ids::RunNumber;
use crate::ports::journal::Journal as _;
use crate::ports::sharing::Branch;

pub(super) fn store(session: &Session, verb: Option<&StoreVerb>) -> Finished {
    match verb.unwrap_or(&StoreVerb::Status) {
        StoreVerb::Status => status(session),
        StoreVerb::Push => push(session),
        StoreVerb::Verify => verify(session),
        StoreVerb::Export => export(session),
    }
}

fn status(session: &Session) -> Finished {
    let app = &session.app;
    let store = app.readable_store()?;
    // Reading a list reads the shared store too.
    let last = store.runs(None, 1)?.pop().map(|listed| listed.view.number);
    let Some(standing) = app.standing() else {
        let text = format!(
            "local: runs are recorded on this machine only, in {}\n  now: store: in the config shares them with a team",
            app.state.display()
        );
        session.result(&text, &json!({"kind": "local", "last": last}));
        return Ok(OK);
    };
    let alone = app.runs_not_shared();
    let mut text = match &standing.unreachable {
        Some(problem) => format!("{}: {problem}\n", describe::unreachable(&standing)),
        None if standing.unshared > 0 => describe::unshared(&standing) + "\n",
        None => format!("{}: everything of this machine is shared\n", standing.name),
    };
    let newest = last.map_or("it has no runs yet".to_owned(), |run| format!("last run {run}"));
    text = format!("{text}  {newest}");
    if alone > 0 {
        let runs = describe::counted(alone, "run");
        text = format!(
            "{text}\n  {runs} from before are on this machine only; into an empty store: pointsman store push"
        );
    }
    let json = json!({
        "kind": "firestore", "name": standing.name, "last": last, "as_of": standing.as_of,
        "unreachable": standing.unreachable, "unshared": standing.unshared, "runs_not_shared": alone,
    });
    session.result(&text, &json);
    Ok(if standing.unreachable.is_some() { FAILED } else { OK })
}

fn push(session: &Session) -> Finished {
    let pushed = session.app.push_to_shared().ok_or_else(no_shared_store)??;
    let text = format!("the shared store has {} of this machine", describe::counted(pushed, "run"));
    session.result(&text, &json!({"pushed": pushed}));
    Ok(OK)
}

fn verify(session: &Session) -> Finished {
    let (runs, wrong) = session.app.verify_shared().ok_or_else(no_shared_store)??;
    let whole = wrong.is_empty();
    let text = if whole {
        format!(
            "{} in the shared store, each as this machine knows it",
            describe::counted(runs, "run")
        )
    } else {
        wrong.join("\n")
    };
    session.result(&text, &json!({"runs": runs, "intact": whole, "wrong": wrong}));
    Ok(if whole { OK } else { FAILED })
}

/// Prints the record of every run, for an archive or an audit. The hashes of its facts prove that nothing was changed since.
fn export(session: &Session) -> Finished {
    let store = session.app.readable_store()?;
    let mut numbers: Vec<_> =
        store.runs(None, usize::MAX)?.into_iter().map(|listed| listed.view.number).collect();
    numbers.extend(store.damage().into_iter().map(|damage| damage.run));
    numbers.sort_unstable();
    numbers.dedup();
    let mut whole = store.behind().is_none();
    if let Some(problem) = store.behind() {
        print::note(format!("what follows may be old: {problem}"));
    }
    for run in numbers {
        match store.facts(run, 0) {
            Ok(facts) => {
                for fact in &facts {
                    line(run, None, fact);
                }
            }
            Err(error) => {
                whole = false;
                print::note(format!("run {run} is left out: {error}"));
            }
        }
        for Branch { host, facts } in store.branches(run).unwrap_or_default() {
            for fact in &facts {
                line(run, Some(&host), fact);
            }
        }
    }
    Ok(if whole { OK } else { FAILED })
}

/// A fact with its run; one of a branch also names the machine that wrote it.
fn line(run: RunNumber, branch: Option<&str>, fact: &Fact) {
    let mut json = fact.to_json();
    json["run"] = json!(run);
    if let Some(host) = branch {
        json["branch"] = json!(host);
    }
    print::value(&json);
}

fn no_shared_store() -> Failed {
    let problem = Problem::coded(Code::STORE_UNUSABLE, "there is no shared store");
    Failed::with(REFUSED, problem.try_this("name one under store: in the config"))
}
