//! Firestore's Admin API, read only (`docs/internals/google-apis.md`): what a database could be restored from. Google's
//! emulator does not serve it.

use reqwest::StatusCode;
use serde_json::Value;

use super::{CALL_WITHIN, Firestore};
use crate::auth::Unsent;
use crate::http::{self, chain};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::restore::{Recovery, Restorable};
use pointsman_core::time::Timestamp;

/// Why an answer cannot be used.
enum Unseen {
    /// The server has no Admin API.
    NotServed,
    /// Anything else, in words.
    Unknown(String),
}

impl Firestore {
    /// What it could be restored from; `None` if the server has no Admin API.
    pub(super) async fn read_restorable(&self) -> Option<Restorable> {
        let database = self.root.trim_end_matches("/documents");
        let json = match self.admin(database).await {
            Ok(json) => json,
            Err(Unseen::NotServed) => return None,
            Err(Unseen::Unknown(why)) => {
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
            Some(location) => self.latest_backup(database, location).await,
            None => Err("the database names no location".to_owned()),
        };
        Some(Restorable { recovery, backup })
    }

    /// The snapshot time of the latest finished backup of this database.
    async fn latest_backup(
        &self,
        database: &str,
        location: &str,
    ) -> Result<Option<Timestamp>, String> {
        let project = database.split("/databases/").next().unwrap_or_default();
        let name = format!("{project}/locations/{location}/backups");
        let json = match self.admin(&name).await {
            Ok(json) => json,
            Err(Unseen::NotServed) => return Err("backups are not served there".to_owned()),
            Err(Unseen::Unknown(why)) => return Err(why),
        };
        // Backups of a location that did not answer are unknown, not absent.
        if json["unreachable"].as_array().is_some_and(|regions| !regions.is_empty()) {
            return Err("some locations did not answer".to_owned());
        }
        let backups = json["backups"].as_array().into_iter().flatten();
        let ours = backups.filter(|one| one["database"] == database && one["state"] == "READY");
        Ok(ours.filter_map(|one| one["snapshotTime"].as_str()?.parse().ok()).max())
    }

    async fn admin(&self, name: &str) -> Result<Value, Unseen> {
        let unknown = |why: String| Unseen::Unknown(why);
        let mut address = url::Url::parse(&self.base).map_err(|e| unknown(e.to_string()))?;
        if let Ok(mut path) = address.path_segments_mut() {
            path.clear().push("v1").extend(name.split('/'));
        }
        let request = self.client.get(address).timeout(CALL_WITHIN);
        let response = self.bearer.send(request).await.map_err(|unsent| match unsent {
            Unsent::NoToken(no) => unknown(no.problem.sentence()),
            Unsent::Lost(error) => unknown(chain(&error.without_url())),
        })?;
        let status = response.status();
        let lost = |error: reqwest::Error| chain(&error.without_url());
        let text = http::text(response).await.map_err(|e| unknown(e.either(lost, |why| why)))?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            // Google's emulator answers some paths that it does not know with an empty object.
            StatusCode::OK if json.as_object().is_some_and(|json| !json.is_empty()) => Ok(json),
            StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => {
                Err(Unseen::NotServed)
            }
            _ => {
                let word = json["error"]["status"].as_str().unwrap_or("no reason given");
                let api = GoogleApi::FirestoreAdmin;
                Err(unknown(format!("{api} answered HTTP {}: {word}", status.as_u16())))
            }
        }
    }
}
