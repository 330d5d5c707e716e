//! Uploads a local folder for Google to build: packs it, and puts it into the bucket that the firebase CLI uses too
//! (`docs/internals/app-hosting.md`, Sources). The object is named after the build, so a retry writes the same
//! object.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::AppHosting;
use crate::auth::Unsent;
use crate::google_api::wire::lasting;
use crate::http::{self, chain};
use pointsman_core::error::Problem;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::project::Target;
use pointsman_core::step::Failure;
use pointsman_source::{self as source, Rules};

/// Maximum archive size, in bytes: the limit that Google sets for its own CLI.
const MOST_ARCHIVE_BYTES: usize = 123_289_600;
/// Timeout of an upload: an archive of the maximum size takes a while.
const UPLOAD_WITHIN: Duration = Duration::from_mins(10);

impl AppHosting {
    /// Uploads a folder for a build, unless this client has done so, and returns its address.
    pub(super) async fn upload_once(
        &self,
        target: &Target,
        id: &BuildId,
        folder: &Path,
    ) -> Result<String, HostingError> {
        let mut uploaded = self.uploaded.lock().await;
        if let Some(address) = uploaded.get(id) {
            return Ok(address.clone());
        }
        let address = self.upload(target, id, folder).await?;
        uploaded.insert(id.clone(), address.clone());
        Ok(address)
    }

    /// Uploads a folder for a build, and returns its address: `gs://…`.
    pub(super) async fn upload(
        &self,
        target: &Target,
        id: &BuildId,
        folder: &Path,
    ) -> Result<String, HostingError> {
        let archive = pack(folder, self.state.as_deref()).await?;
        let bucket = self.bucket(target).await?;
        let object = format!("{}--{id}.tar.gz", target.backend());
        let url = format!("{}/{bucket}/{object}", self.api.origins.storage);
        let put = self.api.http.put(url).timeout(UPLOAD_WITHIN).body(archive);
        let put = put
            .header("content-type", "application/gzip")
            .header("x-goog-content-length-range", format!("0,{MOST_ARCHIVE_BYTES}"));
        match self.asked(put, "put the source into Cloud Storage").await? {
            (status, _) if status.is_success() => Ok(format!("gs://{bucket}/{object}")),
            (status, json) => Err(refused("put the source into Cloud Storage", status, &json)),
        }
    }

    /// The bucket for the project's sources in the target's region. Creates it if it does not exist.
    async fn bucket(&self, target: &Target) -> Result<String, HostingError> {
        let what = "find the project's number";
        let url = format!("{}/v1/projects/{}", self.api.origins.projects, target.project());
        let (status, json) = self.asked(self.api.http.get(url), what).await?;
        let number = json["projectNumber"].as_str().filter(|_| status.is_success());
        let number = number.ok_or_else(|| refused(what, status, &json))?;
        let name = format!("firebaseapphosting-sources-{number}-{}", target.location());
        let what = "find the bucket of its sources";
        let buckets = format!("{}/storage/v1/b", self.api.origins.storage);
        let (status, json) =
            self.asked(self.api.http.get(format!("{buckets}/{name}")), what).await?;
        match status {
            status if status.is_success() => return Ok(name),
            StatusCode::NOT_FOUND => {}
            status => return Err(refused(what, status, &json)),
        }
        let rule = json!({"action": {"type": "Delete"}, "condition": {"age": 30}});
        let label = format!("apphosting-source-{}", target.location());
        let bucket = json!({
            "name": name, "location": target.location(), "lifecycle": {"rule": [rule]}, "labels": {label: "true"},
        });
        let query = [
            ("project", target.project().as_str()),
            ("predefinedAcl", "projectPrivate"),
            ("predefinedDefaultObjectAcl", "projectPrivate"),
        ];
        let make = self.api.http.request(Method::POST, buckets).query(&query).json(&bucket);
        match self.asked(make, "make the bucket of its sources").await? {
            (status, _) if status.is_success() || status == StatusCode::CONFLICT => Ok(name),
            (status, json) => Err(refused("make the bucket of its sources", status, &json)),
        }
    }

    async fn asked(
        &self,
        request: RequestBuilder,
        what: &str,
    ) -> Result<(StatusCode, Value), HostingError> {
        let passing = |why: String| {
            let problem = Problem::new(format!("no answer to the request to {what}")).because(why);
            HostingError::new(problem, Failure::Passing)
        };
        let lost = |e: reqwest::Error| passing(chain(&e.without_url()));
        let response = self.api.bearer.send(request).await.map_err(|unsent| match unsent {
            Unsent::NoToken(no) => no.into(),
            Unsent::Lost(error) => lost(error),
        })?;
        let status = response.status();
        let text = http::text(response).await.map_err(|e| e.either(lost, passing))?;
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }
}

fn refused(what: &str, status: StatusCode, json: &Value) -> HostingError {
    let said = json["error"]["message"].as_str().unwrap_or("no reason given");
    let problem = Problem::new(format!("it was not possible to {what}"));
    let problem = problem.because(format!("HTTP {}: {said}", status.as_u16()));
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let class = if passing { Failure::Passing } else { Failure::Lasting };
    HostingError::new(problem.try_this("ask for roles/storage.admin on that project"), class)
}

/// Packs the folder as `.tar.gz`, without files that no build needs and files that git ignores: as with a commit, a
/// `.env.local` with a password does not leave this machine.
async fn pack(folder: &Path, state: Option<&Path>) -> Result<Vec<u8>, HostingError> {
    let failed = |why: String| {
        let what = format!("{} cannot be packed", folder.display());
        lasting(Problem::new(what).because(why))
    };
    let (from, state) = (folder.to_owned(), state.map(Path::to_owned));
    let packing = tokio::task::spawn_blocking(move || {
        source::pack(
            &from,
            Rules { without_ignored: true, state: state.as_deref() },
            MOST_ARCHIVE_BYTES,
        )
    });
    let packed = packing.await.map_err(|e| failed(e.to_string()))?;
    packed.map_err(|error| failed(error.to_string()))
}
