//! `store`: where runs are recorded, and the store that a team shares.

use serde_json::json;

use super::Session;
use super::args::StoreVerb;
use super::exit::{FAILED, Failed, Finished, OK, REFUSED};
use crate::domain::code::Code;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::ports::journal::Journal as _;

pub(super) fn store(session: &Session, verb: Option<&StoreVerb>) -> Finished {
    match verb.unwrap_or(&StoreVerb::Status) {
        StoreVerb::Status => status(session),
        StoreVerb::Push => push(session),
        StoreVerb::Verify => verify(session),
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

fn no_shared_store() -> Failed {
    let problem = Problem::coded(Code::STORE_UNUSABLE, "there is no shared store");
    Failed::with(REFUSED, problem.try_this("name one under store: in the config"))
}
