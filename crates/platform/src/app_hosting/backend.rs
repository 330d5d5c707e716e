//! Checks that a backend is the one in the plan. On the emulator, creates or updates it instead.

use reqwest::Method;
use serde_json::json;

use super::{AppHosting, wire};
use crate::google_api::Kind;
use crate::google_api::wire::lasting;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{HostingError, HostingReason};
use pointsman_core::project::Target;

/// Annotation of the emulator's backends: the public address.
const ADDRESS: &str = "pointsman.dev/address";

impl AppHosting {
    /// Creates the emulator's backend, or updates its address.
    async fn make_backend(&self, member: &Member) -> Result<(), HostingError> {
        let target = &member.target;
        let address = member.url.split_once("://").map_or("", |(_, host)| host);
        let mut body = json!({
            "servingLocality": "GLOBAL_ACCESS",
            "environment": target.environment(),
            "annotations": {ADDRESS: address},
        });
        let mut mask = "annotations".to_owned();
        if let Some(repository) = &member.repository {
            body["codebase"] =
                json!({"repository": repository, "rootDirectory": member.root_directory});
            mask.push_str(",codebase");
        }
        let parent =
            format!("projects/{}/locations/{}/backends", target.project(), target.location());
        let operation = if self.maybe(&target.backend_name()).await?.is_some() {
            let query = [("updateMask", mask.as_str())];
            self.change(Method::PATCH, &target.backend_name(), &query, None, Some(&body)).await?
        } else {
            let query = [("backendId", target.backend().as_str())];
            match self.change(Method::POST, &parent, &query, None, Some(&body)).await {
                // Another Pointsman process created it first.
                Err(error) if error.reason == HostingReason::AlreadyExists => return Ok(()),
                other => other?,
            }
        };
        self.wait_for(&operation).await.map(|_| ())
    }

    pub(super) async fn prepare_backend(&self, member: &Member) -> Result<(), HostingError> {
        if self.api.kind == Kind::Emulator {
            return self.make_backend(member).await;
        }
        let target = &member.target;
        let name = target.backend_name();
        match self.maybe(&name).await? {
            Some(backend) if backend["name"] == name => wire::of_environment(&backend, target),
            Some(_) => Err(lasting(Problem::new(format!("{name} answers as another backend")))),
            None => Err(lasting(
                Problem::coded(Code::NO_BACKEND, format!("there is no backend {name}"))
                    .try_this("make it with: firebase apphosting:backends:create"),
            )),
        }
    }

    /// The account that a backend's builds run as, which reads their secrets.
    pub(super) async fn service_account(&self, target: &Target) -> Result<String, HostingError> {
        let backend = self.get(&target.backend_name()).await?;
        let named = backend["serviceAccount"].as_str().filter(|account| !account.is_empty());
        // The account that App Hosting makes and uses unless another one is named.
        Ok(named.map_or_else(
            || format!("firebase-app-hosting-compute@{}.iam.gserviceaccount.com", target.project()),
            str::to_owned,
        ))
    }
}
