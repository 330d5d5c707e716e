//! Firestore's Admin API and the API of its security rules (`docs/internals/google-apis.md`): what a database could be
//! restored from, its indexes, exports and rules. Google's emulator serves none of them.

mod export;
mod indexes;
mod restore;
mod rules;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::wire::refused_by;
use super::{CALL_WITHIN, Firestore};
use crate::auth::Unsent;
use crate::http::{self, chain};
use pointsman_core::error::Problem;
use pointsman_core::export::Export;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::index::{Expiry, FoundIndexes, Index};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::database::{Answered, DatabaseError, Refused};
use pointsman_core::ports::database_admin::DatabaseAdmin;
use pointsman_core::restore::Restorable;
use pointsman_core::rules_test::{Records, RulesTest};

/// Google's address of the rules; any other server has them at the address of its databases.
const GOOGLE_RULES: &str = "https://firebaserules.googleapis.com";

/// A request to one of the APIs.
struct AdminCall<'a> {
    api: GoogleApi,
    method: Method,
    /// The resource, with a method behind a colon: `projects/P/databases/D:exportDocuments`.
    name: &'a str,
    query: &'a [(&'a str, &'a str)],
    body: Option<&'a Value>,
}

impl<'a> AdminCall<'a> {
    fn get(name: &'a str) -> Self {
        let (api, method) = (GoogleApi::FirestoreAdmin, Method::GET);
        Self { api, method, name, query: &[], body: None }
    }

    fn post(name: &'a str, body: &'a Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(name) }
    }
}

impl DatabaseAdmin for Firestore {
    fn restorable(&self) -> BoxFuture<'_, Option<Restorable>> {
        Box::pin(self.read_restorable())
    }

    fn indexes(&self) -> Answered<'_, FoundIndexes> {
        Box::pin(self.list_indexes())
    }

    fn create_index<'a>(&'a self, index: &'a Index) -> Answered<'a, ()> {
        Box::pin(self.begin_index(index))
    }

    fn delete_index<'a>(&'a self, name: &'a str) -> Answered<'a, ()> {
        Box::pin(async move {
            let call = AdminCall { method: Method::DELETE, ..AdminCall::get(name) };
            self.admin_call(&call).await.map(drop)
        })
    }

    fn expire<'a>(&'a self, expiry: &'a Expiry, on: bool) -> Answered<'a, ()> {
        Box::pin(self.begin_expiry(expiry, on))
    }

    fn export<'a>(&'a self, to: &'a str) -> Answered<'a, String> {
        Box::pin(self.begin_export(to))
    }

    fn exported<'a>(&'a self, operation: &'a str) -> Answered<'a, Export> {
        Box::pin(self.read_export(operation))
    }

    fn rules(&self, records: Records) -> Answered<'_, RulesTest> {
        Box::pin(self.test_rules(records))
    }
}

impl Firestore {
    /// The resource name of the database: `projects/P/databases/(default)`.
    fn database(&self) -> &str {
        self.root.trim_end_matches("/documents")
    }

    /// The project and the id of the database.
    fn project_and_id(&self) -> (&str, &str) {
        let mut parts = self.root.split('/');
        (parts.nth(1).unwrap_or_default(), parts.nth(1).unwrap_or_default())
    }

    /// The database itself. [`Refused::NotServed`] from a server without the Admin API: Google's emulator answers some
    /// paths that it does not know with an empty object, so that an empty list from it means nothing.
    async fn read_database(&self) -> Result<Value, DatabaseError> {
        let json = self.admin_call(&AdminCall::get(self.database())).await;
        match json {
            Ok(json) if json.as_object().is_some_and(|json| !json.is_empty()) => Ok(json),
            Ok(_) => Err(not_served()),
            Err(error) if error.refused == Refused::NotFound => Err(not_served()),
            Err(error) => Err(error),
        }
    }

    async fn admin_call(&self, call: &AdminCall<'_>) -> Result<Value, DatabaseError> {
        let api = call.api;
        let lost = |why: String| DatabaseError {
            refused: Refused::Lost,
            problem: Problem::new(format!("{api} does not answer")).because(why),
        };
        let google = self.emulator_base().is_none();
        let base = if api == GoogleApi::Rules && google { GOOGLE_RULES } else { &self.base };
        let mut address = url::Url::parse(base).map_err(|e| lost(e.to_string()))?;
        if let Ok(mut path) = address.path_segments_mut() {
            path.clear().push("v1").extend(call.name.split('/'));
        }
        let mut request = self.client.request(call.method.clone(), address).timeout(CALL_WITHIN);
        request = request.query(call.query);
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let response = self.bearer.send(request).await.map_err(|unsent| match unsent {
            Unsent::NoToken(no) => DatabaseError {
                refused: if no.passing { Refused::Lost } else { Refused::Denied },
                problem: no.problem,
            },
            Unsent::Lost(error) => lost(chain(&error.without_url())),
        })?;
        let status = response.status();
        let text = http::text(response).await;
        let text =
            text.map_err(|e| lost(e.either(|error| chain(&error.without_url()), |why| why)))?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        match (status, json) {
            (StatusCode::OK, Some(json)) => Ok(json),
            (StatusCode::OK, None) => Err(lost("its answer is not JSON".to_owned())),
            (status, json) => Err(refused(api, status, &json.unwrap_or_default())),
        }
    }

    /// Host and port of a server without TLS, which is an emulator.
    pub(super) fn emulator_base(&self) -> Option<&str> {
        self.base.strip_prefix("http://")
    }
}

fn refused(api: GoogleApi, status: StatusCode, json: &Value) -> DatabaseError {
    let word = json["error"]["status"].as_str();
    let message = json["error"]["message"].as_str().unwrap_or_default().trim();
    let refused = match (status, word) {
        (_, Some(word)) => refused_by(word, message),
        (StatusCode::NOT_FOUND, None) => Refused::NotFound,
        (StatusCode::NOT_IMPLEMENTED, None) => Refused::NotServed,
        _ => Refused::Lost,
    };
    let what =
        format!("{api} answered HTTP {}: {}", status.as_u16(), word.unwrap_or("no reason given"));
    DatabaseError { refused, problem: Problem::new(what).because(message) }
}

fn not_served() -> DatabaseError {
    let problem = Problem::new(format!("this server does not serve {}", GoogleApi::FirestoreAdmin));
    DatabaseError { refused: Refused::NotServed, problem }
}

fn unreadable(api: GoogleApi, what: &str) -> DatabaseError {
    let problem = Problem::new(format!("{api} answers what cannot be read"));
    DatabaseError { refused: Refused::Lost, problem: problem.because(format!("{what} is missing")) }
}
