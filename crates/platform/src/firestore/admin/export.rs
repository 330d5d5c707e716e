//! Managed exports.

use serde_json::{Value, json};

use super::indexes::operation_of;
use super::{AdminCall, Firestore};
use pointsman_core::export::{Export, ExportState};
use pointsman_core::ports::database::DatabaseError;

impl Firestore {
    pub(super) async fn begin_export(&self, to: &str) -> Result<String, DatabaseError> {
        self.read_database().await?;
        let name = format!("{}:exportDocuments", self.database());
        let body = json!({ "outputUriPrefix": to });
        operation_of(&self.admin_call(&AdminCall::post(&name, &body)).await?)
    }

    pub(super) async fn read_export(&self, operation: &str) -> Result<Export, DatabaseError> {
        let json = self.admin_call(&AdminCall::get(operation)).await?;
        let metadata = &json["metadata"];
        let error = json["error"]["message"].as_str();
        let state = match (json["done"].as_bool(), error, json.get("response")) {
            (Some(true), None, Some(_)) => ExportState::Done,
            (Some(true), Some(why), _) => ExportState::Failed(why.to_owned()),
            (Some(true), None, None) => {
                let word = metadata["operationState"].as_str().unwrap_or("without a result");
                ExportState::Failed(format!("it ended {word}"))
            }
            _ => ExportState::Running,
        };
        let progress = &metadata["progressDocuments"];
        let documents = number(&progress["completedWork"])
            .map(|done| (done, number(&progress["estimatedWork"])));
        let to = json["response"]["outputUriPrefix"].as_str();
        let to = to.or(metadata["outputUriPrefix"].as_str()).map(str::to_owned);
        Ok(Export { state, documents, to })
    }
}

/// A 64-bit number, which JSON of Google's writes as text.
fn number(json: &Value) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}
