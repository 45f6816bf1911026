//! The listening socket and its connections: accepting, bounding, draining.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Config;
use super::guard::Guard;
use super::live::Hub;
use super::routes;
use super::site::{Handles, Shared, Site};
use super::stream::{ClientStream, Link};
use super::tally::HttpTally;

/// Headers of a request at most; browsers send about 20.
const MAX_HEADERS: usize = 100;
/// Bytes of a request's header at most, and of an answer gathered before it is written.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// The first pause after accepting failed; it doubles up to the longest. Without it, a process without free
/// descriptors would spin on the connection it cannot take.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest such pause: clients wait no longer than this once descriptors are free again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why the server cannot start. Every message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Somebody else listens there.
    #[error(
        "{address} is already in use; stop the program that listens there, or choose another address with `--listen` or `server.listen` (port 0 takes a free one)"
    )]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose another address with `--listen` or `server.listen`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The token file is of no use.
    #[error("token file {}: {reason}; put the token into its first line and let this user read it", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the end of the server left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections cut off because they outlasted the drain: client and request.
    pub stragglers: Vec<String>,
}

/// A bound server that does not run yet.
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
    site: Arc<Site>,
    builder: http1::Builder,
    tally: Arc<HttpTally>,
    draining: CancellationToken,
    hub: Hub,
    slots: Arc<Semaphore>,
    body_timeout: Duration,
    drain_timeout: Duration,
}

impl Server {
    /// Reads the token and binds the address; nothing is accepted before [`Server::run`].
    ///
    /// # Errors
    /// An [`HttpError`] that says what to do.
    pub fn bind(config: &Config, handles: Handles) -> Result<Self, HttpError> {
        let shared = Arc::new(Shared::new(config, handles));
        let router = routes::router(shared.clone());
        Self::bind_routes(config, &shared, router)
    }

    pub(super) fn bind_routes(
        config: &Config,
        shared: &Arc<Shared>,
        router: Router,
    ) -> Result<Self, HttpError> {
        let (address, handles) = (config.listen, &shared.handles);
        let listen = |source| HttpError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => HttpError::AddressInUse { address },
            _ => listen(source),
        })?;
        listener.set_nonblocking(true).map_err(listen)?;
        let local = listener.local_addr().map_err(listen)?;
        let guard = Guard::new(config, handles.page.public, local)?;
        Ok(Self {
            listener,
            local,
            site: Arc::new(Site::new(guard, router, handles.tally.clone())),
            builder: builder(config),
            tally: handles.tally.clone(),
            draining: handles.draining.clone(),
            hub: Hub::new(shared.clone()),
            slots: Arc::new(Semaphore::new(config.max_connections as usize)),
            body_timeout: config.body_timeout.0,
            drain_timeout: config.drain_timeout.0,
        })
    }

    /// The address it is bound to, with the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves until `shutdown` is cancelled; then accepts no more, lets requests under way end within the drain
    /// timeout, and cuts off the rest.
    ///
    /// # Errors
    /// [`HttpError::Listen`] when the runtime cannot take over the socket.
    pub async fn run(self, shutdown: CancellationToken) -> Result<Drained, HttpError> {
        let (address, tally) = (self.local, self.tally.clone());
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|source| HttpError::Listen { address, source })?;
        let mut connections = Connections {
            site: self.site,
            builder: self.builder,
            tally: self.tally,
            body_timeout: self.body_timeout,
            ending: CancellationToken::new(),
            tasks: JoinSet::new(),
            open: HashMap::new(),
        };
        let mut acceptor = Acceptor {
            listener,
            slots: self.slots,
            pause: FIRST_PAUSE,
        };
        let mut hub = JoinSet::new();
        hub.spawn(self.hub.run());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = hub.join_next() => mourn(ended, &connections.tally),
                Some(ended) = connections.tasks.join_next_with_id() => connections.reap(ended),
                accepted = acceptor.next(&connections.tally) => {
                    if let Some((stream, peer, slot)) = accepted {
                        connections.spawn(stream, peer, slot);
                    }
                }
            }
        }
        self.draining.cancel();
        drop(acceptor);
        let drained = connections.drain(self.drain_timeout).await;
        while let Some(ended) = hub.join_next().await {
            mourn(ended, &tally);
        }
        Ok(drained)
    }
}

/// Without its hub the live stream has ended, and says so to who asks; everything else goes on.
fn mourn(ended: Result<(), JoinError>, tally: &HttpTally) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tally.panics.increment();
        tracing::error!("the live stream's task panicked: {error}");
    }
}

fn builder(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout.0)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER_BYTES)
        .keep_alive(true);
    builder
}

/// Takes connections from the kernel, one for each free slot.
struct Acceptor {
    listener: tokio::net::TcpListener,
    slots: Arc<Semaphore>,
    pause: Duration,
}

impl Acceptor {
    /// The next connection and its slot; nothing after a failure, which was waited out.
    async fn next(
        &mut self,
        tally: &HttpTally,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        // Without a free slot nothing is accepted: further clients wait in the kernel's queue.
        let slot = self.slots.clone().acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, peer)) => {
                self.pause = FIRST_PAUSE;
                Some((stream, peer, slot))
            }
            Err(error) => {
                tally.accept_errors.increment();
                if !is_of_the_client(&error) {
                    let pause = self.pause;
                    self.pause = (pause * 2).min(LONGEST_PAUSE);
                    tracing::warn!(?pause, "cannot accept a connection: {error}");
                    // A connection that ends meanwhile cuts this short, and rightly: it frees a descriptor.
                    tokio::time::sleep(pause).await;
                }
                None
            }
        }
    }
}

/// Whether accepting failed because the client was gone already: the next one may be tried at once.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// The open connections, each a task.
struct Connections {
    site: Arc<Site>,
    builder: http1::Builder,
    tally: Arc<HttpTally>,
    body_timeout: Duration,
    /// Tells the connections to end after the request under way.
    ending: CancellationToken,
    tasks: JoinSet<()>,
    open: HashMap<Id, (SocketAddr, Arc<Link>)>,
}

impl Connections {
    fn spawn(&mut self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            // Answers are still right, only later.
            tracing::debug!(%peer, "cannot switch off Nagle's algorithm: {error}");
        }
        let link = Arc::new(Link::default());
        let timeouts = self.tally.write_timeouts.clone();
        let stream = ClientStream::new(stream, link.clone(), self.body_timeout, timeouts);
        let connection = Connection {
            site: self.site.clone(),
            link: link.clone(),
            tally: self.tally.clone(),
            builder: self.builder.clone(),
            ending: self.ending.clone(),
            _slot: slot,
        };
        self.tally.opened.increment();
        let task = self.tasks.spawn(connection.run(stream));
        self.open.insert(task.id(), (peer, link));
    }

    fn reap(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        if let Err(error) = ended
            && error.is_panic()
        {
            self.tally.panics.increment();
            tracing::error!("a connection's task panicked: {error}");
        }
        self.open.remove(&id);
        self.tally.closed.increment();
    }

    /// Tells every connection to end after the request under way, waits for them, and cuts off the rest.
    async fn drain(mut self, timeout: Duration) -> Drained {
        self.ending.cancel();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.reap(ended);
            }
        };
        let in_time = tokio::time::timeout(timeout, all_ended).await.is_ok();
        let mut drained = Drained::default();
        if !in_time {
            drained.stragglers = self.name_stragglers();
            self.tasks.abort_all();
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.reap(ended);
            }
        }
        drained
    }

    fn name_stragglers(&self) -> Vec<String> {
        let named = self.open.values();
        let named: Vec<String> = named
            .map(|(peer, link)| format!("{peer}: {}", link.describe()))
            .collect();
        self.tally.stragglers.add(named.len() as u64);
        for straggler in &named {
            tracing::warn!("cut off a connection that outlasted the drain: {straggler}");
        }
        named
    }
}

/// One connection.
struct Connection {
    site: Arc<Site>,
    link: Arc<Link>,
    tally: Arc<HttpTally>,
    builder: http1::Builder,
    ending: CancellationToken,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: ClientStream) {
        let (site, link) = (&self.site, &self.link);
        let service = service_fn(move |request: Request<Incoming>| async move {
            Ok::<Response<Body>, std::convert::Infallible>(site.answer(request, link).await)
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = self.ending.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    result = connection => result,
                    // Who does not take what a stream sends is not waited for.
                    () = link.streams_in_vain() => return link.give_up(),
                }
            }
        };
        if let Err(error) = result {
            if error.is_timeout() {
                self.tally.header_timeouts.increment();
            } else if error.is_parse() || error.is_parse_too_large() {
                self.tally.malformed.increment();
            }
            tracing::debug!("a connection ended early: {error}");
        }
    }
}
