//! What the administration of a database adds to its picture: its indexes beside those of the team's file, and whether its
//! rules protect the records of migrations. Nothing waits long for it, and nothing fails by it.

use std::time::Duration;

use crate::services::{QUICK_READ_WITHIN, Services};
use pointsman_config::Loaded;
use pointsman_core::index::IndexComparison;
use pointsman_core::migration::Migration;
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::database::{DatabaseError, Refused};
use pointsman_core::rules_test::{Records, RulesTest};
use pointsman_core::snapshot::Evidence;
use pointsman_core::time::spoken;

/// The evidence about a database; `None` where there is nothing to ask.
#[derive(Debug, Default)]
pub(super) struct DatabaseEvidence {
    pub(super) indexes: Option<Evidence<IndexComparison>>,
    pub(super) rules: Option<Evidence<RulesTest>>,
}

/// Asks for the evidence about a database of an environment.
pub(super) async fn database_evidence(
    ports: &Services,
    loaded: &Loaded,
    planned: &PlannedDatabase,
    pending: &[&Migration],
) -> DatabaseEvidence {
    let Ok(Some(database)) = ports.database(planned, false).await else {
        return DatabaseEvidence::default();
    };
    let Some(admin) = database.admin() else { return DatabaseEvidence::default() };
    let wanted = loaded.indexes(planned.environment.as_str(), &planned.name);
    let indexes = async {
        match wanted {
            Ok(None) => None,
            Ok(Some(wanted)) => {
                let found = within(QUICK_READ_WITHIN, admin.indexes()).await?;
                Some(found.map(|found| wanted.beside(&found).before(pending.iter().copied())))
            }
            Err(findings) => Some(Evidence::Unknown(findings.to_string())),
        }
    };
    let (indexes, rules) =
        tokio::join!(indexes, within(QUICK_READ_WITHIN, admin.rules(Records::Migrations)));
    DatabaseEvidence { indexes, rules }
}

/// The answer within a time limit; `None` from a server without the method.
async fn within<T>(
    limit: Duration,
    asked: BoxFuture<'_, Result<T, DatabaseError>>,
) -> Option<Evidence<T>> {
    match tokio::time::timeout(limit, asked).await {
        Ok(Ok(known)) => Some(Evidence::Known(known)),
        Ok(Err(error)) if error.refused == Refused::NotServed => None,
        Ok(Err(error)) => Some(Evidence::Unknown(error.problem.sentence())),
        Err(_) => Some(Evidence::Unknown(format!("no answer within {}", spoken(limit)))),
    }
}
