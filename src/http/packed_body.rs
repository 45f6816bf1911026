//! Large bodies, which may be packed: bounded one by one, and in what all of them take together.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use flate2::bufread::MultiGzDecoder;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::guard::too_large;
use super::problem::Problem;
use super::request_body::{BodyLimits, media, read_within};

/// What all such bodies may take at once, in kibibytes, but no less than so many of the largest; who finds no room is told to come
/// again. What they unpack to comes on top: no more than one is unpacked at a time.
const ROOM_KIB: usize = 80 << 10;
const ROOM_BODIES: usize = 4;
/// Kibibytes that are kept for small bodies, and how small they are: what large ones take, or hold and do not send, is no matter to
/// them.
const SMALL_ROOM_KIB: usize = 8 << 10;
const SMALL_KIB: usize = 64;
/// Plain bodies worked on at once: more would only take the processors from those who sample.
const PLAIN_AT_ONCE: usize = 2;
/// The same for packed ones: what they cost shows only when they are unpacked, so they hold up no others.
const PACKED_AT_ONCE: usize = 1;
/// How long a body waits for its turn: who is told to come again keeps nothing here meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
/// What gzip may unpack to: so many times its size, and so many bytes more. Events that differ in their ids and times come to some
/// twenty times.
const MOST_TIMES: usize = 100;
const MOST_MORE: usize = 64 << 10;
/// Below this size a body is worked on where it was received: handing it over costs more.
const LIGHT_BYTES: usize = 4 << 10;

/// The room that there is for such bodies.
#[derive(Debug)]
pub(super) struct PackedBodies {
    room: Arc<Semaphore>,
    small_room: Arc<Semaphore>,
    plain: Arc<Semaphore>,
    packed: Arc<Semaphore>,
    /// How long a body waits for its turn.
    patience: Duration,
}

/// A body as it came, with the room that it takes.
#[derive(Debug)]
pub(super) struct PackedBody {
    bytes: Vec<u8>,
    is_packed: bool,
    limit: usize,
    /// Which of the accepted media types it is.
    pub(super) media: usize,
    /// Nothing where it has no bytes.
    _room: Option<OwnedSemaphorePermit>,
}

impl PackedBodies {
    /// For bodies of at most `most` bytes each.
    pub(super) fn new(most: usize) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            room: semaphore(ROOM_KIB.max(ROOM_BODIES * most.div_ceil(1 << 10))),
            small_room: semaphore(SMALL_ROOM_KIB),
            plain: semaphore(PLAIN_AT_ONCE),
            packed: semaphore(PACKED_AT_ONCE),
            patience: PATIENCE,
        }
    }

    /// Receives a body of one of the `accepted` media types, plain or as gzip.
    ///
    /// # Errors
    /// 415 for another type or packing, 413 when it is too large, 429 when there is no room beside the others, 408 and 400 when it
    /// does not come.
    pub(super) async fn receive(
        &self,
        request: Request<Body>,
        limits: &BodyLimits,
        accepted: &[&str],
    ) -> Result<PackedBody, Problem> {
        let (parts, body) = request.into_parts();
        let (media, is_packed) = kind(&parts.headers, accepted)?;
        let announced = body.size_hint().exact().unwrap_or(0);
        if announced > limits.size as u64 {
            return Err(too_large(limits.size as u64));
        }
        let mut room = None;
        let bytes = read_within(body, limits, |bytes| {
            // What it has goes first, or it would need the room of both.
            drop(room.take());
            room = Some(self.room_for(bytes)?);
            Ok(())
        });
        Ok(PackedBody {
            bytes: bytes.await?,
            is_packed,
            limit: limits.size,
            media,
            _room: room,
        })
    }

    /// Room for a body of so many bytes.
    fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let kibibytes = bytes.div_ceil(1 << 10);
        let permits = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        let take = |room: &Arc<Semaphore>| room.clone().try_acquire_many_owned(permits).ok();
        let small = (kibibytes <= SMALL_KIB).then(|| take(&self.small_room));
        let room = small.flatten().or_else(|| take(&self.room));
        room.ok_or_else(|| {
            busy("the bodies of other requests take all the room there is for them; try again")
                .closing()
        })
    }

    /// Unpacks a body and does `work` with it: large ones on a thread that may be busy for a while, a few at a time.
    ///
    /// # Errors
    /// What the work gives; 400 and 413 where the body cannot be unpacked; 429 when others take too long.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        body: PackedBody,
        work: impl FnOnce(&[u8]) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if !body.is_packed && body.bytes.len() <= LIGHT_BYTES {
            return work(&body.bytes);
        }
        let turns = if body.is_packed {
            &self.packed
        } else {
            &self.plain
        };
        let Ok(Ok(turn)) = timeout(self.patience, turns.clone().acquire_owned()).await else {
            let detail =
                "the bodies of other requests take all the time there is for them; try again";
            return Err(busy(detail));
        };
        let done = tokio::task::spawn_blocking(move || {
            // The room and the turn go when this is done, also when nobody waits for it any more.
            let (body, _turn) = (body, turn);
            match body.is_packed {
                true => work(&unpack(&body.bytes, body.limit)?),
                false => work(&body.bytes),
            }
        });
        done.await
            .map_err(|error| Problem::internal(format!("a body's work failed: {error}")))?
    }
}

fn kind(headers: &HeaderMap, accepted: &[&str]) -> Result<(usize, bool), Problem> {
    let coding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
    let is_packed = match coding {
        None => Some(false),
        Some(coding) if coding.eq_ignore_ascii_case(b"identity") => Some(false),
        Some(coding) if coding.eq_ignore_ascii_case(b"gzip") => Some(true),
        Some(_) => None,
    };
    media(headers, accepted).zip(is_packed).ok_or_else(|| {
        let types = accepted.join(" or ");
        let detail = format!("the body must be {types}, as it is or with Content-Encoding: gzip");
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).closing()
    })
}

/// 429: it may work in a moment.
fn busy(detail: &str) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Unpacks at most `limit` bytes, and no more than what was not packed to do harm: a few kilobytes may unpack to gigabytes.
fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let fair = packed.len().saturating_mul(MOST_TIMES) + MOST_MORE;
    let limit = limit.min(fair);
    let mut unpacked = Vec::with_capacity(packed.len().saturating_mul(4).min(limit));
    let mut unpacking = MultiGzDecoder::new(packed).take(limit as u64 + 1);
    unpacking.read_to_end(&mut unpacked).map_err(|error| {
        Problem::bad_request("the body is not whole gzip, as Content-Encoding says")
            .inside(error.to_string())
    })?;
    if unpacked.len() > limit {
        return Err(too_large(limit as u64));
    }
    Ok(unpacked)
}

#[cfg(test)]
#[path = "packed_body_tests.rs"]
mod tests;
