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
    /// The token of now.
    pub async fn token(&self) -> Result<SecretString, NoToken> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::Google(credentials) => credentials.token().await,
        }
    }

    /// Puts a token into a request.
    pub fn sign(&self, request: RequestBuilder, token: &SecretString) -> RequestBuilder {
        let request = request.bearer_auth(token.expose_secret());
        match self {
            Self::Google(credentials) => match credentials.quota_project() {
                Some(project) => request.header("x-goog-user-project", project),
                None => request,
            },
            Self::Fixed(_) => request,
        }
    }

    /// Somebody answered that they do not know a token. Whether there may be a better one.
    pub async fn refused(&self, used: &SecretString) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Google(credentials) => credentials.refused(used).await,
        }
    }
}
