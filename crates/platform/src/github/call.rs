//! API calls: headers, entity tags, rate limits, redirects and errors (`docs/internals/github-actions.md`).

use std::sync::PoisonError;
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Github;
use super::wire::{refused, unreadable};
use crate::http::{self, chain};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::time::spoken;

/// The requested API version. GitHub supports each version for 24 months after the next one.
pub(super) const VERSION: &str = "2022-11-28";
/// Timeout of a call.
const CALL_WITHIN: Duration = Duration::from_secs(20);
/// Default pause after a rate limit without a header.
const LIMIT_WAIT_AT_LEAST: Duration = Duration::from_mins(1);
/// Maximum redirects: a renamed repository may have been renamed before.
pub(super) const MOST_REDIRECTS: usize = 3;
/// Maximum cached responses.
const ETAGS_KEPT: usize = 200;
/// Maximum size read of a job's log, in bytes; the end is kept.
const MOST_LOG_BYTES: usize = 8 * 1024 * 1024;

/// A cached response with its entity tag.
#[derive(Clone)]
pub(super) struct Kept {
    tag: String,
    json: Value,
    next: Option<String>,
}

/// A response: its JSON and the URL of the next page.
pub(super) struct Answered {
    pub(super) json: Value,
    pub(super) next: Option<String>,
}

impl Github {
    /// Sends a read. GitHub does not resend an unchanged response, and does not count it against the rate limit.
    pub(super) async fn get(&self, url: &str, query: &[(&str, &str)]) -> Result<Answered, Problem> {
        let key = format!("{url} {query:?}");
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let mut request = self.client.get(url).query(query);
        if let Some(kept) = &kept {
            request = request.header(IF_NONE_MATCH, &kept.tag);
        }
        let response = self.sent(request).await?;
        let response = self.followed(response).await?;
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some(Kept { json, next, .. }) = kept
        {
            return Ok(Answered { json, next });
        }
        let header = |name| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let (tag, next) = (header(ETAG), header(LINK).as_deref().and_then(next_page));
        if next.as_ref().is_some_and(|next| !self.ours(next)) {
            // Following it would send the token along.
            return Err(Problem::new("GitHub names a next page that is not its own"));
        }
        let json = self.read(response).await?;
        if let Some(tag) = tag {
            let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= ETAGS_KEPT {
                all.clear();
            }
            all.insert(key, Kept { tag, json: json.clone(), next: next.clone() });
        }
        Ok(Answered { json, next })
    }

    /// Follows the redirects of a renamed or moved repository. Follows only URLs of the API's own origin, because
    /// it sends the token along.
    async fn followed(&self, mut response: Response) -> Result<Response, Problem> {
        for _ in 0..MOST_REDIRECTS {
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED
            {
                return Ok(response);
            }
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| response.url().join(to).ok());
            let to = to.filter(|to| self.ours(to.as_str())).ok_or_else(|| {
                Problem::new(format!("{} was renamed or moved", self.repository))
                    .because("GitHub names an address that is not its own")
                    .try_this("put its new name into `repository` of the pipeline")
            })?;
            tracing::warn!(
                repository = self.repository,
                "was renamed: GitHub answers from elsewhere"
            );
            response = self.sent(self.client.get(to)).await?;
        }
        Ok(response)
    }

    /// Whether an address has the API's own scheme, host and port.
    fn ours(&self, address: &str) -> bool {
        let origin = |address: &str| url::Url::parse(address).ok().map(|url| url.origin());
        origin(address).is_some_and(|o| origin(&self.base) == Some(o))
    }

    /// Sends a change, once. If its response is lost, the next read shows whether the change was made.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Value, Problem> {
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = self.sent(request).await?;
        self.read(response).await
    }

    /// Reads a text that GitHub stores elsewhere. Sends no token to the other address.
    pub(super) async fn text(&self, url: &str) -> Result<String, Problem> {
        let response = self.sent(self.client.get(url)).await?;
        let response = if response.status().is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.ok_or_else(|| unreadable("a redirect"))?;
            self.client.get(to).timeout(CALL_WITHIN).send().await.map_err(|e| self.lost(&e))?
        } else {
            response
        };
        if response.status() == StatusCode::NOT_FOUND {
            return Err(Problem::new("there is no log of that job")
                .because("it has not ended yet, or its log is not kept any more"));
        }
        if !response.status().is_success() {
            return Err(match self.read(response).await {
                Err(problem) => problem,
                Ok(_) => unreadable("a log"),
            });
        }
        let mut response = response;
        let (mut text, mut cut) = (Vec::new(), false);
        while let Some(chunk) = response.chunk().await.map_err(|e| self.lost(&e))? {
            text.extend_from_slice(&chunk);
            // Keep the end: failures are there.
            let over = text.len().saturating_sub(MOST_LOG_BYTES);
            cut |= over > 0;
            text.drain(..over);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(if cut { format!("… the beginning is left out\n{text}") } else { text })
    }

    async fn sent(&self, request: RequestBuilder) -> Result<Response, Problem> {
        let left = self.quiet_for();
        if !left.is_zero() {
            return Err(limited(left));
        }
        let mut request = request
            .timeout(CALL_WITHIN)
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", VERSION);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let response = request.send().await.map_err(|e| self.lost(&e))?;
        let sunset = response.headers().get("sunset").and_then(|s| s.to_str().ok());
        if let Some(sunset) = sunset {
            tracing::warn!(sunset, version = VERSION, "GitHub ends this version of its API");
        }
        Ok(response)
    }

    async fn read(&self, response: Response) -> Result<Value, Problem> {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = http::text(response)
            .await
            .map_err(|e| e.either(|e| self.lost(&e), |what| unreadable(&what)))?;
        let json = serde_json::from_str::<Value>(&text);
        if status.is_success() {
            // 204 has no body. A login page is not an answer, least of all a confirmation.
            return match json {
                Ok(json) => Ok(json),
                Err(_) if text.trim().is_empty() => Ok(Value::Null),
                Err(_) => Err(unreadable("JSON")),
            };
        }
        let json = json.unwrap_or_default();
        if let Some(wait) = self.wait(status, &headers, &json) {
            let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
            *quiet = self.clock.elapsed() + wait;
            return Err(limited(wait));
        }
        Err(refused(status, &json, &self.repository, self.token.is_some()))
    }

    /// How long to wait before the next request, if the response reports a rate limit.
    fn wait(&self, status: StatusCode, headers: &HeaderMap, json: &Value) -> Option<Duration> {
        if !matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            return None;
        }
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<i64>().ok();
        if let Some(seconds) = number(RETRY_AFTER.as_str()) {
            return Some(Duration::from_secs(seconds.unsigned_abs()));
        }
        if number("x-ratelimit-remaining") == Some(0) {
            let left = number("x-ratelimit-reset")? - self.clock.now().as_second();
            return Some(Duration::from_secs(left.max(1).unsigned_abs()));
        }
        let says =
            json["message"].as_str().is_some_and(|m| m.to_lowercase().contains("rate limit"));
        (says || status == StatusCode::TOO_MANY_REQUESTS).then_some(LIMIT_WAIT_AT_LEAST)
    }

    fn quiet_for(&self) -> Duration {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.saturating_sub(self.clock.elapsed())
    }

    fn lost(&self, error: &reqwest::Error) -> Problem {
        let problem =
            Problem::coded(Code::GITHUB_UNAVAILABLE, format!("{} does not answer", self.base));
        // Leave out the URL: the URL of a log is as good as a token.
        let why = if error.is_timeout() { "nothing came in time".to_owned() } else { named(error) };
        problem.because(why)
    }
}

/// The causes of an error, without the address.
fn named(error: &reqwest::Error) -> String {
    std::error::Error::source(error).map_or_else(|| "the connection broke".to_owned(), chain)
}

fn limited(left: Duration) -> Problem {
    let left = Duration::from_secs(left.as_secs().max(1));
    Problem::coded(Code::GITHUB_UNAVAILABLE, "GitHub answers no more questions for a while")
        .because(format!("its limit is reached; {} are left", spoken(left)))
}

/// `<https://…page=2>; rel="next", …`.
fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    rest.split_once('>').map(|(url, _)| url.to_owned())
}
