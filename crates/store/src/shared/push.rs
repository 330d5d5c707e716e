//! Moves the runs of a machine's own store into a shared one that has none yet.

use std::collections::BTreeMap;

use super::documents::{self, COUNTER, Change, Head, RUNS, counter};
use super::pull::pull;
use super::remote::{Remote, SharedError};
use crate::facts;
use crate::open::{Sql as _, SqliteStore};
use pointsman_core::error::Problem;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::database::Expected;
use pointsman_core::ports::journal::{Journal as _, JournalError};

/// Uploads every run of a local store, each with its number, and returns how many. The shared store must have no runs:
/// numbers that both have would be different runs.
pub(super) async fn push(
    remote: &Remote,
    mirror: &mut SqliteStore,
    local: &SqliteStore,
) -> Result<usize, SharedError> {
    let (documents, _) = remote.read(&[COUNTER.to_owned()]).await?;
    if let Some(count) = documents.first().and_then(Option::as_ref) {
        let last = documents::last_run(Some(count))?;
        let problem = Problem::new(format!("the shared store has {last} runs already"))
            .because("their numbers would be those of other runs of this machine")
            .try_this(
                "keep this machine's runs: they are shown again without store: in the config",
            );
        return Err(JournalError::Unusable(problem).into());
    }
    let numbers = local.every_run()?;
    let mut heads = BTreeMap::<EnvironmentName, Head>::new();
    for run in &numbers {
        let row = local.run_row(*run)?;
        // Verified before it is copied: damage must not become the truth of a team.
        let verified = local.facts(*run, 0)?;
        let Some(last) = verified.last() else { continue };
        if !local.has_ended(*run)? {
            let problem = Problem::new(format!("run {run} has not ended"));
            let now = format!("pointsman resume {}, without store: in the config", run.0);
            return Err(JournalError::Unusable(problem.try_this(now)).into());
        }
        let chain = facts::stored_after(&local.connection, *run, 0)?;
        let whole = documents::run(&row, Some(&chain), Expected::Anything)?;
        let mut writes = vec![whole];
        if !documents::holds_chain(&writes[0]) {
            writes.extend(chain.iter().map(|stored| documents::fact(*run, stored)));
        }
        remote.commit(&writes).await?;
        let head = Head { run: *run, seq: last.seq, hash: last.hash.clone() };
        heads.insert(row.environment, head);
    }
    let Some(last) = numbers.last() else { return Ok(0) };
    finish(remote, heads, *last).await?;
    pull(remote, mirror).await?;
    Ok(numbers.len())
}

/// Makes the uploaded runs those of the store, in one commit: until then nothing refers to them.
async fn finish(
    remote: &Remote,
    heads: BTreeMap<EnvironmentName, Head>,
    last: RunNumber,
) -> Result<(), SharedError> {
    let mut writes = vec![counter(last.0, Expected::NotThere)];
    for (name, head) in heads {
        let (environment, _) = remote.environment(&name).await?;
        let change = Change::default().head(&head)?;
        writes.push(change.write(name.as_str(), environment.unchanged()));
    }
    remote.commit(&writes).await.map(drop)
}

/// Reads the whole shared store again, and names what differs from this machine's copy.
pub(super) async fn verify(
    remote: &Remote,
    mirror: &mut SqliteStore,
) -> Result<(usize, Vec<String>), SharedError> {
    pull(remote, mirror).await?;
    let (mut runs, mut wrong) = (0, Vec::new());
    for document in remote.numbered(RUNS, 0).await? {
        let Some(run) = documents::number_of(&document).map(RunNumber) else { continue };
        runs += 1;
        let chain = match documents::read_run(&document) {
            Ok((_, chain)) => chain,
            Err(error) => {
                wrong.push(format!("run {run}: {error}"));
                continue;
            }
        };
        let found = remote.numbered(&documents::facts_of(run), 0).await?;
        let facts: Vec<_> = found.iter().map(documents::read_fact).collect();
        let here = facts::stored_after(&mirror.connection, run, 0).unwrap_or_default();
        let (shared_to, _) = mirror.shared_to(run)?;
        let shared = here.iter().take_while(|stored| stored.fact.seq <= shared_to);
        for (at, stored) in shared.enumerate() {
            let same = match facts.get(at) {
                Some(Ok(kept)) => kept == stored,
                // Runs that were uploaded whole have no documents of their facts.
                None => chain.get(at) == Some(stored),
                Some(Err(_)) => false,
            };
            if !same {
                let seq = stored.fact.seq;
                wrong.push(format!("run {run}: record {seq} is another one in the shared store"));
                break;
            }
        }
    }
    Ok((runs, wrong))
}

impl SqliteStore {
    /// The numbers of all runs, in order.
    fn every_run(&self) -> Result<Vec<RunNumber>, JournalError> {
        let mut select =
            self.connection.prepare_cached("SELECT number FROM runs ORDER BY number").sql()?;
        let runs = select.query_map([], |row| Ok(RunNumber(row.get(0)?))).sql()?;
        runs.collect::<Result<_, _>>().sql()
    }
}
