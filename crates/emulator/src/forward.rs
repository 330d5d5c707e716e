//! Forwards one request to a build: removes hop-by-hop headers, adds headers that identify the client, and joins
//! the two ends of a WebSocket.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::upstream::{Connections, Lent};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Hop-by-hop headers (RFC 9110 §7.6.1), including obsolete ones that clients still send.
const HOP: [HeaderName; 8] = [
    CONNECTION,
    UPGRADE,
    TE,
    TRANSFER_ENCODING,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Header of an upgrade from HTTP/1.1 to HTTP/2, which builds do not accept.
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Sends a request to a build on a local port. Holds `kept` until the response body or the upgraded connection
/// ends; while it is held, the build counts as in use.
pub(super) async fn forward<K: Send + Sync + Unpin + 'static>(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    connections: &Arc<Connections>,
    kept: Arc<K>,
) -> Response<ProxyBody<K>> {
    // HTTP/1.0 has no upgrades (RFC 9110 §7.8).
    let upgrade = upgrade_of(request.headers()).filter(|_| request.version() == Version::HTTP_11);
    let client = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    readdress(&mut request);
    readdress_headers(request.headers_mut(), peer, upgrade.as_ref());
    let (mut answer, lent) = match connections.send(request).await {
        Ok(answered) => answered,
        Err(error) => {
            tracing::debug!(%error, "a build does not answer");
            return refused(StatusCode::BAD_GATEWAY, "the build does not answer");
        }
    };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client) = client else {
            let why = "the build changed to a protocol that was not requested";
            return refused(StatusCode::BAD_GATEWAY, why);
        };
        tokio::spawn(join(client, hyper::upgrade::on(&mut answer), kept));
        return answer.map(|_| ProxyBody::Own(None));
    }
    strip(answer.headers_mut());
    // The version belongs to this hop: hyper answers HTTP/1.0 clients with their own version.
    *answer.version_mut() = Version::HTTP_11;
    answer.map(|body| ProxyBody::OfBuild { body, _lent: lent, _kept: kept })
}

/// The protocol that the client wants to upgrade to.
fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let named = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
    };
    let asked = headers.get_all(CONNECTION).iter().any(named);
    // Clients request HTTP/2 without TLS in the same way; builds answer in HTTP/1.1.
    let wanted = headers.get(UPGRADE).filter(|protocol| !protocol.as_bytes().starts_with(b"h2"));
    wanted.filter(|_| asked).cloned()
}

/// Leaves the path and the query of a request exactly as sent, and removes the server's name from its URI.
fn readdress(request: &mut Request<Incoming>) {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    *request.version_mut() = Version::HTTP_11;
}

/// Replaces hop-by-hop and forwarding headers. The proxy alone sets the client's protocol and host, and appends the
/// client's address.
fn readdress_headers(headers: &mut HeaderMap, peer: SocketAddr, upgrade: Option<&HeaderValue>) {
    strip(headers);
    headers.remove(HTTP2_SETTINGS);
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    let before = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let mut all = String::new();
    before.for_each(|value| all.extend([value, ", "]));
    let _ = write!(all, "{}", peer.ip());
    if let Ok(all) = HeaderValue::from_str(&all) {
        headers.insert(FORWARDED_FOR, all);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    } else {
        headers.remove(FORWARDED_HOST);
        // HTTP/1.0 clients may name no host, and builds of HTTP/1.1 refuse that.
        headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
}

/// Removes hop-by-hop headers. Ignores other names listed in `Connection`, so that a client that lists an
/// end-to-end header such as `Host` cannot hide it from the build.
fn strip(headers: &mut HeaderMap) {
    for name in &HOP {
        headers.remove(name);
    }
}

/// A response generated by the proxy.
pub(super) fn refused<K>(status: StatusCode, why: &str) -> Response<ProxyBody<K>> {
    let mut answer = Response::new(ProxyBody::Own(Some(Bytes::from(format!("{why}\n")))));
    *answer.status_mut() = status;
    answer
}

/// Copies data in both directions of an upgraded connection until either side closes it.
async fn join<K: Send>(client: OnUpgrade, build: OnUpgrade, kept: Arc<K>) {
    let (Ok(client), Ok(build)) = (client.await, build.await) else { return };
    let (mut client, mut build) = (TokioIo::new(client), TokioIo::new(build));
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut build).await {
        tracing::debug!(%error, "an upgraded connection ended");
    }
    drop(kept);
}

/// A response body.
pub(super) enum ProxyBody<K> {
    /// The proxy's text, until it is sent.
    Own(Option<Bytes>),
    /// The build's body, with what is dropped when it ends. Its fields are dropped in this order: a connection is kept for
    /// the next request only after the body before it.
    OfBuild { body: Incoming, _lent: Lent, _kept: Arc<K> },
}

impl<K> HttpBody for ProxyBody<K> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::OfBuild { body, .. } => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(text) => text.is_none(),
            Self::OfBuild { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Self::OfBuild { body, .. } => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_on(sent: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let upgrade = upgrade_of(&headers);
        readdress_headers(&mut headers, ([127, 0, 0, 1], 5000).into(), upgrade.as_ref());
        headers
    }

    #[test]
    fn hop_by_hop_headers_are_not_forwarded() {
        let headers = sent_on(&[("host", "shop.example"), ("connection", "Host, keep-alive")]);
        assert_eq!(headers["host"], "shop.example");
        assert!(headers.get("connection").is_none());
    }

    #[test]
    fn missing_host_is_not_forwarded_as_one() {
        let headers = sent_on(&[("x-forwarded-host", "evil.example")]);
        assert_eq!(headers["host"], "localhost");
        assert!(headers.get("x-forwarded-host").is_none());
    }

    #[test]
    fn proxy_sets_forwarded_headers_itself() {
        let headers = sent_on(&[
            ("host", "shop.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-for", "6.6.6.6"),
            ("proxy-authorization", "Basic eA=="),
        ]);
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "shop.example");
        assert_eq!(headers["x-forwarded-for"], "6.6.6.6, 127.0.0.1");
        assert!(headers.get("proxy-authorization").is_none());
    }

    #[test]
    fn forwards_websocket_upgrades_and_not_http2() {
        let websocket = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
        let headers = sent_on(&websocket);
        assert_eq!(
            (&headers["connection"], &headers["upgrade"]),
            (&"upgrade".parse().unwrap(), &"websocket".parse().unwrap())
        );
        let http2 = [
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
        ];
        assert!(sent_on(&http2).get("upgrade").is_none());
        assert!(sent_on(&http2).get("http2-settings").is_none());
    }
}
