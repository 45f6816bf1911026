//! Exchanges that are recorded, or had of a tape: what is checked before them is checked all the same.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;
use wasmtime_wasi_http::{Error, WasiBody};

use super::body::Sent;
use super::exchange::{self, Waits};
use super::{Answered, Cleared, Reach};
use crate::probe::grants::denied::Denier;
use crate::probe::tape::{Deck, HttpEnd, HttpPlace, HttpReplay, HttpReplayed, Tape};

/// A request as the guest wrote it.
pub(super) struct Asked {
    deck: Arc<Deck>,
    method: String,
    url: String,
}

/// What the guest asks for, if there is a tape.
pub(super) fn asked(tape: &Tape, request: &Request<WasiBody>) -> Option<Asked> {
    let deck = tape.deck().filter(|_| tape.has_answers())?.clone();
    Some(Asked {
        deck,
        method: request.method().to_string(),
        url: request.uri().to_string(),
    })
}

impl Asked {
    /// Has the answer of the tape, or sends the request and puts the answer onto it.
    pub(super) async fn run(
        self,
        reach: &Reach,
        denier: &Denier,
        cleared: Cleared,
        waits: Waits,
    ) -> Result<Answered, Error> {
        match self.deck.http_replay(&self.method, &self.url) {
            Some(replay) => replayed(self.deck, reach, denier, cleared, waits, replay).await,
            None => {
                let place = self.deck.http_asked(&self.method, &self.url);
                let answered = exchange::run(reach, denier, cleared, waits).await;
                match place {
                    Some(place) => noted(self.deck, place, answered),
                    None => answered,
                }
            }
        }
    }
}

/// Puts what came of a request onto the tape, the body as the guest reads it.
fn noted(
    deck: Arc<Deck>,
    place: HttpPlace,
    answered: Result<Answered, Error>,
) -> Result<Answered, Error> {
    let (response, drive) = answered.inspect_err(|error| deck.http_failed(place, error))?;
    let status = response.status().as_u16();
    deck.http_began(place, status, response.headers());
    let note = |body| {
        WasiBody::new(Noted {
            body,
            deck,
            place,
            waits: false,
            over: false,
        })
    };
    Ok((response.map(note), drive))
}

/// A body whose pieces go onto the tape.
struct Noted {
    body: WasiBody,
    deck: Arc<Deck>,
    place: HttpPlace,
    /// Whether the guest waits for more.
    waits: bool,
    over: bool,
}

impl Body for Noted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.waits = true;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.waits = false;
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.deck.http_piece(self.place, data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.deck.http_trailers(self.place, trailers);
                }
            }
            Some(Err(error)) => {
                self.deck.http_failed(self.place, error);
                self.over = true;
                self.deck.http_ended(self.place, None);
            }
            None => {
                self.over = true;
                self.deck.http_ended(self.place, None);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        if self.over || self.body.is_end_stream() {
            self.deck.http_ended(self.place, None);
            return;
        }
        let ends = if self.waits {
            HttpEnd::Silent
        } else {
            HttpEnd::Unread
        };
        self.deck.http_ended(self.place, Some(ends));
    }
}

/// Takes a request's body, as a server would, and gives the recorded answer.
async fn replayed(
    deck: Arc<Deck>,
    reach: &Reach,
    denier: &Denier,
    cleared: Cleared,
    waits: Waits,
    replay: HttpReplay,
) -> Result<Answered, Error> {
    let (sending, receiving) = exchange::limits(reach, denier, &cleared.origin);
    let mut sent = Sent::new(cleared.request.into_body(), sending);
    let drained = async {
        while let Some(frame) = sent.frame().await {
            frame?;
        }
        Ok::<(), Error>(())
    };
    timeout_at(waits.answer(), drained)
        .await
        .map_err(|_| Error::ConnectionReadTimeout)??;
    let answer = match replay {
        HttpReplay::Answer(answer) => *answer,
        HttpReplay::Error(error) => return Err(error),
        HttpReplay::Silence => {
            tokio::time::sleep_until(waits.answer()).await;
            return Err(Error::ConnectionReadTimeout);
        }
    };
    let mut response = Response::builder().status(answer.status);
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(&answer.headers);
    }
    let body = Played::new(deck, answer, cleared.slot);
    let response = response.body(WasiBody::new(waits.received(body, receiving)));
    let response = response.map_err(|error| Error::InternalError(Some(error.to_string())))?;
    Ok((response, Box::new(async { Ok(()) })))
}

/// A body off the tape.
struct Played {
    deck: Arc<Deck>,
    pieces: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    error: Option<Error>,
    ends: Option<HttpEnd>,
    /// Of the requests that may be under way at once, until the body has come to its end.
    slot: Option<OwnedSemaphorePermit>,
}

impl Played {
    fn new(deck: Arc<Deck>, answer: HttpReplayed, slot: OwnedSemaphorePermit) -> Self {
        let mut body = Self {
            deck,
            pieces: answer.pieces.into(),
            trailers: answer.trailers,
            error: answer.error,
            ends: answer.ends,
            slot: Some(slot),
        };
        if body.is_end_stream() {
            body.slot = None;
        }
        body
    }
}

impl Body for Played {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.ends {
            // What holds it to its times wakes the guest.
            Some(HttpEnd::Silent) => return Poll::Pending,
            Some(HttpEnd::Unread) => {
                let missed = self
                    .deck
                    .miss("the rest of an HTTP answer that was not read to its end");
                return Poll::Ready(Some(Err(Error::InternalError(Some(missed.message)))));
            }
            None => {}
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        self.slot = None;
        Poll::Ready(self.error.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        let more = self.trailers.is_some() || self.error.is_some() || self.ends.is_some();
        self.pieces.is_empty() && !more
    }
}
