//! Moves traffic by a rollout, and follows it to its end.

#![expect(clippy::disallowed_methods, reason = "poll of a real server")]

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{AppHosting, wire};
use crate::google_api::wire::accepted;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::{
    Hosting as _, HostingError, HostingReason, NewRollout, Traffic,
};
use pointsman_core::project::Target;

/// Time after which a queued rollout counts as stuck behind another one; traffic is then set directly.
const STUCK_AFTER: Duration = Duration::from_mins(5);
/// Polls after which traffic that does not follow a SUCCEEDED rollout is reported.
const READS_AFTER_SUCCESS: u32 = 100;
/// Timeout for a new rollout to become visible.
const VISIBLE_WITHIN: Duration = Duration::from_mins(2);

impl AppHosting {
    pub(super) async fn switch(
        &self,
        target: &Target,
        new: &NewRollout,
    ) -> Result<Traffic, HostingError> {
        let build = target.build_name(&new.build);
        let parent = format!("{}/rollouts", target.backend_name());
        let query = [("rolloutId", new.id.as_str())];
        let body = json!({"build": build});
        let sent =
            self.change(Method::POST, &parent, &query, Some(&new.request_id), Some(&body)).await;
        match sent {
            Err(error) if error.reason == HostingReason::AlreadyExists => {}
            other => accepted(GoogleApi::AppHosting, &other?)?,
        }
        self.follow(target, new, &format!("{parent}/{}", new.id)).await
    }

    /// Polls a rollout until traffic has moved, or until it is certain that it will not.
    async fn follow(
        &self,
        target: &Target,
        new: &NewRollout,
        rollout: &str,
    ) -> Result<Traffic, HostingError> {
        let (mut looks, mut succeeded, mut waited) = (0, 0, Duration::ZERO);
        let mut direct = false;
        loop {
            let state = match self.maybe(rollout).await? {
                Some(state) => state,
                // A new resource may not be visible immediately (F15).
                None if waited < VISIBLE_WITHIN => Value::Null,
                None => return Err(wire::invisible(&new.id)),
            };
            let word = state["state"].as_str().unwrap_or_default().to_owned();
            let traffic = self.traffic_now(target).await?;
            if traffic.whole() == Some(&new.build)
                && !traffic.moving
                && (word == "SUCCEEDED" || direct)
            {
                return Ok(traffic);
            }
            match word.as_str() {
                "FAILED" | "CANCELLED" | "SKIPPED" => {
                    return Err(wire::rollout_failed(&new.id, &word, &state));
                }
                "PAUSED" => return Err(wire::rollout_paused(&new.id)),
                "SUCCEEDED" => succeeded += 1,
                _ => {}
            }
            if succeeded > READS_AFTER_SUCCESS {
                return Err(wire::traffic_unmoved(new, &traffic));
            }
            if !direct && word == "QUEUED" && waited > STUCK_AFTER {
                direct = true;
                self.set_target(target, &new.build).await?;
            }
            looks += 1;
            let wait = self.poll_after(looks);
            waited += wait;
            tokio::time::sleep(wait).await;
        }
    }

    /// Sets traffic directly, for when a rollout is stuck. Replaces the rollout policy.
    async fn set_target(&self, target: &Target, build: &BuildId) -> Result<(), HostingError> {
        let name = format!("{}/traffic", target.backend_name());
        let splits = json!([{"build": target.build_name(build), "percent": 100}]);
        let body = json!({"name": name, "target": {"splits": splits}});
        let query = [("updateMask", "target")];
        self.change(Method::PATCH, &name, &query, None, Some(&body)).await.map(|_| ())
    }
}
