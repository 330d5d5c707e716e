//! API calls: the token, retries of transient failures, and the meaning of errors.

use std::time::Duration;

use serde_json::Value;

use super::{CALL_WITHIN, Firestore, wire};
use crate::auth::Unsent;
use crate::http::{self, chain};
use crate::retry::retried;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::ports::database::{DatabaseError, Refused};
use pointsman_core::retry::Backoff;

/// Maximum attempts for transient failures.
pub(super) const ATTEMPTS: u32 = 5;
const RETRY_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), most: Duration::from_secs(2) };

impl Firestore {
    /// Sends a read, which changes nothing and may be retried.
    pub(super) async fn ask(&self, name: &str, body: Value) -> Result<Value, DatabaseError> {
        let passing =
            |error: &DatabaseError| matches!(error.refused, Refused::Lost | Refused::Contended);
        let again = |error: &DatabaseError, wait| passing(error).then_some(wait);
        retried(self.attempts, RETRY_BACKOFF, || self.once(name, &body), again).await
    }

    /// Sends one request. The caller of a change decides, after reading back, whether to retry it.
    pub(super) async fn once(&self, name: &str, body: &Value) -> Result<Value, DatabaseError> {
        // Escape each part of the name: an id may contain characters that a URL path may not.
        let mut address = url::Url::parse(&self.base).map_err(|e| self.lost(e.to_string()))?;
        if let Ok(mut path) = address.path_segments_mut() {
            path.clear().push("v1").extend(name.split('/'));
        }
        let request = self.client.post(address).timeout(CALL_WITHIN);
        let lost = |error: reqwest::Error| self.lost(chain(&error.without_url()));
        let response =
            self.bearer.send(request.json(body)).await.map_err(|unsent| match unsent {
                Unsent::NoToken(no) => DatabaseError {
                    refused: if no.passing { Refused::Lost } else { Refused::Denied },
                    problem: no.problem,
                },
                Unsent::Lost(error) => lost(error),
            })?;
        let status = response.status();
        let text = http::text(response).await.map_err(|e| e.either(lost, |why| self.lost(why)))?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        match wire::refusal(&json) {
            Some(error) => Err(error),
            None if status.is_success() && !json.is_null() => Ok(json),
            None => Err(self.lost(format!("it answers {status} and nothing that can be read"))),
        }
    }

    fn lost(&self, why: String) -> DatabaseError {
        let problem = Problem::coded(
            Code::DATABASE_SILENT,
            format!("the database at {} does not answer", self.base),
        );
        DatabaseError { refused: Refused::Lost, problem: problem.because(why) }
    }
}
