//! What a database could be restored from.

use serde_json::Value;

use super::{AdminCall, Firestore};
use pointsman_core::ports::database::{DatabaseError, Refused};
use pointsman_core::restore::{Recovery, Restorable};
use pointsman_core::time::Timestamp;

impl Firestore {
    /// What it could be restored from; `None` if the server has no Admin API.
    pub(super) async fn read_restorable(&self) -> Option<Restorable> {
        let json = match self.read_database().await {
            Ok(json) => json,
            Err(error) if error.refused == Refused::NotServed => return None,
            Err(error) => {
                let why = reason(error);
                return Some(Restorable {
                    recovery: Recovery::Unknown(why.clone()),
                    backup: Err(why),
                });
            }
        };
        let time = |value: &Value| value.as_str().and_then(|at| at.parse::<Timestamp>().ok());
        let recovery = match json["pointInTimeRecoveryEnablement"].as_str() {
            Some("POINT_IN_TIME_RECOVERY_ENABLED") => {
                Recovery::On { earliest: time(&json["earliestVersionTime"]) }
            }
            Some("POINT_IN_TIME_RECOVERY_DISABLED") => Recovery::Off,
            None => Recovery::Unknown("the database does not report it".to_owned()),
            Some(word) => Recovery::Unknown(format!("it is {word}")),
        };
        let backup = match json["locationId"].as_str() {
            Some(location) => self.latest_backup(location).await,
            None => Err("the database names no location".to_owned()),
        };
        Some(Restorable { recovery, backup })
    }

    /// The snapshot time of the latest finished backup of this database.
    async fn latest_backup(&self, location: &str) -> Result<Option<Timestamp>, String> {
        let (project, database) = (self.project_and_id().0, self.database());
        let name = format!("projects/{project}/locations/{location}/backups");
        let json = self.admin_call(&AdminCall::get(&name)).await.map_err(reason)?;
        // Backups of a location that did not answer are unknown, not absent.
        if json["unreachable"].as_array().is_some_and(|regions| !regions.is_empty()) {
            return Err("some locations did not answer".to_owned());
        }
        let backups = json["backups"].as_array().into_iter().flatten();
        let ours = backups.filter(|one| one["database"] == database && one["state"] == "READY");
        Ok(ours.filter_map(|one| one["snapshotTime"].as_str()?.parse().ok()).max())
    }
}

/// Why an answer is unknown, without Google's long message.
fn reason(error: DatabaseError) -> String {
    match error.refused {
        Refused::Lost => error.problem.sentence(),
        _ => error.problem.what,
    }
}
