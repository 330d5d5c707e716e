//! One policy for all HTTP clients: use the environment's proxies except for this machine, follow no redirects,
//! send Pointsman's name as the user agent, and limit every duration and size.

use std::time::Duration;

use reqwest::redirect::Policy;

use super::proxy::Proxies;
use pointsman_core::error::Problem;

/// Creates a client with a timeout of one minute. Fails only if this machine cannot use TLS at all.
pub fn client() -> Result<reqwest::Client, Problem> {
    client_within(Duration::from_mins(1))
}

/// Creates a client with the given timeout per request.
pub fn client_within(timeout: Duration) -> Result<reqwest::Client, Problem> {
    Proxies::of_environment()
        .given(reqwest::Client::builder())
        .tls_backend_preconfigured(super::tls::config()?)
        // A request meant or signed for one address must not go to another.
        .redirect(Policy::none())
        .user_agent(concat!("pointsman/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(3).min(timeout))
        .timeout(timeout)
        .build()
        .map_err(|e| Problem::new("no HTTP client can be made").because(chain(&e)))
}

/// An error with all its causes. Callers first remove the URL, which may contain a secret.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

/// Maximum size of a response, in bytes. No API that we call sends a longer one.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    Lost(reqwest::Error),
    /// It is longer than [`MOST_BYTES`].
    TooLarge,
}

impl BodyError {
    /// Converts this to an error of the caller.
    pub fn either<E>(
        self,
        lost: impl FnOnce(reqwest::Error) -> E,
        too_large: impl FnOnce(String) -> E,
    ) -> E {
        match self {
            Self::Lost(error) => lost(error),
            Self::TooLarge => {
                too_large(format!("an answer of more than {} MB", MOST_BYTES / 1024 / 1024))
            }
        }
    }
}

/// Reads the body of a response as text. Never holds more than [`MOST_BYTES`] in memory.
pub async fn text(mut response: reqwest::Response) -> Result<String, BodyError> {
    let mut all = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Lost)? {
        if all.len() + chunk.len() > MOST_BYTES {
            return Err(BodyError::TooLarge);
        }
        all.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}
