//! Whose right a call carries.

use std::sync::Arc;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};

use super::google::{Credentials, NoToken};

/// What goes into `Authorization`.
#[derive(Debug, Clone)]
pub enum Bearer {
    /// A token that stays as it is: the emulator's, or of an address on this machine.
    Fixed(SecretString),
    /// Google's, fetched anew before it ends.
    Google(Arc<Credentials>),
}

impl Bearer {
    /// Puts it into a request.
    pub async fn sign(&self, request: RequestBuilder) -> Result<RequestBuilder, NoToken> {
        let credentials = match self {
            Self::Fixed(token) => return Ok(request.bearer_auth(token.expose_secret())),
            Self::Google(credentials) => credentials,
        };
        let request = request.bearer_auth(credentials.token().await?.expose_secret());
        Ok(match credentials.quota_project() {
            Some(project) => request.header("x-goog-user-project", project),
            None => request,
        })
    }

    /// Somebody answered that they do not know it. Whether there may be a better one.
    pub async fn refused(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Google(credentials) => credentials.refused().await,
        }
    }
}
