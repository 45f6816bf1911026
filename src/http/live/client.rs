//! One client's stream: what it is sent, and when.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::http::HeaderValue;
use hyper::body::{Body, Frame};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::ReusableBoxFuture;

use super::past::{Lost, Next, Start};
use super::subscription::Subscription;
use super::tally::Place;
use super::topics::TOPICS;
use super::views::View;
use super::{Live, SharedLive, frame};
use crate::http::bodies::{Document, Edition};
use crate::http::problem::Problem;
use crate::http::stream::Link;
use crate::model::printable;

/// What a frame is, for the bodies' cache; it is never sent from there by itself.
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
/// The longest part of a client's wrong id that is told back.
const MAX_ID_SHOWN: usize = 64;

/// A client.
struct Client {
    shared: SharedLive,
    /// Its connection.
    link: Arc<Link>,
    news: watch::Receiver<u64>,
    /// For each of the topics, whether it is wanted.
    topics: [bool; TOPICS.len()],
    /// The last transition that it was told.
    cursor: u64,
    /// The last transition whose id it was sent.
    told: u64,
    /// The documents that it wants, and the number of the last frame of each that it was given.
    views: Vec<(Arc<View>, u64)>,
    /// What it is sent first.
    first: VecDeque<Bytes>,
    /// The farewell was said.
    ended: bool,
    /// Runs out when it has heard nothing for too long.
    silence: Pin<Box<Sleep>>,
    _place: Place,
}

/// Opens a stream over the connection `link`.
///
/// # Errors
/// 503 when there is no place or nothing to show yet, 400 when a part is not there.
pub(in crate::http) async fn open(
    shared: SharedLive,
    link: Arc<Link>,
    wanted: Subscription,
) -> Result<axum::body::Body, Problem> {
    let live = &shared.live;
    let place = live.place()?;
    let edition = shared.edition()?;
    let mut views = Vec::with_capacity(wanted.views.len());
    for (kind, parts) in wanted.views {
        let view = live.views.get(kind, parts, &live.tally)?;
        // A part that is not there is told now, by a status.
        view.body(&edition)
            .await
            .map_err(|problem| problem.member("parameter", "parts".into()))?;
        views.push((view, 0));
    }
    let news = live.news.subscribe();
    let start = live
        .past
        .start(wanted.last.as_deref(), || shared.handles.cell.load());
    let (cursor, keep_alive) = (start.cursor, live.keep_alive);
    let first = first_words(&shared, &wanted.topics, wanted.last.as_deref(), start).await?;
    if views.iter().any(|(view, _)| view.is_empty()) {
        live.asked.notify_one();
    }
    link.streams();
    let client = Client {
        link,
        news,
        topics: wanted.topics,
        cursor,
        told: cursor,
        views,
        first,
        ended: false,
        silence: Box::pin(sleep(keep_alive)),
        _place: place,
        shared,
    };
    Ok(axum::body::Body::new(Stream(ReusableBoxFuture::new(
        client.next(),
    ))))
}

/// What is sent before anything happens: an id to come back with, why the last one is of no use, and how things stand.
async fn first_words(
    shared: &SharedLive,
    topics: &[bool],
    last: Option<&[u8]>,
    start: Start,
) -> Result<VecDeque<Bytes>, Problem> {
    let mut first = VecDeque::from([frame::greeting(&start.id)]);
    if let Some(lost) = start.lost {
        first.push_back(reset(lost, last.unwrap_or_default(), &start.id));
    }
    let Some(snapshot) = start.state else {
        return Ok(first);
    };
    // It may be a newer one: what happened in between is then told once more, and nothing is lost.
    let edition = shared.editions.of(snapshot, shared.draining());
    for (topic, _) in TOPICS.iter().zip(topics).filter(|(_, wanted)| **wanted) {
        let name = format!("/api/v1/stream/{}", topic.name);
        let encoded = shared.live.tally.frames_encoded.clone();
        let render = move |edition: &Edition| {
            encoded.increment();
            let event = (topic.state)(&edition.snapshot);
            let data = event.data.to_string();
            let frame = frame::event(event.name, None, data.as_bytes());
            Ok((EVENTS, frame.into()))
        };
        // Kept with the edition's bodies, so that a crowd that comes at once costs one.
        let body = edition.body(Document::Part(&name), render).await?;
        first.push_back(body.bytes().clone());
    }
    Ok(first)
}

fn reset(lost: Lost, last: &[u8], id: &str) -> Bytes {
    let data = json!({
        "reason": lost.as_str(),
        "detail": lost.detail(),
        "last_event_id": printable(&String::from_utf8_lossy(last), MAX_ID_SHOWN),
    });
    frame::event("reset", Some(id), data.to_string().as_bytes())
}

impl Client {
    fn live(&self) -> &Live {
        &self.shared.live
    }

    /// Waits for what is to be sent next, and gives itself back; nothing at the end.
    async fn next(mut self) -> (Self, Option<Bytes>) {
        let frame = self.wait().await;
        if frame.is_some() {
            let next = Instant::now() + self.live().keep_alive;
            self.silence.as_mut().reset(next);
        }
        (self, frame)
    }

    async fn wait(&mut self) -> Option<Bytes> {
        let shared = self.shared.clone();
        let live = &shared.live;
        loop {
            if self.ended {
                return None;
            }
            if live.end.is_cancelled() {
                return self.end("the program is stopping");
            }
            // While the last frame waits for room, nothing is queued behind it: the next will be the newest.
            tokio::select! {
                () = self.link.taken() => {}
                () = live.end.cancelled() => continue,
            }
            self.news.borrow_and_update();
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            if self.ended {
                continue;
            }
            tokio::select! {
                Ok(()) = self.news.changed() => {}
                () = live.end.cancelled() => {}
                () = &mut self.silence => return Some(self.sign_of_life()),
            }
        }
    }

    /// What is there for it now.
    fn take(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.first.pop_front() {
            return Some(frame);
        }
        let shared = self.shared.clone();
        let live = &shared.live;
        if !self.topics.contains(&true) {
            self.cursor = live.past.newest();
        }
        match live.past.next(&mut self.cursor, |topic| self.topics[topic]) {
            Next::Told(transition) => {
                self.told = self.cursor;
                return Some(transition.frame(&live.tally.frames_encoded));
            }
            Next::Overtaken => {
                live.tally.dropped_overtaken.increment();
                return self.end("too slow: more has happened than is kept");
            }
            Next::Nothing => {}
        }
        let mut newer = self.views.iter_mut().filter_map(|(view, known)| {
            let newest = view.after(*known)?;
            *known = newest.number;
            Some(newest)
        });
        let newest = newer.next()?;
        if let Some(frame) = &newest.frame {
            return Some(frame.clone());
        }
        live.tally.dropped_no_part.increment();
        self.end("a part that was asked for is no longer there")
    }

    /// What breaks a long silence: the newest id, if what happened meanwhile was not for this client, so that it is not
    /// told later that it missed that.
    fn sign_of_life(&mut self) -> Bytes {
        if self.cursor == self.told {
            return frame::KEEP_ALIVE;
        }
        self.told = self.cursor;
        frame::greeting(&self.live().past.id(self.cursor))
    }

    /// The last thing that is sent.
    fn end(&mut self, reason: &str) -> Option<Bytes> {
        self.ended = true;
        Some(frame::farewell(reason))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.link.is_given_up() {
            self.live().tally.dropped_slow.increment();
        }
    }
}

/// The client as a body that hyper sends.
struct Stream(ReusableBoxFuture<'static, (Client, Option<Bytes>)>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (client, frame) = ready!(self.0.poll(cx));
        self.0.set(client.next());
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }
}
