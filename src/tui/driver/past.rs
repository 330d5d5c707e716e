//! Past runs, folded again only if the store changed: polling an idle environment must be cheap, however long its
//! history is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::app::{App, SqliteStore};
use crate::domain::ids::EnvironmentName;
use crate::domain::view::RunView;
use crate::ports::journal::{Damage, Journal as _, JournalError};

/// The runs as last read, with the connection that read them.
#[derive(Default)]
pub(super) struct Past(Mutex<Option<Read>>);

struct Read {
    store: SqliteStore,
    version: i64,
    runs: BTreeMap<Option<EnvironmentName>, Vec<RunView>>,
}

impl Past {
    /// The latest runs of an environment (or of all), newest first.
    pub(super) fn runs(
        &self,
        app: &App,
        environment: Option<&EnvironmentName>,
        limit: usize,
    ) -> Result<Vec<RunView>, JournalError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = if let Some(read) = held.take() {
            read
        } else {
            let store = app.readable_store()?;
            Read { store, version: -1, runs: BTreeMap::new() }
        };
        // If a call below fails, the connection is dropped, and the next poll opens a new one.
        let now = read.store.data_version()?;
        if std::mem::replace(&mut read.version, now) != now {
            read.runs.clear();
        }
        let of = environment.cloned();
        let runs = if let Some(runs) = read.runs.get(&of) {
            runs.clone()
        } else {
            let listed = read.store.runs(environment, limit)?;
            let runs: Vec<_> = listed.into_iter().map(|listed| listed.view).collect();
            read.runs.insert(of, runs.clone());
            runs
        };
        *held = Some(read);
        Ok(runs)
    }

    /// The damaged runs that were left out of those that were read.
    pub(super) fn damage(&self) -> Vec<Damage> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map_or_else(Vec::new, |read| read.store.damage())
    }
}
