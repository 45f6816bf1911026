//! A client's connection as bytes: a deadline for taking answers, and an end that lets the last answer arrive.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::{Method, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use super::framing::Framing;
use crate::model::{TallyCounter, printable};

/// How long a closed connection is still read, so that the answer before the close is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
/// How much is read and thrown away meanwhile.
const LINGER_BYTES: usize = 8 << 20;

/// What the parts that serve one connection know of each other.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// A header gave both a length and a transfer encoding.
    conflict: AtomicBool,
    /// The newest request; its answer may still be on its way.
    newest: Mutex<Option<(Method, Uri)>>,
    /// What is being sent finds no room: the client does not take it.
    stuck: watch::Sender<bool>,
    /// The client did not take an answer in time.
    given_up: AtomicBool,
    /// The answer under way has no end of its own.
    streams: AtomicBool,
}

impl Link {
    /// Whether a request's framing was ambiguous on this connection.
    pub(super) fn conflict(&self) -> bool {
        self.conflict.load(Ordering::Relaxed)
    }

    /// Notes the request that is served from now on.
    pub(super) fn serves(&self, method: Method, uri: Uri) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some((method, uri));
        self.streams.store(false, Ordering::Relaxed);
    }

    /// Notes that the answer under way has no end of its own.
    pub(super) fn streams(&self) {
        self.streams.store(true, Ordering::Relaxed);
    }

    /// Waits until everything that was sent has found room.
    pub(super) async fn taken(&self) {
        self.when_stuck(false).await;
    }

    /// Waits for ever, but on a connection whose answer has no end: there until what is sent finds no room.
    pub(super) async fn streams_in_vain(&self) {
        if !self.streams.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.when_stuck(true).await;
    }

    /// Whether the client was given up because it did not take an answer in time.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Gives the client up.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Notes whether what is being sent finds no room.
    pub(super) fn note_stuck(&self, stuck: bool) {
        self.stuck.send_replace(stuck);
    }

    async fn when_stuck(&self, wanted: bool) {
        // The usual case subscribes to nothing.
        if *self.stuck.borrow() != wanted {
            let mut stuck = self.stuck.subscribe();
            // An error would mean that the sender is gone, which is a field of this.
            let _gone = stuck.wait_for(|stuck| *stuck == wanted).await.is_err();
        }
    }

    /// The newest request in words.
    pub(super) fn describe(&self) -> String {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some((method, uri)) => format!("{method} {}", printable(uri.path(), 128)),
            None => "no whole request yet".into(),
        }
    }
}

/// The stream that hyper reads and writes.
pub(super) struct ClientStream {
    inner: TcpStream,
    link: Arc<Link>,
    framing: Framing,
    /// How long a client may take for an answer.
    write_timeout: Duration,
    write_timeouts: TallyCounter,
    /// Runs while an answer is stuck, from the first byte that found no room until all are taken.
    stuck: Option<Pin<Box<Sleep>>>,
    ended: bool,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl ClientStream {
    /// Wraps an accepted connection.
    pub(super) fn new(
        inner: TcpStream,
        link: Arc<Link>,
        write_timeout: Duration,
        write_timeouts: TallyCounter,
    ) -> Self {
        Self {
            inner,
            link,
            framing: Framing::new(),
            write_timeout,
            write_timeouts,
            stuck: None,
            ended: false,
            linger: None,
        }
    }

    /// Passes a write's result on; one that waits does so only until the deadline.
    fn by_deadline(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            return written;
        }
        let timeout = self.write_timeout;
        let stuck = self.stuck.get_or_insert_with(|| {
            self.link.note_stuck(true);
            Box::pin(sleep(timeout))
        });
        ready!(stuck.as_mut().poll(cx));
        self.write_timeouts.increment();
        self.link.give_up();
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client did not take the answer in time",
        )))
    }

    /// Reads on for a moment after a request that was answered before it was whole: closing with unread bytes
    /// would reset the connection, and the client might never see why it was refused.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (deadline, left) = self
            .linger
            .get_or_insert_with(|| (Box::pin(sleep(LINGER)), LINGER_BYTES));
        let mut space = [0; 8192];
        while !self.ended && *left > 0 && deadline.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len());
                }
                // Gone, or reset: either way there is nobody to wait for.
                Ok(()) | Err(_) => self.ended = true,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
        let came = &buffer.filled()[before..];
        this.ended |= came.is_empty();
        if this.framing.feed(came) {
            this.link.conflict.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.by_deadline(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.by_deadline(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty: then the answer is taken.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stuck.take().is_some() {
            self.link.note_stuck(false);
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            if self.framing.is_between_requests() {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_linger(cx)
    }
}
