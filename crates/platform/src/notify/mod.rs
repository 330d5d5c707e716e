//! Delivers alerts to Slack and to Standard Webhooks receivers.

#![expect(
    clippy::disallowed_methods,
    reason = "secrets of channels come from the variables that the config names"
)]

mod slack;
mod webhook;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};

use crate::github::deployments::Deployments;
use crate::http::client_within;
use pointsman_core::alert::Channel;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::outbox::{Delivery, DeliveryResult, Notifier};
use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;

/// Timeout of a delivery; Standard Webhooks gives a receiver 15 to 30 s.
const DELIVER_WITHIN: Duration = Duration::from_secs(15);
/// Maximum delay of a retry, whatever delay the receiver requests.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Delivers alerts over HTTP.
pub struct Channels {
    /// Created for the first delivery: reading the machine's certificates takes longer than drawing a first frame.
    client: OnceLock<Result<Client, String>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carrier")
    }
}

impl Channels {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { client: OnceLock::new(), clock }
    }

    fn client(&self) -> Result<&Client, DeliveryResult> {
        let client = self.client.get_or_init(Self::make);
        client.as_ref().map_err(|why| DeliveryResult::Later(why.clone(), None))
    }

    fn make() -> Result<Client, String> {
        client_within(DELIVER_WITHIN).map_err(|problem| problem.to_string())
    }

    async fn carry(&self, letter: &Delivery) -> Result<DeliveryResult, DeliveryResult> {
        let client = self.client()?;
        match &letter.channel {
            Channel::Slack { url_env } => slack::send(client, url_env, letter).await,
            Channel::Webhook { url, secret_env } => {
                let now = self.clock.now();
                webhook::send(client, url, secret_env.as_deref(), letter, now).await
            }
            Channel::Github(of) => {
                let refused = || DeliveryResult::Refused("it is about no deployment".to_owned());
                let report = letter.alert.deployment.as_deref().ok_or_else(refused)?;
                if let Some(api) = &of.api {
                    address(api)?;
                }
                let token = variable(&of.token_env)?.into();
                let deployments = Deployments { client, of, token };
                // Several requests in the time of one: a claim in the outbox lasts little longer.
                tokio::time::timeout(DELIVER_WITHIN, deployments.tell(&letter.alert, report))
                    .await
                    .unwrap_or_else(|_| {
                        Err(DeliveryResult::Later("no answer in time".to_owned(), None))
                    })
            }
        }
    }
}

impl Notifier for Channels {
    fn deliver<'a>(&'a self, letter: &'a Delivery) -> BoxFuture<'a, DeliveryResult> {
        Box::pin(async move { self.carry(letter).await.unwrap_or_else(|delivery| delivery) })
    }
}

/// Reads a variable of this process. If it is not set, another process may deliver.
fn variable(name: &str) -> Result<String, DeliveryResult> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| DeliveryResult::NotConfigured(format!("${name} is not set here")))
}

/// Accepts a URL that a secret may be sent to: over TLS, or on this machine.
fn address(text: &str) -> Result<Url, DeliveryResult> {
    // Do not quote the URL: it may be the secret.
    let url = Url::parse(text)
        .map_err(|e| DeliveryResult::Refused(format!("its address is none: {e}")))?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && here) {
        return Ok(url);
    }
    Err(DeliveryResult::Refused("its address is not https".to_owned()))
}

/// Converts a network error, without its URL.
pub(crate) fn lost(error: reqwest::Error) -> DeliveryResult {
    let error = error.without_url();
    let why = if error.is_timeout() {
        format!("no answer within {} s", DELIVER_WITHIN.as_secs())
    } else {
        let deepest =
            std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        deepest.last().map_or_else(String::new, ToString::to_string)
    };
    DeliveryResult::Later(redacted(&why), None)
}

/// Classifies a receiver's error response: retry later, or never (`docs/internals/notifications.md`).
pub(crate) fn refused(status: StatusCode, after: Option<Duration>, said: &str) -> DeliveryResult {
    let said = harmless(said.trim(), 60);
    let why = redacted(format!("HTTP {} {said}", status.as_u16()).trim_end());
    let passing = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT;
    if passing { DeliveryResult::Later(why, after) } else { DeliveryResult::Refused(why) }
}

/// `Retry-After` in seconds. Ignores a date: the delivery's own retry schedule applies then.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?;
    Some(Duration::from_secs(value.trim().parse().ok()?).min(LONGEST_RETRY_AFTER))
}
