//! One request and its answer: look up, check, connect to the very address that was checked, send, receive.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant as StdInstant};

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{Limit, Received, Sent};
use super::{Answered, Cleared, MAX_HEADER_BYTES, Reach, failure};
use crate::probe::grants::denied::{Attempt, Denier};
use crate::probe::grants::origin::{Host, Origin};
use crate::probe::grants::resolve::Unresolved;

/// How long a connection, TLS included, may take to be made, unless the guest says otherwise.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take to begin, likewise.
const FIRST_BYTE: Duration = Duration::from_secs(30);
/// How long it may be silent, likewise.
const BETWEEN_BYTES: Duration = Duration::from_secs(10);
/// Headers of an answer.
const MAX_HEADERS: usize = 128;

/// How long each part of an exchange may take; everything ends with the guest's call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
    deadline: Instant,
}

impl Waits {
    pub(super) fn new(options: RequestOptions, deadline: StdInstant) -> Self {
        Self {
            connect: options.connect_timeout.unwrap_or(CONNECT),
            first_byte: options.first_byte_timeout.unwrap_or(FIRST_BYTE),
            between_bytes: options.between_bytes_timeout.unwrap_or(BETWEEN_BYTES),
            deadline: Instant::from_std(deadline),
        }
    }

    /// A body that is held to its limit and to these times.
    pub(super) fn received<B>(&self, body: B, limit: Limit) -> Received<B> {
        let between = self.between_bytes.min(self.deadline - Instant::now());
        Received::new(body, limit, between, self.deadline)
    }

    /// When an answer must have begun for a request that is sent now.
    pub(super) fn answer(&self) -> Instant {
        self.end(self.first_byte)
    }

    /// When something ends that begins now. A guest may ask for more than there is.
    fn end(&self, wait: Duration) -> Instant {
        let end = Instant::now().checked_add(wait);
        end.map_or(self.deadline, |end| end.min(self.deadline))
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Sends a request and gives its answer when that begins.
///
/// # Errors
/// In the words of `wasi:http`.
pub(super) async fn run(
    reach: &Reach,
    denier: &Denier,
    cleared: Cleared,
    waits: Waits,
) -> Result<Answered, Error> {
    let connect = connect(reach, denier, &cleared.origin, waits.end(waits.connect));
    let stream = timeout_at(waits.end(waits.connect), connect)
        .await
        .unwrap_or(Err(Error::ConnectionTimeout))?;
    let (sending, receiving) = limits(reach, denier, &cleared.origin);
    let request = cleared.request.map(|body| Sent::new(body, sending));
    let (response, connection) = exchange(stream, request, &waits).await?;
    let of_hyper: fn(hyper::Error) -> Error = failure::of_hyper;
    let response =
        response.map(|body| WasiBody::new(waits.received(body.map_err(of_hyper), receiving)));
    let slot = cleared.slot;
    let drive = async move {
        if let Some(connection) = connection {
            // How it ends, the body says: an error here would only be told to the log.
            let _ = timeout_at(waits.deadline, connection).await;
        }
        drop(slot);
        Ok(())
    };
    Ok((response, Box::new(drive)))
}

/// The limits of a request's body and of its answer's.
pub(super) fn limits(reach: &Reach, denier: &Denier, origin: &Origin) -> (Limit, Limit) {
    let limit = |bytes, what: &str, key: &str| {
        let what = format!("{what} {origin}");
        Limit::new(bytes, denier, Attempt::over(&what, bytes, key))
    };
    let sending = limit(reach.sizes.request, "send to", "http_request");
    let receiving = limit(reach.sizes.response, "receive from", "http_response");
    (sending, receiving)
}

/// Connects to an address that the origin's host has and may have.
async fn connect(
    reach: &Reach,
    denier: &Denier,
    origin: &Origin,
    end: Instant,
) -> Result<Box<dyn Stream>, Error> {
    let addresses = reach.lookups.addresses(&origin.host).await;
    let addresses = addresses.map_err(|why| unresolved(denier, origin, why))?;
    let stream = connect_to_one(&addresses, origin.port, end).await?;
    if !origin.secure {
        return Ok(Box::new(stream));
    }
    let settings = reach.tls.settings().await;
    let settings = settings.map_err(|error| Error::InternalError(Some(error.to_string())))?;
    let name = match &origin.host {
        Host::Address(address) => ServerName::from(*address),
        host => ServerName::try_from(host.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?,
    };
    let stream = TlsConnector::from(settings).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| failure::of_tls(&error))?))
}

fn unresolved(denier: &Denier, origin: &Origin, why: Unresolved) -> Error {
    match why {
        Unresolved::Failed(error) => Error::DnsError {
            rcode: Some(error.to_string()),
            info_code: None,
        },
        Unresolved::Prohibited(address, why) => {
            let what = format!("HTTP to {origin}: the name leads to {address}, which is {why}");
            denier.note(&Attempt::never(what));
            Error::DestinationIpProhibited
        }
    }
}

/// Tries the addresses in their order; each gets its share of the time, so that a dead one leaves some for the next.
async fn connect_to_one(addresses: &[IpAddr], port: u16, end: Instant) -> Result<TcpStream, Error> {
    let mut last = Error::ConnectionTimeout;
    for (tried, address) in addresses.iter().enumerate() {
        let to_go = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / to_go;
        let connect = TcpStream::connect(SocketAddr::new(*address, port));
        match timeout_at(Instant::now() + share, connect).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = failure::of_connect(&error),
            Err(_) => last = Error::ConnectionTimeout,
        }
    }
    Err(last)
}

type Connection = http1::Connection<TokioIo<Box<dyn Stream>>, Sent>;

/// Sends, and drives the connection until the answer begins; gives the connection back if it goes on.
async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Sent>,
    waits: &Waits,
) -> Result<(Response<hyper::body::Incoming>, Option<Box<Connection>>), Error> {
    let handshake = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEADER_BYTES)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(failure::of_hyper)?;
    let mut connection = Box::new(connection);
    let mut over = false;
    let answer = async {
        let send = sender.send_request(request);
        tokio::pin!(send);
        tokio::select! {
            biased;
            answer = &mut send => answer,
            ended = &mut connection => {
                over = true;
                // The answer may have come with the end; otherwise its own error says more than none.
                ended?;
                send.await
            }
        }
    };
    let answer = timeout_at(waits.end(waits.first_byte), answer).await;
    let response = answer
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(failure::of_hyper)?;
    Ok((response, (!over).then_some(connection)))
}
