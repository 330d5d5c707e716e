//! Who looks at a run that is under way. Nothing depends on it: it is written rarely, read rarely, and kept for a day at most.

use std::time::Duration;

use super::documents::WATCHERS;
use super::remote::{Remote, SharedError};
use crate::journal::text;
use crate::runner::Machine;
use pointsman_core::document::{Document, Value};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::database::{Act, Expected, Write};
use pointsman_core::time::Timestamp;

/// Interval between two signs of a watcher.
pub(super) const EVERY: Duration = Duration::from_secs(15);
/// A watcher without a sign for this long is gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(45);

/// The document of a machine that was thrown away is removed after this long.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// What a person has on the screen of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Watching {
    pub(super) who: String,
    /// The runs under way. Empty: no one watches here.
    pub(super) runs: Vec<RunNumber>,
}

/// A person who watches a run on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watcher {
    who: String,
    runs: Vec<RunNumber>,
}

impl Watcher {
    /// The name, if it watches the run.
    pub(super) fn of(&self, run: RunNumber) -> Option<&str> {
        self.runs.contains(&run).then_some(self.who.as_str())
    }

    /// A watcher whose last sign is young enough, by the server's clock.
    fn read(document: &Document, now: Timestamp) -> Option<Self> {
        let age = age(document, now)?;
        let who = document.text("who").filter(|_| age < GONE_AFTER)?.to_owned();
        let runs = serde_json::from_str(document.text("runs")?).ok()?;
        Some(Self { who, runs })
    }
}

/// The time since a document was written, by the server's clock.
pub(super) fn age(document: &Document, now: Timestamp) -> Option<Duration> {
    let written: Timestamp = document.updated.parse().ok()?;
    Some(Duration::try_from(now.duration_since(written)).unwrap_or_default())
}

/// Gives a sign of this machine's watcher, and reads those of the others. There is one document for each machine, so that
/// what a killed process leaves does not add up.
pub(super) async fn sign(
    remote: &Remote,
    machine: &Machine,
    watching: &Watching,
) -> Result<Vec<Watcher>, SharedError> {
    let path = format!("{WATCHERS}/{}", machine.id);
    let fields = [("who", watching.who.clone()), ("runs", text(&watching.runs)?)];
    let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), Value::text(value)));
    let write = Write::whole(&path, Expected::Anything, fields.collect());
    let at = remote.commit(&[write]).await?.pop().unwrap_or_default();
    // Without the server's time no sign can be called recent.
    let Ok(now) = at.parse::<Timestamp>() else { return Ok(Vec::new()) };
    let all = remote.numbered(WATCHERS, 0).await?;
    let watchers = others(&all, &path, now);
    let old = |document: &&Document| age(document, now).is_some_and(|age| age > FORGOTTEN_AFTER);
    let old = all.iter().filter(old).map(|document| Write {
        path: document.path.clone(),
        expected: Expected::Unchanged(document.updated.clone()),
        act: Act::Delete,
    });
    let old: Vec<_> = old.collect();
    if !old.is_empty() {
        remote.commit(&old).await?;
    }
    Ok(watchers)
}

/// Reads the signs of the other machines, and gives none.
pub(super) async fn hear(remote: &Remote, machine: &Machine) -> Result<Vec<Watcher>, SharedError> {
    let path = format!("{WATCHERS}/{}", machine.id);
    // A page has no server time; that of a read beside it has.
    let (_, at) = remote.read(std::slice::from_ref(&path)).await?;
    let Ok(now) = at.parse::<Timestamp>() else { return Ok(Vec::new()) };
    Ok(others(&remote.numbered(WATCHERS, 0).await?, &path, now))
}

fn others(all: &[Document], own: &str, now: Timestamp) -> Vec<Watcher> {
    let others = all.iter().filter(|document| document.path != own);
    others.filter_map(|document| Watcher::read(document, now)).collect()
}
