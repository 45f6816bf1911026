//! One request from its header to its answer: checks, route, and what every answer carries.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Request, Response};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Config;
use super::bodies::{Body as ReadyBody, Edition, Editions};
use super::guard::Guard;
use super::live::Live;
use super::outcomes::Outcomes;
use super::packed_body::PackedBodies;
use super::problem::{Inside, Problem};
use super::queries::{AT_ONCE, Queries, STREAMS_AT_ONCE};
use super::request_body::BodyLimits;
use super::routes::MetricEncoders;
use super::stream::Link;
use super::tally::HttpTally;
use crate::archive::Archive;
use crate::backup::Backups;
use crate::event::Events;
use crate::history::{History, View};
use crate::model::ActionRequest;
use crate::page;
use crate::redact::Redactor;
use crate::snapshot::SnapshotCell;

/// The id by which a client and the log speak of one request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Keeps other sites' pages from embedding an answer, unless it is meant for them.
pub(super) const RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
/// The longest request id taken over from a client.
const MAX_ID_BYTES: usize = 128;

/// What the server reads of the rest of the program.
#[derive(Debug, Clone)]
pub struct Handles {
    /// Where the newest snapshot is.
    pub cell: Arc<SnapshotCell>,
    /// The server's counters.
    pub tally: Arc<HttpTally>,
    /// Cancelled when the program begins to stop: from then on it is not ready. The server cancels it itself
    /// when it begins to drain.
    pub draining: CancellationToken,
    /// Where operators' actions on probes go; nothing where none can be carried out, which answers 404.
    pub actions: Option<mpsc::Sender<ActionRequest>>,
    /// The past of every series; nothing where none is kept, which answers 404.
    pub history: Option<History>,
    /// What of the past is on disk; nothing where none is kept.
    pub archive: Option<Archive>,
    /// The way of events; nothing where none are taken, which answers 404.
    pub events: Option<Events>,
    /// Who makes backups; nothing where nobody does, which answers 404.
    pub backups: Option<Backups>,
    /// What people are shown; the rest answers 404.
    pub page: page::Config,
    /// Takes secrets out of what is answered of an action; the snapshot comes without them.
    pub redactor: Redactor,
}

impl Handles {
    /// Those without which there is no server; what can be left out is not there.
    pub fn new(cell: Arc<SnapshotCell>, tally: Arc<HttpTally>) -> Self {
        Self {
            cell,
            tally,
            draining: CancellationToken::new(),
            actions: None,
            history: None,
            archive: None,
            events: None,
            backups: None,
            page: page::Config::default(),
            redactor: Redactor::default(),
        }
    }
}

/// What the routes share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) handles: Handles,
    pub(super) editions: Editions,
    pub(super) encoders: Arc<MetricEncoders>,
    pub(super) limits: BodyLimits,
    /// Questions about the archive and the past.
    pub(super) queries: Queries,
    /// Questions about events: one that goes through many of them holds up no others.
    pub(super) event_queries: Queries,
    /// What streams of events read from the disk.
    pub(super) stream_queries: Queries,
    pub(super) bodies: PackedBodies,
    pub(super) live: Live,
    pub(super) outcomes: Outcomes,
    /// The page's files, ready to be sent.
    pub(super) assets: [Arc<ReadyBody>; 2],
}

impl Shared {
    pub(super) fn new(config: &Config, handles: Handles) -> Self {
        let limits = BodyLimits {
            size: usize::try_from(config.max_body.0).unwrap_or(usize::MAX),
            time: config.body_timeout.0,
            timeouts: handles.tally.body_timeouts.clone(),
        };
        Self {
            editions: Editions::new(handles.tally.encoded.clone()),
            encoders: Arc::new(MetricEncoders::new(handles.tally.left_out.clone())),
            live: Live::new(
                &config.stream,
                config.max_connections,
                handles.tally.stream.clone(),
                &handles.draining,
            ),
            bodies: PackedBodies::new(limits.size),
            limits,
            queries: Queries::new(AT_ONCE),
            event_queries: Queries::new(AT_ONCE),
            stream_queries: Queries::new(STREAMS_AT_ONCE),
            outcomes: Outcomes::default(),
            assets: page::ASSETS.map(|asset| {
                let content_type = HeaderValue::from_static(asset.content_type);
                Arc::new(ReadyBody::new((content_type, asset.text.into())))
            }),
            handles,
        }
    }

    /// The newest edition.
    ///
    /// # Errors
    /// 503 before the first snapshot.
    pub(super) fn edition(&self) -> Result<Arc<Edition>, Problem> {
        match self.handles.cell.load() {
            Some(snapshot) => Ok(self.editions.of(snapshot, self.draining())),
            None => Err(Problem::not_ready(&[(
                "snapshot",
                "no snapshot yet: the first collection is under way",
            )])),
        }
    }

    /// The past as it is now.
    ///
    /// # Errors
    /// 404 where none is kept.
    pub(super) fn past(&self) -> Result<Arc<View>, Problem> {
        let history = self.handles.history.as_ref();
        let off = || Problem::not_found("the history is switched off (history.enabled)");
        history.map(History::view).ok_or_else(off)
    }

    /// Whether the program is about to stop.
    pub(super) fn draining(&self) -> bool {
        self.handles.draining.is_cancelled()
    }
}

impl FromRef<Arc<Shared>> for BodyLimits {
    fn from_ref(shared: &Arc<Shared>) -> Self {
        shared.limits.clone()
    }
}

/// Everything behind a connection.
pub(super) struct Site {
    guard: Guard,
    router: TowerToHyperService<Router>,
    tally: Arc<HttpTally>,
    ids: RequestIds,
}

impl Site {
    pub(super) fn new(guard: Guard, router: Router, tally: Arc<HttpTally>) -> Self {
        Self {
            guard,
            router: TowerToHyperService::new(router),
            tally,
            ids: RequestIds::new(),
        }
    }

    /// Answers one request; whatever happens, there is an answer.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        link: &Arc<Link>,
    ) -> Response<Body> {
        let id = self.ids.of(&request);
        link.serves(request.method().clone(), request.uri().clone());
        let mut response = match self.route(request, link).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        };
        self.tally.request(response.status().as_u16()).increment();
        self.log(&id, &mut response);
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers
            .entry(RESOURCE_POLICY)
            .or_insert(HeaderValue::from_static("same-origin"));
        // Every answer is of this second: a cache may keep it, but has to ask.
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache"));
        response
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        link: &Arc<Link>,
    ) -> Result<Response<Body>, Problem> {
        let (mut parts, body) = request.into_parts();
        let trusted = self.guard.check(&parts, link.conflict())?;
        if !parts.uri.path().starts_with('/') {
            // CONNECT and `OPTIONS *` name no resource.
            return Err(Problem::not_found("there is nothing at this address"));
        }
        parts.extensions.insert(trusted);
        parts.extensions.insert(link.clone());
        let called = self.router.call(Request::from_parts(parts, body));
        let caught = CatchPanic(Box::pin(called)).await;
        match caught {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(never)) => match never {},
            Err(panic) => {
                self.tally.panics.increment();
                Err(Problem::internal(format!("handler panicked: {panic}")))
            }
        }
    }

    fn log(&self, id: &HeaderValue, response: &mut Response<Body>) {
        let inside = response.extensions_mut().remove::<Inside>();
        let Some(Inside(message)) = inside else {
            return;
        };
        let id = id.to_str().unwrap_or("");
        let status = response.status().as_u16();
        if response.status().is_server_error() {
            tracing::error!(request = id, status, "{message}");
        } else {
            tracing::debug!(request = id, status, "{message}");
        }
    }
}

/// Ids of requests that bring none: a random part for the process, and a count.
struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        Self {
            // The standard library seeds its hashers at random.
            process: RandomState::new().hash_one(Instant::now()),
            count: AtomicU64::new(1),
        }
    }

    /// The client's own id if it is a plain word, else a new one.
    fn of<B>(&self, request: &Request<B>) -> HeaderValue {
        let given = request.headers().get(REQUEST_ID);
        let plain = given.filter(|value| {
            let bytes = value.as_bytes();
            (1..=MAX_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        });
        plain.cloned().unwrap_or_else(|| {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            HeaderValue::try_from(format!("{:016x}-{count:x}", self.process))
                .expect("hex digits and a dash are a header value")
        })
    }
}

/// A future whose panic is its result: one handler's mistake must not end a connection without an answer.
struct CatchPanic<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is dropped and never polled again, so its broken state is not seen.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(panic_message(&*payload))),
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or(payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
        .to_owned()
}
