//! One policy for every HTTP client: the environment's proxies except for this machine, no redirect followed, our
//! name as the user agent, a limit for every time and size.

use std::time::Duration;

use reqwest::redirect::Policy;

use super::proxy::Proxies;
use pointsman_core::error::Problem;

/// Makes the client. Fails only where the machine cannot make TLS at all.
pub fn client() -> Result<reqwest::Client, Problem> {
    client_within(Duration::from_mins(1))
}

/// The same, for requests that take no longer than that.
pub fn client_within(timeout: Duration) -> Result<reqwest::Client, Problem> {
    // A second installation is refused, which is as good as the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Proxies::of_environment()
        .given(reqwest::Client::builder())
        // What is meant, or signed, for one address is not handed to another.
        .redirect(Policy::none())
        .user_agent(concat!("pointsman/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(3).min(timeout))
        .timeout(timeout)
        .build()
        .map_err(|e| Problem::new("no HTTP client can be made").because(chain(&e)))
}

/// An error with all its causes, without the address, which may hold a secret.
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

/// No answer of an API that we ask is longer.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The reason why a body was not read.
#[derive(Debug)]
pub enum BodyError {
    Lost(reqwest::Error),
    /// It is longer than [`MOST_BYTES`].
    TooLarge,
}

impl BodyError {
    /// As an error of the caller's.
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

/// The body of an answer as text, never more of it in memory than [`MOST_BYTES`].
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
