//! Finds credentials in Google's order, and reads their files.

#![expect(
    clippy::disallowed_methods,
    reason = "Google's libraries find credentials by these variables"
)]

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secrecy::SecretString;
use serde::Deserialize;

use super::exchange::Exchange;
use super::federation::Federation;
use super::programs;
use super::{Fresh, NoToken};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;

/// The variable with an access token, which gcloud itself reads too.
const GIVEN: &str = "CLOUDSDK_AUTH_ACCESS_TOKEN";
const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The file of `gcloud auth application-default login`, in gcloud's settings folder.
const OF_THE_USER: &str = "application_default_credentials.json";

/// Where to search for credentials.
#[derive(Clone)]
pub struct Surroundings {
    pub variables: fn(&str) -> Option<String>,
    pub home: Option<PathBuf>,
    /// URL that exchanges a person's refresh token.
    pub token_endpoint: String,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Surroundings {
    /// The surroundings of this process.
    pub fn here() -> Self {
        Self {
            variables: |name| std::env::var(name).ok(),
            home: std::env::home_dir(),
            token_endpoint: super::TOKEN_ENDPOINT.to_owned(),
        }
    }

    /// gcloud's settings folder.
    fn gcloud_folder(&self) -> Option<PathBuf> {
        let set = self.var("CLOUDSDK_CONFIG").map(PathBuf::from);
        set.or_else(|| Some(self.home.as_ref()?.join(".config/gcloud")))
    }

    /// Modification times of the files that are searched. A result is valid until one of them changes.
    pub fn written(&self) -> Vec<Option<SystemTime>> {
        let folder = self.gcloud_folder();
        let files = [OF_THE_USER, "credentials.db", "active_config", "configurations"];
        let modified = |file: PathBuf| file.metadata().ok()?.modified().ok();
        let at = |name: &str| modified(folder.as_ref()?.join(name));
        let named = self.var(FILE).and_then(|file| modified(file.into()));
        files.into_iter().map(at).chain([named]).collect()
    }

    /// The value of a variable, unless it is empty.
    pub(super) fn var(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }
}

/// `type: service_account`.
#[derive(Deserialize)]
pub(super) struct ServiceAccount {
    pub(super) client_email: String,
    pub(super) private_key: SecretString,
    #[serde(default)]
    pub(super) private_key_id: Option<String>,
    #[serde(default = "default_endpoint")]
    pub(super) token_uri: String,
    #[serde(default)]
    quota_project_id: Option<String>,
}

fn default_endpoint() -> String {
    super::TOKEN_ENDPOINT.to_owned()
}

/// `type: authorized_user`.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) refresh_token: SecretString,
    #[serde(default)]
    quota_project_id: Option<String>,
    #[serde(default)]
    account: Option<String>,
}

/// `type: impersonated_service_account`: a person who acts as a service account.
#[derive(Deserialize)]
pub(super) struct Impersonation {
    pub(super) service_account_impersonation_url: String,
    pub(super) source_credentials: User,
    #[serde(default)]
    quota_project_id: Option<String>,
}

/// The supported types of credential files: the tags of [`Content`].
const KINDS: [&str; 4] =
    ["service_account", "authorized_user", "external_account", "impersonated_service_account"];

/// The content of a credentials file, by its `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content {
    ServiceAccount(ServiceAccount),
    AuthorizedUser(User),
    ExternalAccount(Federation),
    ImpersonatedServiceAccount(Impersonation),
}

pub(super) enum CredentialSource {
    Given(SecretString),
    File(PathBuf, Box<Content>),
    /// The machine's own service account, from Google's metadata server.
    Metadata {
        /// Host of the metadata server, with the port if there is one.
        host: String,
    },
    /// The account logged in with gcloud.
    Gcloud,
}

/// Finds credentials in the order of Google's libraries.
pub(super) async fn find(
    around: &Surroundings,
    exchange: &Exchange,
) -> Result<CredentialSource, Problem> {
    if let Some(token) = around.var(GIVEN) {
        return Ok(CredentialSource::Given(SecretString::from(token)));
    }
    if let Some(file) = around.var(FILE) {
        let content = read(Path::new(&file)).map_err(|problem| {
            problem.try_this(format!("fix it, or unset {FILE} to use other credentials"))
        })?;
        return Ok(CredentialSource::File(file.into(), Box::new(content)));
    }
    let folder = around.gcloud_folder();
    if let Some(file) = folder.map(|f| f.join(OF_THE_USER)).filter(|file| file.exists()) {
        let content = read(&file).map_err(|problem| {
            problem.try_this("write it again: gcloud auth application-default login")
        })?;
        return Ok(CredentialSource::File(file, Box::new(content)));
    }
    if around.var("NO_GCE_CHECK").is_none_or(|word| word != "true") {
        let host = around.var("GCE_METADATA_HOST");
        let host = host.unwrap_or_else(|| "metadata.google.internal".to_owned());
        if exchange.is_metadata(&host).await {
            return Ok(CredentialSource::Metadata { host });
        }
    }
    match programs::token().await {
        Ok(_) => Ok(CredentialSource::Gcloud),
        Err(why) => Err(nothing(around, &why)),
    }
}

fn nothing(around: &Surroundings, gcloud: &str) -> Problem {
    let mut looked = format!(
        "neither {GIVEN} nor {FILE} is set, gcloud's folder holds no {OF_THE_USER}, this machine is not \
         Google's, and gcloud has no account: {gcloud}"
    );
    if around.var("FIREBASE_TOKEN").is_some() {
        looked.push_str("; FIREBASE_TOKEN is set, which Google has deprecated, and is not used");
    }
    Problem::coded(Code::NO_CREDENTIALS, "there are no Google credentials").because(looked).try_this(format!(
        "gcloud auth application-default login; in CI: google-github-actions/auth, or {FILE}=KEY.json"
    ))
}

/// Reads a credentials file. Error messages never quote its content.
fn read(file: &Path) -> Result<Content, Problem> {
    let failed = |why: String| {
        Problem::coded(
            Code::NO_CREDENTIALS,
            format!("the credentials in {} cannot be used", file.display()),
        )
        .because(why)
    };
    let text = std::fs::read_to_string(file).map_err(|e| failed(e.to_string()))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|_| failed("it is no JSON".to_owned()))?;
    let kind = json["type"].as_str().unwrap_or_default().to_owned();
    if !KINDS.contains(&kind.as_str()) {
        return Err(failed(format!("its type is {kind:?}; known types: {}", KINDS.join(", "))));
    }
    serde_json::from_value(json).map_err(|error| {
        // Name a missing field, but drop other messages: they would quote a value.
        let why = match error.to_string().strip_prefix("missing field ") {
            Some(field) => format!("a {kind} needs {field}"),
            None => "it does not have the form of credentials".to_owned(),
        };
        failed(why)
    })
}

impl CredentialSource {
    pub(super) async fn fetch(&self, exchange: &Exchange) -> Result<Fresh, NoToken> {
        match self {
            Self::Given(token) => Ok(Fresh { token: token.clone(), lasts: None }),
            Self::Metadata { host } => exchange.metadata(host).await,
            Self::Gcloud => match programs::token().await {
                Ok(token) => Ok(Fresh { token, lasts: None }),
                Err(why) => Err(NoToken::lasting(
                    Problem::coded(Code::NO_CREDENTIALS, "gcloud gives no token")
                        .because(why)
                        .try_this("gcloud auth login"),
                )),
            },
            Self::File(_, content) => match content.as_ref() {
                Content::ServiceAccount(account) => exchange.service_account(account).await,
                Content::AuthorizedUser(user) => exchange.user(user).await,
                Content::ExternalAccount(federation) => federation.fetch(exchange).await,
                Content::ImpersonatedServiceAccount(person) => {
                    let own = exchange.user(&person.source_credentials).await?;
                    let url = &person.service_account_impersonation_url;
                    exchange.impersonate(url, &own.token).await
                }
            },
        }
    }

    pub(super) fn which(&self) -> String {
        let (what, file) = match self {
            Self::Given(_) => return format!("the token in {GIVEN}"),
            Self::Metadata { .. } => return "this machine's service account".to_owned(),
            Self::Gcloud => return "the account logged in with gcloud".to_owned(),
            Self::File(file, content) => match content.as_ref() {
                Content::ServiceAccount(_) => ("the service account key", file),
                Content::AuthorizedUser(_) => ("a person's own credentials in", file),
                Content::ExternalAccount(_) => ("the workload identity federation of", file),
                Content::ImpersonatedServiceAccount(_) => ("a person as a service account,", file),
            },
        };
        format!("{what} {}", file.display())
    }

    /// The account, as the credentials say it or else as Google says of their token.
    pub(super) async fn whom(&self, exchange: &Exchange, token: &SecretString) -> Option<String> {
        match self {
            Self::Given(_) => exchange.account_of(token).await,
            Self::Metadata { host } => exchange.metadata_email(host).await,
            Self::Gcloud => programs::account().await,
            Self::File(_, content) => match content.as_ref() {
                Content::ServiceAccount(account) => Some(account.client_email.clone()),
                // Google's word first: the file can be edited.
                Content::AuthorizedUser(user) => match exchange.account_of(token).await {
                    Some(account) => Some(account),
                    None => user.account.clone().filter(|account| !account.is_empty()),
                },
                Content::ExternalAccount(federation) => Some(federation.whom()),
                Content::ImpersonatedServiceAccount(person) => {
                    Some(impersonated(&person.service_account_impersonation_url).to_owned())
                }
            },
        }
    }

    pub(super) fn quota_project(&self) -> Option<String> {
        let Self::File(_, content) = self else { return None };
        match content.as_ref() {
            Content::ServiceAccount(account) => account.quota_project_id.clone(),
            Content::AuthorizedUser(user) => user.quota_project_id.clone(),
            Content::ExternalAccount(federation) => federation.quota_project_id.clone(),
            Content::ImpersonatedServiceAccount(person) => person
                .quota_project_id
                .clone()
                .or_else(|| person.source_credentials.quota_project_id.clone()),
        }
    }
}

/// The service account in a URL that ends with `…/serviceAccounts/EMAIL:generateAccessToken`.
pub(super) fn impersonated(url: &str) -> &str {
    let last = url.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}
