//! What databases could be restored from, said before a person confirms a change of them.

use super::Refusal;
use crate::services::{QUICK_READ_WITHIN, Services};
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::restore::Restorable;

/// Said of a database that tells nothing about its backups.
const UNTOLD: &str =
    "No backup is made: check that one exists, or that point-in-time recovery is on.";

/// One line for each database that will be migrated. Refuses what the config requires and the database certainly lacks,
/// except where a migration is half done already. The run itself checks again, and does not accept "unknown".
pub(super) async fn backups(
    ports: &Services,
    databases: &[PlannedDatabase],
) -> Result<Vec<String>, Refusal> {
    let (mut lines, now) = (Vec::new(), ports.clock.now());
    for planned in databases.iter().filter(|planned| !planned.migrations.is_empty()) {
        let line = match restorable(ports, planned).await {
            Some(restorable) => {
                let met = planned
                    .backup
                    .map_or(Ok(()), |need| restorable.meets(need, &planned.name, now));
                if let Err(unmet) = met
                    && unmet.known
                    && !half_done(ports, planned).await
                {
                    return Err(Refusal::Refused(unmet.problem));
                }
                format!("No backup of {} is made: {}.", planned.name, restorable.sentence())
            }
            None => UNTOLD.to_owned(),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Ok(lines)
}

async fn restorable(ports: &Services, planned: &PlannedDatabase) -> Option<Restorable> {
    let database = ports.database(planned, false).await.ok()??;
    tokio::time::timeout(QUICK_READ_WITHIN, database.admin()?.restorable()).await.ok()?
}

/// Whether a migration was begun and not finished. Refusing to continue it would leave the database as it is.
async fn half_done(ports: &Services, planned: &PlannedDatabase) -> bool {
    let look = ports.look_at(planned, QUICK_READ_WITHIN).await;
    look.is_ok_and(|look| look.schema.dirty().is_some())
}
