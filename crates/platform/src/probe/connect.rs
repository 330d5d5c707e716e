//! Opens connections, and measures the time of each part.

#![expect(clippy::disallowed_methods, reason = "measures a real connection")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::CertificateError;
use rustls::pki_types::{ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::names::Turns;
use super::{Miss, Told};
use pointsman_core::error::Problem;
use pointsman_core::ports::clock::Clock;
use pointsman_core::probe::Fault;
use pointsman_core::time::{Timestamp, spoken};

/// Timeout of a connection: a lost SYN is sent again after one second, and again after two more.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// Delay between attempts at the addresses of one name (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Opens the TCP and TLS connections of probes.
#[derive(Clone)]
pub(super) struct Dialer {
    clock: Arc<dyn Clock>,
    tls: TlsConnector,
    turns: Arc<Turns>,
}

impl Dialer {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Result<Self, Problem> {
        let config = Arc::new(crate::tls::config()?);
        Ok(Self { clock, tls: TlsConnector::from(config), turns: Arc::default() })
    }

    /// Connects to `host:port`.
    pub(super) async fn tcp(
        &self,
        address: &str,
        within: Duration,
        told: &mut Told,
    ) -> Result<TcpStream, Miss> {
        let asked = self.clock.elapsed();
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let no_address = || Miss::Bad(Fault::NoSuchName, format!("{address} is no host and port"));
        let port = port.parse::<u16>().map_err(|_| no_address())?;
        // The lookup has its own timeout: a silent resolver proves nothing about the service.
        let found = self.turns.addresses(host, port).await?;
        let began = self.clock.elapsed();
        if began > asked {
            told.timing.lookup = Some(began.saturating_sub(asked));
        }
        let within = within.min(CONNECT_WITHIN);
        let connected = timeout(within, first(found)).await;
        let connected = connected.map_err(|_| {
            Miss::Bad(Fault::NoAnswer, format!("no connection within {}", spoken(within)))
        })?;
        let stream = connected.map_err(|error| missed(&error))?;
        told.timing.connect = Some(self.clock.elapsed().saturating_sub(began));
        // A probe sends one small packet.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// Starts TLS on a connection, and records when the certificate expires.
    pub(super) async fn tls(
        &self,
        stream: TcpStream,
        host: &str,
        within: Duration,
        told: &mut Told,
    ) -> Result<TlsStream<TcpStream>, Miss> {
        let began = self.clock.elapsed();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Miss::Bad(Fault::Certificate, format!("{host} is no name for TLS")))?;
        let greeted = timeout(within, self.tls.connect(name, stream))
            .await
            .map_err(|_| Miss::Bad(Fault::NoAnswer, format!("no TLS within {}", spoken(within))))?;
        let stream = greeted.map_err(|error| refused(&error))?;
        told.timing.tls = Some(self.clock.elapsed().saturating_sub(began));
        let (_, session) = stream.get_ref();
        told.certificate = session.peer_certificates().and_then(|c| valid_until(c.first()?));
        Ok(stream)
    }
}

/// Connects to the first address that answers. Tries the next one when an address fails or is slow (RFC 8305): if
/// `IPv6` leads nowhere, a browser does not wait for it either.
async fn first(found: Vec<SocketAddr>) -> std::io::Result<TcpStream> {
    let mut failed = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    let (mut rest, mut open) = (found.into_iter(), FuturesUnordered::new());
    loop {
        match rest.next() {
            Some(address) => open.push(TcpStream::connect(address)),
            None if open.is_empty() => return Err(failed),
            None => {}
        }
        tokio::select! {
            Some(done) = open.next() => match done {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            },
            () = tokio::time::sleep(ATTEMPT_DELAY), if rest.len() > 0 => {}
        }
    }
}

/// Classifies a failed connection. Some causes are on this machine.
fn missed(error: &std::io::Error) -> Miss {
    let own = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::ADDRNOTAVAIL];
    if own.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) {
        return Miss::Ours(format!("this machine has no socket to ask with: {error}"));
    }
    let fault = match error.kind() {
        ErrorKind::ConnectionRefused => Fault::Refused,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::NetworkDown => {
            Fault::NoRoute
        }
        ErrorKind::TimedOut => Fault::NoAnswer,
        _ => Fault::Reset,
    };
    Miss::Bad(fault, error.to_string())
}

fn refused(error: &std::io::Error) -> Miss {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            Miss::Bad(Fault::Certificate, untrusted(why))
        }
        Some(other) => Miss::Bad(Fault::Certificate, format!("TLS: {other}")),
        None => Miss::Bad(Fault::Reset, format!("TLS: {error}")),
    }
}

fn untrusted(why: &CertificateError) -> String {
    let day = |time: UnixTime| {
        let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(second)
            .map_or_else(|_| String::new(), |t| t.strftime("%F").to_string())
    };
    match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate ended on {}", day(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate begins on {}", day(*not_before))
        }
        CertificateError::UnknownIssuer => {
            "the issuer of its certificate is not trusted here".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        CertificateError::BadEncoding => "its certificate cannot be read".to_owned(),
        CertificateError::BadSignature => {
            "its certificate is not signed by whom it names".to_owned()
        }
        CertificateError::Other(other) => by_the_verifier(other),
        other => format!("its certificate is refused: {other}"),
    }
}

/// Certificate details that only the verifier's error contains.
fn by_the_verifier(other: &rustls::OtherError) -> String {
    match other.0.downcast_ref::<webpki::Error>() {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "it shows the certificate of an authority as its own: it is signed by itself".to_owned()
        }
        Some(webpki::Error::UnsupportedCertVersion) => {
            "its certificate is of a version before 3".to_owned()
        }
        Some(known) => format!("its certificate is refused: {known:?}"),
        None => format!("its certificate is refused: {other}"),
    }
}

/// The expiry of a certificate. webpki reports it when the certificate is verified at a later time, which it checks
/// before it builds a chain. A parser for this one date would add twelve crates.
fn valid_until(certificate: &rustls::pki_types::CertificateDer<'_>) -> Option<Timestamp> {
    let end_of_time = UnixTime::since_unix_epoch(Duration::MAX);
    let usage = webpki::KeyUsage::server_auth();
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let verified =
        certificate.verify_for_usage(&[], &[], &[], end_of_time, usage, None, None).err()?;
    let webpki::Error::CertExpired { not_after, .. } = verified else { return None };
    Timestamp::from_second(i64::try_from(not_after.as_secs()).ok()?).ok()
}
