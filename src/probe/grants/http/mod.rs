//! `wasi:http` for guests: requests to granted origins, checked before anything is sent.
//!
//! The host never follows a redirect: the guest sees it, and its next request is checked like the first.

mod body;
mod bounds;
mod exchange;
mod failure;
mod taped;
#[cfg(test)]
mod tests;
mod tls;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Method, Request, Response, Uri, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, FutureIncomingResponse, OutgoingRequest, RequestOptions as Options,
};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::Reach;
use super::denied::{Attempt, Denier};
use super::link::replace;
use super::origin::Origin;
use super::placeholder::Unfilled;
use crate::probe::host::Guest;

pub(super) use bounds::context;
pub(super) use tls::Tls;

const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// Requests of one probe under way at once; each holds a connection. A guest that polls a few dozen servers comes around.
const MAX_REQUESTS: usize = 16;
/// How long a request waits for the place of one that was given up and is just being closed: a guest that drops those that take
/// too long, and asks on, must not find their places taken.
const PLACE_PATIENCE: Duration = Duration::from_millis(100);
/// What a guest writes to a request's body in one piece.
const CHUNK_BYTES: usize = 64 * 1024;
/// Header sections, both ways. What servers accept lies between 8 and 64 KiB.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A guest's way to HTTP servers.
pub(super) struct Egress {
    reach: Arc<Reach>,
    denier: Denier,
    slots: Arc<Semaphore>,
    unsent: bounds::Unsent,
    /// When the call ends in which the guest makes its requests.
    deadline: Instant,
}

/// A request that may be sent.
struct Cleared {
    origin: Origin,
    request: Request<WasiBody>,
    slot: OwnedSemaphorePermit,
}

/// An answer, and what drives the connection while its body is read.
type Answered = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl Egress {
    pub(super) fn new(reach: &Arc<Reach>, denier: Denier) -> Self {
        Self {
            reach: reach.clone(),
            denier,
            slots: Arc::new(Semaphore::new(MAX_REQUESTS)),
            unsent: bounds::Unsent::default(),
            deadline: Instant::now(),
        }
    }

    /// Checks a request, and puts in the secrets that it carries placeholders of.
    fn clear(&self, request: Request<WasiBody>) -> Result<(Origin, Request<WasiBody>), Error> {
        let origin = origin(request.uri())?;
        if !self.reach.grants.http.contains(&origin) {
            self.denier.note(&Attempt::http(&origin.to_string()));
            return Err(Error::HttpRequestDenied);
        }
        // The one makes a tunnel, the other sends the secrets in its headers back.
        if [Method::CONNECT, Method::TRACE].contains(request.method()) {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let request = self.fill(request, &origin)?;
        Ok((origin, request))
    }

    fn fill(
        &self,
        request: Request<WasiBody>,
        origin: &Origin,
    ) -> Result<Request<WasiBody>, Error> {
        let unfilled = |why| match why {
            Unfilled::Denied(attempt) => {
                self.denier.note(&attempt);
                Error::HttpRequestDenied
            }
            Unfilled::Unfit(name) => {
                let text = format!("the secret `{name}` holds bytes that no header may have");
                Error::InternalError(Some(text))
            }
        };
        let (mut parts, body) = request.into_parts();
        let secrets = &self.reach.secrets;
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let filled = secrets.fill_query(path, origin).map_err(unfilled)?;
        parts.uri = target(filled.as_deref().unwrap_or(path))?;
        secrets
            .fill_headers(&mut parts.headers, origin)
            .map_err(unfilled)?;
        let host = origin.authority().parse();
        let host = host.map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.headers.insert(header::HOST, host);
        let size = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            name.as_str().len() + value.len() + ": \r\n".len()
        };
        let bytes: usize = parts.headers.iter().map(size).sum();
        if bytes > MAX_HEADER_BYTES {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            return Err(Error::HttpRequestHeaderSectionSize(Some(bytes)));
        }
        Ok(Request::from_parts(parts, body))
    }
}

/// What a request asks of its server: a path. Scheme and host before it would ask a proxy to go elsewhere.
fn target(path: &str) -> Result<Uri, Error> {
    let target = path.starts_with('/').then(|| path.parse().ok()).flatten();
    target.ok_or(Error::HttpRequestUriInvalid)
}

fn origin(uri: &Uri) -> Result<Origin, Error> {
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    uri.authority()
        .and_then(|authority| Origin::of(secure, authority))
        .ok_or(Error::HttpRequestUriInvalid)
}

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answered, Error>> + Send> {
        let asked = taped::asked(&self.reach.tape, &request);
        let cleared = self.clear(request);
        let waits = exchange::Waits::new(options.unwrap_or_default(), self.deadline);
        let (reach, denier) = (self.reach.clone(), self.denier.clone());
        let slots = self.slots.clone();
        Box::new(async move {
            let (origin, request) = cleared?;
            let slot = tokio::time::timeout(PLACE_PATIENCE, slots.acquire_owned()).await;
            let Ok(Ok(slot)) = slot else {
                return Err(Error::ConnectionLimitReached);
            };
            let cleared = Cleared {
                origin,
                request,
                slot,
            };
            match asked {
                None => exchange::run(&reach, &denier, cleared, waits).await,
                Some(asked) => asked.run(&reach, &denier, cleared, waits).await,
            }
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    // Every error of the exchange is told apart in `failure`; these are what is left for the interface, without a log line
    // for each, with which a guest could fill the log.

    fn p2_error_from_hyper(&mut self, _error: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _error: &std::io::Error) -> ErrorCode {
        ErrorCode::DestinationUnavailable
    }

    fn p2_error_from_tls(&mut self, _error: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.access.egress.deadline = self.run.deadline;
        WasiHttpCtxView {
            hooks: &mut self.access.egress,
            table: &mut self.table,
            ctx: &mut self.access.http,
        }
    }
}

/// Links `wasi:http`.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    bounds::add_to_linker(linker)?;
    replace(
        linker,
        HANDLER,
        "handle",
        |mut store, (request, options): (Resource<OutgoingRequest>, Option<Resource<Options>>)| {
            Box::new(async move {
                let guest = store.data_mut();
                // Without a path wasmtime writes a line to the log for each request.
                let path = &mut guest.table.get_mut(&request)?.path_with_query;
                path.get_or_insert_with(|| "/".to_owned());
                let sent = outgoing_handler::Host::handle(&mut guest.http(), request, options);
                let sent: Result<Resource<FutureIncomingResponse>, ErrorCode> = match sent {
                    Ok(future) => Ok(future),
                    Err(error) => Err(error.downcast()?),
                };
                Ok((sent,))
            })
        },
    )
}
