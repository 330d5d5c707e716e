//! Whose right a call carries.

use std::sync::Arc;

use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};

use super::google::{Credentials, NoToken};

/// The value of `Authorization`.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A token that stays as it is: the emulator's, or of an address on this machine.
    Fixed(SecretString),
    /// Google's, refreshed before it expires.
    Google(Arc<Credentials>),
}

/// The reason why a call has no answer.
#[derive(Debug)]
pub enum Unsent {
    /// There is no token to send it with.
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
        // Addresses may hold secrets.
        Self::Lost(error.without_url())
    }
}

impl Auth {
    /// Sends a request; if its token is rejected, once more with a new one. A token may expire, or be
    /// revoked, in the middle of a run, and a rejected call had no effect.
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

    /// The token of now.
    async fn token(&self) -> Result<SecretString, NoToken> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::Google(credentials) => credentials.token().await,
        }
    }

    /// Puts a token into a request.
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

    /// The server rejected a token. Returns whether there may be a better one.
    async fn refused(&self, used: &SecretString) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Google(credentials) => credentials.refused(used).await,
        }
    }
}
