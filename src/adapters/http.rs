//! One policy for every HTTP client: no proxy from the environment, no redirect followed, a name of
//! our own, everything bounded in time.

use std::time::Duration;

use reqwest::redirect::Policy;

use crate::domain::error::Problem;

/// Makes the client. Fails only where the machine cannot make TLS at all.
pub fn client() -> Result<reqwest::Client, Problem> {
    // A second installation is refused, which is as good as the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        // `http_proxy` would send questions about localhost elsewhere (stack.md §2.3).
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(concat!("pointsman/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_mins(1))
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
