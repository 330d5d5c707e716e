//! Calls of App Hosting's API: paths, pages and request ids.

use reqwest::Method;
use serde_json::Value;

use super::AppHosting;
use crate::google_api::wire::{endless, next_page, whole};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::project::Target;

/// Maximum pages of a list. No backend has more.
const MOST_PAGES: usize = 100;

impl AppHosting {
    pub(super) async fn get(&self, name: &str) -> Result<Value, HostingError> {
        self.get_with(name, &[]).await
    }

    pub(super) async fn get_with(
        &self,
        name: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, HostingError> {
        let url = format!("{}/v1/{name}", self.api.base);
        self.api.fetch(GoogleApi::AppHosting, (Method::GET, &url), query, None).await
    }

    /// All resources of a kind in a backend, from all pages.
    pub(super) async fn list(
        &self,
        target: &Target,
        of: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<Value>, HostingError> {
        let (path, key) = (format!("{}/{of}s", target.backend_name()), format!("{of}s"));
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..MOST_PAGES {
            let mut query = query.to_vec();
            query.extend([("pageSize", "100"), ("pageToken", token.as_str())]);
            let page = self.get_with(&path, &query).await?;
            whole(GoogleApi::AppHosting, &page, of)?;
            all.extend(page[key.as_str()].as_array().into_iter().flatten().cloned());
            match next_page(&page) {
                // Following the same token again would never end.
                Some(next) if next == token => break,
                Some(next) => next.clone_into(&mut token),
                None => return Ok(all),
            }
        }
        Err(endless(GoogleApi::AppHosting, of))
    }

    /// Reads a resource that may not exist.
    pub(super) async fn maybe(&self, name: &str) -> Result<Option<Value>, HostingError> {
        self.api.maybe(GoogleApi::AppHosting, &format!("{}/v1/{name}", self.api.base)).await
    }

    /// Sends a change. Without a request id from the caller, generates one that all retries share.
    pub(super) async fn change(
        &self,
        method: Method,
        name: &str,
        query: &[(&str, &str)],
        request_id: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, HostingError> {
        let fresh = uuid::Uuid::new_v4().to_string();
        let mut query = query.to_vec();
        query.push(("requestId", request_id.unwrap_or(&fresh)));
        let url = format!("{}/v1/{name}", self.api.base);
        self.api.fetch(GoogleApi::AppHosting, (method, &url), &query, body).await
    }

    /// Waits until an operation finishes, and returns its response.
    pub(super) async fn wait_for(&self, operation: &Value) -> Result<Value, HostingError> {
        let at = format!("{}/v1", self.api.base);
        self.api.wait_for(GoogleApi::AppHosting, &at, operation).await
    }
}
