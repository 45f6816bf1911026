//! Bodies that are counted: a request's up to its limit, an answer's up to its limit and in time.
//!
//! What breaks a limit is told like what is not granted: it ends as an error in the guest, and only the operator can raise
//! the limit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::probe::grants::denied::{Attempt, Denier};

/// How much may pass, and whom to tell when it is more.
pub(super) struct Limit {
    pub(super) bytes: u64,
    pub(super) left: u64,
    pub(super) denier: Denier,
    pub(super) attempt: Attempt,
}

impl Limit {
    pub(super) fn new(bytes: u64, denier: &Denier, attempt: Attempt) -> Self {
        Self {
            bytes,
            left: bytes,
            denier: denier.clone(),
            attempt,
        }
    }

    /// Lets a frame pass, or gives the limit that it breaks.
    fn pass(&mut self, frame: &Frame<Bytes>) -> Result<(), u64> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.denier.note(&self.attempt);
                Err(self.bytes)
            }
        }
    }
}

/// A request's body.
pub(super) struct Sent {
    body: WasiBody,
    limit: Limit,
}

impl Sent {
    pub(super) fn new(body: WasiBody, limit: Limit) -> Self {
        Self { body, limit }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            let passed = self.limit.pass(&frame);
            passed.map_err(|limit| Error::HttpRequestBodySize(Some(limit)))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body.
pub(super) struct Received<B> {
    body: B,
    limit: Limit,
    /// How long it may be silent.
    between: Duration,
    /// When everything ends.
    deadline: Instant,
    silence: Pin<Box<Sleep>>,
}

impl<B> Received<B> {
    pub(super) fn new(body: B, limit: Limit, between: Duration, deadline: Instant) -> Self {
        let end = deadline.min(Instant::now() + between);
        Self {
            body,
            limit,
            between,
            deadline,
            silence: Box::pin(tokio::time::sleep_until(end)),
        }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Received<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            ready!(self.silence.as_mut().poll(context));
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        let end = self.deadline.min(Instant::now() + self.between);
        self.silence.as_mut().reset(end);
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            let passed = self.limit.pass(&frame);
            passed.map_err(|limit| Error::HttpResponseBodySize(Some(limit)))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
