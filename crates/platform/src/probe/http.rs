//! One HTTP probe, and the phase in which it failed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::connect::Dialer;
use super::fresh::Dates;
use super::{Miss, Told};
use crate::http::chain;
use pointsman_core::ports::clock::Clock;
use pointsman_core::probe::{Answer, Expect, Fault, Heard, judge};
use pointsman_core::time::spoken;

/// Maximum bytes kept of a body. No health response needs more.
const MOST_BYTES: usize = 64 * 1024;

const NAME: &str = concat!("pointsman/", env!("CARGO_PKG_VERSION"), " (probe)");

/// One HTTP probe, with the prober's shared parts and its own measurements.
pub(super) struct Asker<'a> {
    pub(super) dialer: &'a Dialer,
    pub(super) clock: &'a dyn Clock,
    pub(super) dates: &'a Dates,
    pub(super) told: &'a mut Told,
}

/// The `Authorization` header for a URL that contains credentials: `https://user:password@…`.
fn who(url: &url::Url) -> Option<HeaderValue> {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (plain(url.username()), url.password().map(plain));
    if user.is_empty() && password.is_none() {
        return None;
    }
    let both = format!("{user}:{}", password.unwrap_or_default());
    let mut who = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both))).ok()?;
    who.set_sensitive(true);
    Some(who)
}

type Attendance = SendRequest<Empty<Bytes>>;

impl Asker<'_> {
    pub(super) async fn ask(
        &mut self,
        address: &str,
        expect: &Expect,
        fresh: bool,
        within: Duration,
    ) -> Result<(), Miss> {
        let until = self.clock.elapsed() + within;
        let left = |clock: &dyn Clock| until.saturating_sub(clock.elapsed());
        let mut url = url::Url::parse(address)
            .map_err(|e| Miss::Bad(Fault::NoSuchName, format!("{address} is no address: {e}")))?;
        if fresh {
            // Bypass caches that would answer for the service.
            let once = uuid::Uuid::new_v4().simple().to_string();
            url.query_pairs_mut().append_pair("probe", &once);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let place = format!("{host}:{port}");
        let stream = self.dialer.tcp(&place, left(self.clock), self.told).await?;
        let (sender, _connection) = if url.scheme() == "https" {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let stream = self.dialer.tls(stream, bare, left(self.clock), self.told).await?;
            converse(stream).await?
        } else {
            converse(stream).await?
        };
        let asked = self.clock.elapsed();
        let response = self.first_byte(sender, &url, until, within).await?;
        let head = headers(response.headers());
        self.rest(response, expect, until, within).await.and_then(|()| {
            // A good response that was cached before the request proves nothing.
            match self.dates.cached(address, &head, asked).filter(|_| fresh) {
                Some(cached) => Err(Miss::Ours(cached)),
                None => Ok(()),
            }
        })
    }

    async fn first_byte(
        &mut self,
        mut sender: Attendance,
        url: &url::Url,
        until: Duration,
        within: Duration,
    ) -> Result<Response<hyper::body::Incoming>, Miss> {
        let began = self.clock.elapsed();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery]);
        if let Some(who) = who(url) {
            request = request.header("authorization", who);
        }
        let request = request
            .header("host", host)
            .header("user-agent", NAME)
            .header("accept", "application/json, */*")
            .header("cache-control", "no-cache")
            .header("connection", "close")
            .body(Empty::new())
            .map_err(|e| Miss::Bad(Fault::NoSuchName, e.to_string()))?;
        let left = until.saturating_sub(began);
        let answered = timeout(left, sender.send_request(request)).await.map_err(|_| {
            Miss::Bad(Fault::NoAnswer, format!("no answer within {}", spoken(within)))
        })?;
        let response = answered.map_err(|e| Miss::Bad(Fault::Reset, broken(&e)))?;
        self.told.timing.first_byte = Some(self.clock.elapsed().saturating_sub(began));
        Ok(response)
    }

    async fn rest(
        &mut self,
        response: Response<hyper::body::Incoming>,
        expect: &Expect,
        until: Duration,
        within: Duration,
    ) -> Result<(), Miss> {
        let (head, mut body) = response.into_parts();
        let (mut read, mut bytes) = (Vec::new(), 0_u64);
        // Count one byte beyond the limits, to detect a longer body.
        let counted =
            expect.max_bytes.max(expect.min_bytes).map_or(0, |most| most.saturating_add(1));
        let enough = counted.max(MOST_BYTES as u64);
        let left = until.saturating_sub(self.clock.elapsed());
        let whole = timeout(left, async {
            while let Some(frame) = body.frame().await {
                if let Some(data) = frame?.data_ref() {
                    bytes += data.len() as u64;
                    // Count the rest of a long body, but do not keep it.
                    let room = MOST_BYTES.saturating_sub(read.len()).min(data.len());
                    read.extend_from_slice(&data[..room]);
                }
                // Stop reading when the size no longer matters.
                if bytes >= enough {
                    break;
                }
            }
            Ok::<_, hyper::Error>(())
        });
        match whole.await {
            Err(_) => {
                let why = format!("the answer began and did not end within {}", spoken(within));
                return Err(Miss::Bad(Fault::Hung, why));
            }
            // The service has answered, so our own network is not down.
            Ok(Err(error)) => return Err(Miss::Bad(Fault::Hung, broken(&error))),
            Ok(Ok(())) => {}
        }
        let headers = headers(&head.headers);
        let answered =
            Heard { status: head.status.as_u16(), headers: &headers, body: &read, bytes };
        let (answer, identity) = judge(expect, &answered);
        self.told.identity = identity;
        if let Some(body) = &mut self.told.body {
            *body = read;
        }
        match answer {
            Answer::Bad(fault, why) => Err(Miss::Bad(fault, why)),
            Answer::Blind(why) => Err(Miss::Ours(why)),
            Answer::Good => Ok(()),
        }
    }
}

fn headers(all: &hyper::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    all.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// Starts HTTP/1.1 on a stream. Dropping the returned handle closes the connection.
async fn converse<S>(stream: S) -> Result<(Attendance, AbortOnDropHandle<()>), Miss>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| Miss::Bad(Fault::Reset, broken(&e)))?;
    let driven = tokio::spawn(async move {
        // Its errors surface where the response is awaited.
        let _ = connection.await;
    });
    Ok((sender, AbortOnDropHandle::new(driven)))
}

fn broken(error: &hyper::Error) -> String {
    format!("the connection broke: {}", chain(error))
}
