//! Long-running operations: the response to every change.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::{Answer, Api};
use crate::registry::{Kind, Registry, Stored};

impl Api {
    /// Starts an operation in the same transaction as its `write`, so that a crash cannot leave a resource without
    /// an operation.
    pub(super) fn begin(
        &self,
        call: &Call,
        target: &str,
        verb: &str,
        write: impl FnOnce(&Registry) -> Stored<()>,
    ) -> Answer {
        Ok(self.platform.registry().at_once(|registry| {
            write(registry)?;
            Self::new_operation(registry, call, target, verb)
        })?)
    }

    fn new_operation(registry: &Registry, call: &Call, target: &str, verb: &str) -> Stored<Value> {
        let now = registry.now();
        let id = format!(
            "operation-{}-{}",
            now.as_millisecond(),
            &uuid::Uuid::new_v4().simple().to_string()[..13]
        );
        let name = format!("{}/operations/{id}", call.location());
        let operation = registry.create(
            Kind::Operation,
            &name,
            json!({
                "metadata": {
                    "@type": "type.googleapis.com/google.firebase.apphosting.v1.OperationMetadata",
                    "createTime": now, "target": target, "verb": verb,
                    "requestedCancellation": false, "apiVersion": "v1",
                },
                "done": false,
            }),
        )?;
        if let Some(request) = call.query.get("requestId") {
            registry.remember(request, &name)?;
        }
        Ok(operation)
    }

    /// The operation that an earlier request with the same `requestId` returned, if any. Google remembers request
    /// ids for 60 minutes; the emulator never forgets them.
    pub(super) fn repeated(&self, call: &Call) -> Result<Option<Value>, ApiError> {
        let Some(request) = call.query.get("requestId") else {
            return Ok(None);
        };
        let registry = self.platform.registry();
        match registry.answered(request)? {
            Some(operation) => Ok(registry.get(&operation)?),
            None => Ok(None),
        }
    }

    /// The response to a `validateOnly` request.
    pub(super) fn validated(call: &Call) -> Value {
        json!({"name": format!("{}/operations/validate-only", call.location()), "done": true})
    }

    pub(super) fn operation(&self, call: &Call, id: Option<&&str>) -> Answer {
        match (call.method.as_str(), id) {
            ("GET", None) => self.list_operations(call),
            ("GET", Some(_)) => self.read(&call.name),
            ("DELETE", Some(_)) => {
                self.read(&call.name)?;
                self.platform.registry().delete(&call.name)?;
                Ok(json!({}))
            }
            ("POST", Some(id)) if id.ends_with(":cancel") => {
                let name = call.name.trim_end_matches(":cancel");
                self.read(name)?;
                self.platform.registry().change(Kind::Operation, name, |op| {
                    op["metadata"]["requestedCancellation"] = json!(true);
                })?;
                Ok(json!({}))
            }
            _ => Err(ApiError::no_such_url()),
        }
    }
}
