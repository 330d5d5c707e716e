//! Standard Webhooks 1.0.0: each message keeps its id across retries, and its signature covers the exact bytes sent
//! (`docs/internals/notifications.md`).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::Sha256;

use super::{address, lost, refused, retry_after, variable};
use pointsman_core::alert::Alert;
use pointsman_core::ports::outbox::{Delivery, DeliveryResult};
use pointsman_core::time::Timestamp;

pub(super) async fn send(
    client: &Client,
    url: &str,
    secret_env: Option<&str>,
    letter: &Delivery,
    now: Timestamp,
) -> Result<DeliveryResult, DeliveryResult> {
    let url = match url.strip_prefix('$') {
        Some(name) => address(&variable(name)?)?,
        None => address(url)?,
    };
    let (id, seconds, body) = (letter.alert.id(), now.as_second(), body(&letter.alert));
    let mut request = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", seconds);
    if let Some(name) = secret_env {
        let secret = SecretString::from(variable(name)?);
        let signature = signature(&secret, &id, seconds, &body)
            .ok_or_else(|| DeliveryResult::Refused(format!("${name} is no whsec_ secret")))?;
        request = request.header("webhook-signature", signature);
    }
    let response = request.body(body).send().await.map_err(lost)?;
    if response.status().is_success() {
        return Ok(DeliveryResult::Taken);
    }
    Ok(answered(response.status(), retry_after(&response)))
}

/// Classifies an error response. 410 means that the receiver is gone for good; the receiver may fix other errors,
/// so they are retried on schedule.
fn answered(status: StatusCode, after: Option<Duration>) -> DeliveryResult {
    match status {
        // The other codes reject the message itself: a retry would block all later messages of the channel.
        StatusCode::GONE
        | StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => refused(status, after, ""),
        status => DeliveryResult::Later(format!("HTTP {}", status.as_u16()), after),
    }
}

fn body(alert: &Alert) -> String {
    json!({
        "type": alert.kind.event_type(),
        "timestamp": alert.at,
        "data": {
            "environment": alert.environment, "run": alert.run, "release": alert.release,
            "actor": alert.actor, "text": alert.text, "why": alert.why, "now": alert.now,
        },
    })
    .to_string()
}

/// `v1,` and the base64 of HMAC-SHA256 over id, time and body. `None` if the secret is invalid.
fn signature(secret: &SecretString, id: &str, seconds: i64, body: &str) -> Option<String> {
    let secret = secret.expose_secret();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok().filter(|_| !key.is_empty())?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_410_disables_a_webhook() {
        for status in [301, 302, 401, 403, 404, 409, 429, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(answered(status, None), DeliveryResult::Later(..)), "{status}");
        }
        for status in [400, 410, 413, 415, 422] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(answered(status, None), DeliveryResult::Refused(_)), "{status}");
        }
    }

    /// Vectors made with the Python package `standardwebhooks`.
    #[test]
    fn signatures_match_official_vectors() {
        let deploy = r#"{"type":"deploy.succeeded","timestamp":"2026-01-02T03:04:05.000000Z","data":{"deployment":"d-1","project":"toto-f9d2f","backend":"toto-app"}}"#;
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        for (id, seconds, body, wanted) in [
            ("msg_1", 1_767_323_045, deploy, "v1,LTXUdtOYGWDC98C/cvtszO2zEAEFFgkDFMSicsar8xk="),
            (
                "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
                1_674_087_231,
                deploy,
                "v1,phDjfnRp6G1XUkedRN9G9oYy0mHX7SsC3OlmCCJXcfI=",
            ),
            ("msg_1", 1_767_323_045, "{}", "v1,mLIZyEHGZVGP4ApB7jqxLgTlUu2bL0PeTtIdsaZijQ0="),
            (
                "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
                1_674_087_231,
                "{}",
                "v1,rcpBa+uqw5WL+G0DU5e4dDSt1QgPauDHf/q0gAOvPao=",
            ),
        ] {
            assert_eq!(signature(&secret, id, seconds, body).as_deref(), Some(wanted));
        }
        assert_eq!(signature(&SecretString::from("whsec_"), "x", 1, ""), None);
        assert_eq!(signature(&SecretString::from("not base64!"), "x", 1, ""), None);
    }
}
