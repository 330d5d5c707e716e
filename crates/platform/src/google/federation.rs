//! `type: external_account`: exchanges a token of another provider, such as GitHub, for one of Google's.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::credential_source::impersonated;
use super::exchange::Exchange;
use super::{Fresh, NoToken, SCOPE};
use pointsman_core::error::Problem;

/// The fields of the file that Pointsman uses.
#[derive(Deserialize)]
pub(super) struct Federation {
    audience: String,
    subject_token_type: String,
    token_url: String,
    #[serde(default)]
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    pub(super) quota_project_id: Option<String>,
    credential_source: Source,
}

/// The source of the subject token.
#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, SecretString>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    subject_token_field_name: Option<String>,
}

impl Federation {
    /// The identity that Google sees: the impersonated service account, or else the audience.
    pub(super) fn whom(&self) -> String {
        match &self.service_account_impersonation_url {
            Some(url) => impersonated(url).to_owned(),
            None => self.audience.clone(),
        }
    }

    pub(super) async fn fetch(&self, exchange: &Exchange) -> Result<Fresh, NoToken> {
        let subject = self.subject(exchange).await?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", &self.audience),
            ("scope", SCOPE),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", subject.expose_secret()),
            ("subject_token_type", &self.subject_token_type),
        ];
        let todo = "see that the identity pool trusts this workflow, and that its token is fresh";
        let federated = exchange.post(&self.token_url, &form, todo).await?;
        match &self.service_account_impersonation_url {
            Some(url) => exchange.impersonate(url, &federated.token).await,
            None => Ok(federated),
        }
    }

    /// Reads the token to exchange. Reads it every time, because the file is replaced while a job runs.
    async fn subject(&self, exchange: &Exchange) -> Result<SecretString, NoToken> {
        let source = &self.credential_source;
        let text = match (&source.file, &source.url) {
            (Some(file), _) => std::fs::read_to_string(file).map_err(|e| {
                NoToken::lasting(
                    Problem::new(format!(
                        "{file}, which holds the token to exchange, cannot be read"
                    ))
                    .because(e.to_string()),
                )
            })?,
            (None, Some(url)) => exchange.subject(url, &source.headers).await?,
            (None, None) => {
                return Err(NoToken::lasting(
                    Problem::new(
                        "the token to exchange comes from where this version does not look",
                    )
                    .because("credential_source names neither a file nor a url")
                    .try_this("gcloud auth login --cred-file=FILE; then gcloud gives the token"),
                ));
            }
        };
        let named = source.format.subject_token_field_name.as_deref();
        if source.format.kind.as_deref() != Some("json") {
            return Ok(SecretString::from(text.trim().to_owned()));
        }
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let name = named.unwrap_or("access_token");
        json[name].as_str().map(|token| SecretString::from(token.to_owned())).ok_or_else(|| {
            let what = format!("what holds the token to exchange has no {name:?}");
            NoToken::lasting(Problem::new(what))
        })
    }
}
