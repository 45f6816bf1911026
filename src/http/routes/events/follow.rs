//! Events as they come: Server-Sent Events that go on where a client was, however long ago that is.
//!
//! What was committed a moment ago comes from memory, encoded once for all who get it; what is older comes from the store. A client
//! that is slow is therefore never overtaken: it reads on from the disk.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body as ResponseBody, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response};
use hyper::body::{Body, Frame};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::ReusableBoxFuture;

use super::shown::Shown;
use super::{PATIENCE, events, question, refused, unread};
use crate::event::{EventFilter, Events, EventsAfter, FeedEvent, Gap};
use crate::http::live::{LAST_EVENT_ID, Place, frame};
use crate::http::negotiate::Offer;
use crate::http::problem::Problem;
use crate::http::routes::stream::BUFFERING;
use crate::http::routes::value;
use crate::http::site::Shared;
use crate::http::stream::Link;
use crate::model::printable;

pub(super) const OFFER: Offer = Offer::plain("text/event-stream");
/// For those who cannot send a header.
pub(super) const LAST_PARAMETER: &str = "last_event_id";
/// Events looked at, and sent, at once.
const AT_ONCE: usize = 256;
/// Bytes of events from memory that wait for a client at most, beside the event that passes this: as much as is read for it from the
/// store.
const AT_ONCE_BYTES: usize = 1 << 20;

/// Places as ids: `EPOCH-SEQUENCE`, so that a place in one database is never taken for one in another.
struct Ids(String);

/// A client that follows.
struct Follower {
    shared: Arc<Shared>,
    events: Events,
    /// Its connection.
    link: Arc<Link>,
    newest: watch::Receiver<i64>,
    filter: Arc<EventFilter>,
    /// Up to which place it was looked.
    reached: i64,
    /// Up to which place it was told.
    told: i64,
    ids: Ids,
    /// Up to which place it was told that something may be missing.
    warned: i64,
    /// When the store had nothing more for it, the newest that was committed since the start of the program.
    settled: Option<i64>,
    /// What it is sent next.
    waiting: VecDeque<Bytes>,
    ended: bool,
    /// Runs out when it has heard nothing for too long.
    silence: Pin<Box<Sleep>>,
    _place: Place,
}

/// Opens the stream of the events that are meant.
///
/// # Errors
/// 503 when there is no place, or the store cannot be read; 400 for a parameter.
pub(super) async fn open(
    shared: Arc<Shared>,
    link: Arc<Link>,
    pairs: &[(String, String)],
    headers: &HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    if !shared.live.is_enabled() {
        return Err(Problem::not_found("the live stream is switched off here"));
    }
    let filter = Arc::new(question::filter(pairs)?);
    let events = events(&shared)?.clone();
    let place = shared.live.place()?;
    let newest = events.feed().newest();
    let header = headers.get(LAST_EVENT_ID).map(|value| value.as_bytes());
    let last = header.or(value(pairs, LAST_PARAMETER).map(str::as_bytes));
    let last = last.filter(|last| !last.is_empty());
    let (newest_place, epoch) = events.newest().map_err(refused)?;
    let ids = Ids(epoch);
    let (reached, reset) = begin(&ids, newest_place, last);
    let keep_alive = shared.live.keep_alive();
    link.streams();
    let follower = Follower {
        waiting: [Some(frame::greeting(&ids.at(reached))), reset]
            .into_iter()
            .flatten()
            .collect(),
        events,
        link,
        newest,
        filter,
        reached,
        told: reached,
        ids,
        warned: 0,
        settled: None,
        ended: false,
        silence: Box::pin(sleep(keep_alive)),
        _place: place,
        shared,
    };
    let stream = Stream(ReusableBoxFuture::new(follower.next()));
    let mut response = Response::new(ResponseBody::new(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, OFFER.header());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

impl Ids {
    fn at(&self, sequence: i64) -> String {
        format!("{}-{sequence}", self.0)
    }

    /// The place that an id means; the beginning is the same in every database.
    ///
    /// # Errors
    /// Why it is none, as a word and in a sentence.
    fn read(&self, id: &[u8], newest: i64) -> Result<i64, (&'static str, &'static str)> {
        let malformed = (
            "malformed",
            "the last event id is not one that this stream gives",
        );
        let text = std::str::from_utf8(id).map_err(|_| malformed)?;
        if text == "0" {
            return Ok(0);
        }
        let (epoch, place) = text.split_once('-').ok_or(malformed)?;
        let place: i64 = place.parse().map_err(|_| malformed)?;
        if epoch.is_empty() || place < 0 {
            return Err(malformed);
        }
        if epoch != self.0 {
            let detail =
                "it is an id of another database, or of this one before a backup was restored";
            return Err(("other_database", detail));
        }
        if place > newest {
            return Err(("future", "no event has this place yet"));
        }
        Ok(place)
    }
}

/// The place after which a client hears everything, and what it is told if that is not where it was.
fn begin(ids: &Ids, newest: i64, last: Option<&[u8]>) -> (i64, Option<Bytes>) {
    let Some(last) = last else {
        return (newest, None);
    };
    match ids.read(last, newest) {
        Ok(place) => (place, None),
        Err((word, detail)) => {
            let last = String::from_utf8_lossy(last);
            let reset = reset(word, detail, &last, &ids.at(newest));
            (newest, Some(reset))
        }
    }
}

/// Tells that it goes on elsewhere than where the client was.
fn reset(reason: &str, detail: &str, last: &str, id: &str) -> Bytes {
    let data = json!({ "reason": reason, "detail": detail, "last_event_id": printable(last, 64) });
    frame::event("reset", Some(id), data.to_string().as_bytes())
}

/// An event as it is sent.
fn told(id: &str, sequence: i64, event: &crate::model::Event) -> Bytes {
    let data = Shown::of(sequence, event).encoded();
    frame::event("message", Some(id), &data)
}

impl Follower {
    /// Waits for what is to be sent next, and gives itself back; nothing at the end.
    async fn next(mut self) -> (Self, Option<Bytes>) {
        let frame = self.wait().await;
        if frame.is_some() {
            let next = Instant::now() + self.shared.live.keep_alive();
            self.silence.as_mut().reset(next);
        }
        (self, frame)
    }

    async fn wait(&mut self) -> Option<Bytes> {
        let shared = self.shared.clone();
        let end = shared.live.end();
        loop {
            if self.ended {
                return None;
            }
            if end.is_cancelled() {
                return self.end("the program is stopping");
            }
            // While the last frame waits for room, nothing is read for it.
            tokio::select! {
                () = self.link.taken() => {}
                () = end.cancelled() => continue,
            }
            if let Some(frame) = self.waiting.pop_front() {
                return Some(frame);
            }
            let newest = *self.newest.borrow_and_update();
            match self.events.feed().after(self.reached, AT_ONCE) {
                Ok(events) if events.is_empty() => {}
                Ok(events) => {
                    self.take(&events);
                    continue;
                }
                Err(Gap) if self.settled == Some(newest) => {}
                Err(Gap) => match self.read_on(newest).await {
                    Ok(()) => continue,
                    Err(problem) => return self.end(problem.detail()),
                },
            }
            tokio::select! {
                Ok(()) = self.newest.changed() => {}
                () = end.cancelled() => {}
                () = &mut self.silence => return Some(self.sign_of_life()),
            }
        }
    }

    /// Takes what was committed a moment ago, as much of it as may wait for this client.
    fn take(&mut self, events: &[FeedEvent]) {
        let (encoded, ids) = (&self.shared.live.tally().frames_encoded, &self.ids);
        let mut frames = Vec::new();
        for event in events {
            self.reached = event.sequence;
            if self.filter.fits(event.event()) {
                self.told = event.sequence;
                frames.extend_from_slice(&event.encoded(|event| {
                    encoded.increment();
                    told(&ids.at(event.sequence), event.sequence, event.event())
                }));
            }
            if frames.len() >= AT_ONCE_BYTES {
                break;
            }
        }
        if !frames.is_empty() {
            self.waiting.push_back(frames.into());
        }
    }

    /// Takes what is older from the store.
    async fn read_on(&mut self, newest: i64) -> Result<(), Problem> {
        let (events, filter, reached) = (self.events.clone(), self.filter.clone(), self.reached);
        let read = move || -> Result<EventsAfter, Problem> {
            let mut reader = events.reader(PATIENCE).map_err(refused)?;
            reader.after(reached, &filter, AT_ONCE).map_err(unread)
        };
        let after = self.shared.stream_queries.run(read).await?;
        if after.gap && self.warned <= self.reached {
            self.warned = after.newest;
            let detail = "of the events after this place some were let go";
            let id = self.ids.at(self.reached);
            self.waiting.push_back(reset("too_old", detail, &id, &id));
        }
        let mut frames = Vec::new();
        for kept in &after.events {
            self.told = kept.sequence;
            let id = self.ids.at(kept.sequence);
            frames.extend_from_slice(&told(&id, kept.sequence, &kept.event));
        }
        if !frames.is_empty() {
            self.waiting.push_back(frames.into());
        }
        self.reached = after.reached;
        self.settled = (after.reached >= after.newest).then_some(newest);
        Ok(())
    }

    /// What breaks a long silence: the place that was reached, if what happened meanwhile was not for this client.
    fn sign_of_life(&mut self) -> Bytes {
        if self.reached == self.told {
            return frame::KEEP_ALIVE;
        }
        self.told = self.reached;
        frame::greeting(&self.ids.at(self.reached))
    }

    /// The last thing that is sent.
    fn end(&mut self, reason: &str) -> Option<Bytes> {
        self.ended = true;
        Some(frame::farewell(reason))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if self.link.is_given_up() {
            self.shared.live.tally().dropped_slow.increment();
        }
    }
}

/// The client as a body that hyper sends.
struct Stream(ReusableBoxFuture<'static, (Follower, Option<Bytes>)>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (follower, frame) = ready!(self.0.poll(cx));
        self.0.set(follower.next());
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }
}
