//! What decides whether a tag of a Cloud Run service gives an address that can be asked.

use reqwest::Method;
use serde_json::Value;

use super::Client;
use super::wire::last_part;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::hosting::HostingError;

/// Maximum length of a DNS label.
const LONGEST_LABEL: usize = 63;
/// What Cloud Run adds to a label `TAG---SERVICE`: a hash and a region, such as `-abcdefghij-uc`.
const LABEL_END: usize = 14;

impl Client {
    /// Why a tag of a service would have no address that this machine can ask without credentials. `None`: it has one.
    pub(crate) async fn unreachable_by_tag(
        &self,
        url: &str,
        service: &Value,
        tag: &str,
    ) -> Result<Option<String>, HostingError> {
        let name = last_part(&service["name"]);
        if tag.len() + 3 + name.len() + LABEL_END > LONGEST_LABEL {
            return Ok(Some(format!("{name} is too long for a preview address")));
        }
        let ingress = service["ingress"].as_str().unwrap_or("INGRESS_TRAFFIC_ALL");
        if ingress != "INGRESS_TRAFFIC_ALL" {
            return Ok(Some(format!("its ingress is {ingress}")));
        }
        if service["defaultUriDisabled"] == true {
            return Ok(Some("its run.app addresses are disabled".to_owned()));
        }
        if service["invokerIamDisabled"] == true {
            return Ok(None);
        }
        let url = format!("{url}:getIamPolicy");
        let policy = self.fetch(GoogleApi::CloudRun, (Method::GET, &url), &[], None).await?;
        let mut bindings = policy["bindings"].as_array().into_iter().flatten();
        let open = bindings.any(|binding| {
            let mut members = binding["members"].as_array().into_iter().flatten();
            binding["role"] == "roles/run.invoker" && members.any(|member| member == "allUsers")
        });
        Ok((!open).then(|| "it may be called by no anonymous client".to_owned()))
    }
}
