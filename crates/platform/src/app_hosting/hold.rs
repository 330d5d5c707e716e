//! Automatic rollouts: disabled while a run needs that, and restored.

use reqwest::Method;
use serde_json::{Value, json};

use super::{AppHosting, wire};
use crate::google_api::wire::unreadable;
use pointsman_core::error::Problem;
use pointsman_core::ports::hosting::{Automatic, HostingError};
use pointsman_core::project::Target;
use pointsman_core::step::Failure;

impl AppHosting {
    /// Disables or restores automatic rollouts. Sends no etag: the mask covers only the policy and the annotation,
    /// and a run owns both while it lasts.
    pub(super) async fn hold(
        &self,
        target: &Target,
        policy: &str,
        hold: bool,
    ) -> Result<(), HostingError> {
        let name = format!("{}/traffic", target.backend_name());
        let mut wanted: Value =
            serde_json::from_str(policy).map_err(|_| unreadable("a rollout policy"))?;
        let mut annotations = self.get(&name).await?["annotations"].clone();
        if !annotations.is_object() {
            annotations = json!({});
        }
        if hold {
            wanted["disabled"] = json!(true);
            annotations[wire::HELD] = json!(policy);
        } else if let Some(annotations) = annotations.as_object_mut() {
            annotations.remove(wire::HELD);
        }
        let body = json!({"name": name, "rolloutPolicy": wanted, "annotations": annotations});
        let query = [("updateMask", "rolloutPolicy,annotations")];
        let operation = self.change(Method::PATCH, &name, &query, None, Some(&body)).await?;
        self.wait_for(&operation).await?;
        // Read back: a held policy is off and has the annotation; a released one is on.
        match self.traffic_now(target).await?.automatic {
            Automatic::Held { .. } if hold => return Ok(()),
            Automatic::On { .. } if !hold => return Ok(()),
            _ => {}
        }
        let what = format!("automatic rollouts of {} are not as they were set", target.service());
        Err(HostingError::new(Problem::new(what), Failure::Inconclusive))
    }
}
