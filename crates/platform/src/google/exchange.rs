//! Requests for access tokens (`docs/internals/app-hosting.md`, Endpoint and credentials).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::credential_source::{ServiceAccount, User};
use super::{Fresh, NoToken, SCOPE};
use crate::http::{self, chain, client};
use crate::retry::retried;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::ports::clock::Clock;
use pointsman_core::redact::redacted;
use pointsman_core::retry::Backoff;
use pointsman_core::text::harmless;

/// Maximum attempts for transient failures.
const ATTEMPTS: u32 = 3;
const RETRY_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), most: Duration::from_secs(2) };
/// Timeout of a token request. The server answers immediately or not at all, and the actual request waits
/// meanwhile.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);
/// Timeout of the metadata server: outside Google, its name does not answer.
const METADATA_WITHIN: Duration = Duration::from_secs(1);
/// Lifetime of a service account's assertion: one hour, the maximum that Google accepts.
const JWT_SECONDS: i64 = 3600;

/// Sends requests for tokens, with retries.
pub(super) struct Exchange {
    client: reqwest::Client,
    token_endpoint: String,
    clock: Arc<dyn Clock>,
}

impl Exchange {
    pub(super) fn new(token_endpoint: String, clock: Arc<dyn Clock>) -> Result<Self, Problem> {
        Ok(Self { client: client()?, token_endpoint, clock })
    }

    /// Requests a token for a service account, with an assertion signed by its key.
    pub(super) async fn service_account(&self, key: &ServiceAccount) -> Result<Fresh, NoToken> {
        let issued = self.clock.now().as_second();
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": key.private_key_id});
        let claims = json!({
            "iss": key.client_email, "scope": SCOPE, "aud": key.token_uri, "iat": issued, "exp": issued + JWT_SECONDS,
        });
        let spelled = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", spelled(&header), spelled(&claims));
        let signature = sign(&key.private_key, signed.as_bytes()).map_err(|why| {
            let what = format!("the private key of {} cannot sign", key.client_email);
            NoToken::lasting(Problem::new(what).because(why).try_this("make a new key"))
        })?;
        let assertion = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
        ];
        let todo = "see that the key was not deleted and that this machine's clock is right";
        self.post(&key.token_uri, &form, todo).await
    }

    /// Requests a token for a person, with the refresh token.
    pub(super) async fn user(&self, user: &User) -> Result<Fresh, NoToken> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", user.client_id.as_str()),
            ("client_secret", user.client_secret.expose_secret()),
            ("refresh_token", user.refresh_token.expose_secret()),
        ];
        self.post(&self.token_endpoint, &form, "gcloud auth application-default login").await
    }

    /// Exchanges a token for one of a service account.
    pub(super) async fn impersonate(
        &self,
        url: &str,
        token: &SecretString,
    ) -> Result<Fresh, NoToken> {
        safe(url)?;
        let body = json!({"scope": [SCOPE], "lifetime": "3600s"});
        let request = || self.client.post(url).bearer_auth(token.expose_secret()).json(&body);
        let todo = "give it roles/iam.serviceAccountTokenCreator on that service account";
        let answer = self.send(url, &request, todo).await?;
        let token = answer["accessToken"].as_str().ok_or_else(|| unreadable(url))?;
        let until = answer["expireTime"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
        let lasts = until.map(|until| until.duration_since(self.clock.now()));
        let lasts = lasts.and_then(|lasts| Duration::try_from(lasts).ok());
        Ok(Fresh { token: SecretString::from(token.to_owned()), lasts })
    }

    /// Posts a form and reads the token in the response.
    pub(super) async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
        todo: &str,
    ) -> Result<Fresh, NoToken> {
        safe(url)?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = || {
            let request = self.client.post(url).body(body.clone());
            request.header("content-type", "application/x-www-form-urlencoded")
        };
        read(&self.send(url, &request, todo).await?).ok_or_else(|| unreadable(url))
    }

    /// Whether Google's metadata server answers at `host`.
    pub(super) async fn is_metadata(&self, host: &str) -> bool {
        let request = self.client.get(format!("http://{host}/")).timeout(METADATA_WITHIN);
        let answer = request.header("Metadata-Flavor", "Google").send().await;
        let flavour = |a: reqwest::Response| a.headers().get("metadata-flavor").cloned();
        answer.ok().and_then(flavour).is_some_and(|flavour| flavour == "Google")
    }

    pub(super) async fn metadata(&self, host: &str) -> Result<Fresh, NoToken> {
        let url = account(host, "token");
        let request = || {
            let request = self.client.get(&url).query(&[("scopes", SCOPE)]);
            request.header("Metadata-Flavor", "Google")
        };
        let todo = "give this machine a service account with the scope cloud-platform";
        read(&self.send(&url, &request, todo).await?).ok_or_else(|| unreadable(&url))
    }

    pub(super) async fn metadata_email(&self, host: &str) -> Option<String> {
        let request = self.client.get(account(host, "email")).timeout(METADATA_WITHIN);
        let answer = request.header("Metadata-Flavor", "Google").send().await.ok()?;
        Some(harmless(http::text(answer).await.ok()?.trim(), 200))
    }

    /// The account of an access token, as Google's token endpoint reports it. In the body, since addresses end up in logs.
    pub(super) async fn account_of(&self, token: &SecretString) -> Option<String> {
        let url = format!("{}info", self.token_endpoint);
        safe(&url).ok()?;
        let form = [("access_token", token.expose_secret())];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(&url).body(body).timeout(TOKEN_WITHIN);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        let told: Value = serde_json::from_str(&http::text(answer).await.ok()?).ok()?;
        let email = told["email"].as_str().filter(|email| !email.is_empty())?;
        Some(harmless(email, 200))
    }

    /// Fetches the other provider's token from a federation's URL.
    pub(super) async fn subject(
        &self,
        url: &str,
        headers: &BTreeMap<String, SecretString>,
    ) -> Result<String, NoToken> {
        safe(url)?;
        let mut request = self.client.get(url);
        for (name, value) in headers {
            request = request.header(name, value.expose_secret());
        }
        let failed = |why: String| {
            let problem =
                Problem::coded(Code::NO_CREDENTIALS, "the token to exchange cannot be had")
                    .because(why);
            NoToken { problem, passing: true }
        };
        let answer = request.send().await.map_err(|e| failed(chain(&e.without_url())))?;
        if !answer.status().is_success() {
            return Err(failed(format!("its address answers {}", answer.status())));
        }
        let body = http::text(answer).await;
        body.map_err(|e| e.either(|e| failed(chain(&e.without_url())), failed))
    }

    /// Sends a request, and retries transient failures.
    async fn send(
        &self,
        url: &str,
        request: &(dyn Fn() -> RequestBuilder + Sync),
        todo: &str,
    ) -> Result<Value, NoToken> {
        let again = |(_, passing): &(String, bool), wait| passing.then_some(wait);
        let sent = retried(ATTEMPTS, RETRY_BACKOFF, || once(request()), again).await;
        sent.map_err(|(why, passing)| {
            let host = url::Url::parse(url).ok();
            let host = host.as_ref().and_then(|u| u.host_str()).unwrap_or("Google");
            let problem =
                Problem::coded(Code::NO_CREDENTIALS, format!("{host} gives no token")).because(why);
            let problem = if passing { problem } else { problem.try_this(todo) };
            NoToken { problem, passing }
        })
    }
}

fn account(host: &str, what: &str) -> String {
    format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/{what}")
}

/// Sends a request once. An error holds the reason, and whether the failure is transient.
async fn once(request: RequestBuilder) -> Result<Value, (String, bool)> {
    let lost = |e: reqwest::Error| (chain(&e.without_url()), true);
    let answer = request.timeout(TOKEN_WITHIN).send().await.map_err(lost)?;
    let status = answer.status();
    let text = http::text(answer).await.map_err(|e| e.either(lost, |why| (why, true)))?;
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(json);
    }
    // Quote only the error fields of OAuth or of Google's other services, never the whole body.
    let word = json["error"].as_str().or(json["error"]["status"].as_str());
    let more = json["error_description"].as_str().or(json["error"]["message"].as_str());
    let said = [word, more].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let passing = status.is_server_error() || status.as_u16() == 429;
    Err((format!("it answers {status} {}", redacted(&harmless(&said, 300))), passing))
}

fn read(answer: &Value) -> Option<Fresh> {
    let token = answer["access_token"].as_str().filter(|token| !token.is_empty())?;
    let lasts = answer["expires_in"].as_u64().map(Duration::from_secs);
    Some(Fresh { token: SecretString::from(token.to_owned()), lasts })
}

fn unreadable(url: &str) -> NoToken {
    let host = url::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned));
    let what = format!("{} answers without a token", host.as_deref().unwrap_or("Google"));
    NoToken::lasting(Problem::new(what))
}

/// Rejects URLs that are neither https nor loopback: the request to a URL from a credentials file carries secrets
/// that can be exchanged for our access.
fn safe(url: &str) -> Result<(), NoToken> {
    let parsed = url::Url::parse(url).ok();
    let loopback = parsed.as_ref().is_some_and(|u| match u.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    });
    if loopback || parsed.is_some_and(|u| u.scheme() == "https") {
        return Ok(());
    }
    Err(NoToken::lasting(
        Problem::new("the credentials name an address that is not safe")
            .because("what is sent there is as good as the credentials, and it is not https"),
    ))
}

/// Signs with RS256 (RFC 7518), the algorithm that Google accepts from a service account.
fn sign(key: &SecretString, message: &[u8]) -> Result<Vec<u8>, String> {
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
        .map_err(|_| "it is no private key in PEM form".to_owned())?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|e| e.to_string())?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
    let signer = signer.ok_or("it is no RSA key")?;
    signer.sign(message).map_err(|e| e.to_string())
}
