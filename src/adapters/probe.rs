//! The prober over HTTP.

use serde_json::Value;

use super::http::{body_up_to, chain};
use crate::domain::error::Problem;
use crate::domain::health::{Identity, Sample};
use crate::domain::text::harmless;
use crate::ports::BoxFuture;
use crate::ports::prober::{Prober, Question};

/// No health answer needs more.
const MOST_BYTES: usize = 64 * 1024;

/// Asks over HTTP with a client of its own.
#[derive(Debug, Clone)]
pub struct HttpProber {
    client: reqwest::Client,
}

impl HttpProber {
    /// A prober.
    pub fn new() -> Result<Self, Problem> {
        Ok(Self { client: super::http::client()? })
    }

    async fn asked(&self, question: &Question) -> Sample {
        // A query of its own and `no-cache`, so that no cache in between answers for the service.
        let address = format!("{}{}", question.base, question.health.path);
        let request = self
            .client
            .get(&address)
            .query(&[("probe", uuid::Uuid::new_v4().simple().to_string())])
            .header("cache-control", "no-cache")
            .timeout(question.timeout);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if ours(&error) => return Sample::Blind(why(error, question)),
            Err(error) => return Sample::Unhealthy(why(error, question)),
        };
        let status = response.status();
        let body = match body_up_to(&mut response, MOST_BYTES).await {
            Ok(body) => body,
            Err(error) => return Sample::Unhealthy(why(error, question)),
        };
        if !status.is_success() {
            let said = harmless(String::from_utf8_lossy(&body).trim(), 80);
            let said = if said.is_empty() { said } else { format!(": {said}") };
            return Sample::Unhealthy(format!("HTTP {}{said}", status.as_u16()));
        }
        identity(&body, question)
    }
}

fn identity(body: &[u8], question: &Question) -> Sample {
    let health = &question.health;
    if health.version.is_none() && health.revision.is_none() {
        return Sample::Healthy(Identity::default());
    }
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return Sample::Unhealthy("HTTP 200, but the answer is no JSON".to_owned());
    };
    let at = |pointer: &Option<String>| {
        let value = json.pointer(pointer.as_deref()?)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    Sample::Healthy(Identity { version: at(&health.version), revision: at(&health.revision) })
}

/// Whether the fault is on our side: no name lookup, no route, no socket to ask with. A refused or
/// silent port is the service's answer.
fn ours(error: &reqwest::Error) -> bool {
    use std::io::ErrorKind as Kind;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            let no_files = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE]
                .iter()
                .any(|errno| io.raw_os_error() == Some(errno.raw_os_error()));
            let no_way = matches!(
                io.kind(),
                Kind::NetworkUnreachable
                    | Kind::HostUnreachable
                    | Kind::NetworkDown
                    | Kind::AddrNotAvailable
            );
            if no_files || no_way {
                return true;
            }
        }
        // The resolver's error has a type of its own that is not public.
        if error.to_string().contains("dns error") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn why(error: reqwest::Error, question: &Question) -> String {
    if error.is_timeout() {
        return format!("no answer within {}", crate::domain::time::spoken(question.timeout));
    }
    chain(&error.without_url())
}

impl Prober for HttpProber {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        Box::pin(self.asked(question))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::plan::HealthEndpoint;

    #[tokio::test]
    async fn a_refused_port_is_down_and_a_name_that_nobody_knows_is_blind() {
        let prober = HttpProber::new().unwrap();
        let health = HealthEndpoint { path: "/".into(), version: None, revision: None };
        let ask = async |base: &str| {
            let (base, timeout) = (base.to_owned(), Duration::from_secs(5));
            prober.ask(&Question { base, health: health.clone(), timeout }).await
        };
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let down = ask(&format!("http://{closed}")).await;
        assert!(matches!(down, Sample::Unhealthy(_)), "{down:?}");
        let blind = ask("http://no-such-host.invalid").await;
        assert!(matches!(blind, Sample::Blind(_)), "{blind:?}");
    }
}
