//! Credentials attached to outgoing requests.

use std::sync::Arc;

use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::google::{Credentials, NoToken};

/// The source of the `Authorization` header.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A fixed token, for the emulator or another address on this machine.
    Fixed(SecretString),
    /// Google credentials, whose token is refreshed before it expires.
    Google(Arc<Credentials>),
}

/// Why a request has no response.
#[derive(Debug)]
pub enum Unsent {
    /// No token is available.
    NoToken(NoToken),
    Lost(reqwest::Error),
}

impl From<NoToken> for Unsent {
    fn from(no: NoToken) -> Self {
        Self::NoToken(no)
    }
}

impl From<reqwest::Error> for Unsent {
    fn from(error: reqwest::Error) -> Self {
        // URLs may contain secrets.
        Self::Lost(error.without_url())
    }
}

impl Auth {
    /// Sends a request. If the server rejects the token, sends it once more with a new one: a token may expire or
    /// be revoked in the middle of a run, and a rejected request had no effect.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Unsent> {
        let (again, token) = (request.try_clone(), self.token().await?);
        let response = self.sign(request, &token).send().await?;
        let Some(again) = again.filter(|_| response.status() == StatusCode::UNAUTHORIZED) else {
            return Ok(response);
        };
        if !self.refused(&token).await {
            return Ok(response);
        }
        let token = self.token().await?;
        Ok(self.sign(again, &token).send().await?)
    }

    async fn token(&self) -> Result<SecretString, NoToken> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::Google(credentials) => credentials.token().await,
        }
    }

    /// Adds the token, and the quota project of Google credentials.
    fn sign(&self, request: RequestBuilder, token: &SecretString) -> RequestBuilder {
        let request = request.bearer_auth(token.expose_secret());
        match self {
            Self::Google(credentials) => match credentials.quota_project() {
                Some(project) => request.header("x-goog-user-project", project),
                None => request,
            },
            Self::Fixed(_) => request,
        }
    }

    /// Reports that the server rejected a token. Returns whether a better one may be available.
    async fn refused(&self, used: &SecretString) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Google(credentials) => credentials.refused(used).await,
        }
    }
}
