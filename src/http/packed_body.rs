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
use super::request_body::{BodyLimits, media, read};

/// What all such bodies may take at once, in kibibytes; who finds no room is told to come again.
const ROOM_KIB: usize = 96 << 10;
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
    plain: Semaphore,
    packed: Semaphore,
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
    _room: OwnedSemaphorePermit,
}

impl PackedBodies {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ROOM_KIB)),
            plain: Semaphore::new(PLAIN_AT_ONCE),
            packed: Semaphore::new(PACKED_AT_ONCE),
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
        let announced = body.size_hint().exact().filter(|_| !is_packed);
        let size = announced.unwrap_or(limits.size as u64);
        if size > limits.size as u64 {
            return Err(too_large(limits.size as u64));
        }
        let kibibytes = u32::try_from(size.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let room = self.room.clone().try_acquire_many_owned(kibibytes);
        let room = room.map_err(|_| {
            busy("the bodies of other requests take all the room there is for them; try again")
                .closing()
        })?;
        Ok(PackedBody {
            bytes: read(body, limits).await?,
            is_packed,
            limit: limits.size,
            media,
            _room: room,
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
        let Ok(Ok(_turn)) = timeout(self.patience, turns.acquire()).await else {
            let detail =
                "the bodies of other requests take all the time there is for them; try again";
            return Err(busy(detail));
        };
        let done = tokio::task::spawn_blocking(move || match body.is_packed {
            true => work(&unpack(&body.bytes, body.limit)?),
            false => work(&body.bytes),
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
mod tests {
    use std::io::Write as _;

    use axum::http::header::CONTENT_TYPE;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::model::TallyCounter;

    const TYPES: [&str; 2] = ["application/json", "application/x-ndjson"];

    fn limits() -> BodyLimits {
        BodyLimits {
            size: 1 << 20,
            time: std::time::Duration::from_secs(30),
            timeouts: TallyCounter::default(),
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::best());
        packing.write_all(bytes).expect("memory takes it");
        packing.finish().expect("memory takes it")
    }

    async fn send(
        bodies: &PackedBodies,
        media: &str,
        coding: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Problem> {
        let mut request = Request::post("/").header(CONTENT_TYPE, media);
        if let Some(coding) = coding {
            request = request.header(CONTENT_ENCODING, coding);
        }
        let request = request.body(Body::from(body)).expect("a good request");
        let body = bodies.receive(request, &limits(), &TYPES).await?;
        bodies.work(body, |bytes| Ok(bytes.to_vec())).await
    }

    fn status<T: std::fmt::Debug>(result: Result<T, Problem>) -> u16 {
        result.expect_err("it is refused").status().as_u16()
    }

    #[tokio::test]
    async fn what_was_packed_comes_out_as_it_went_in() {
        let bodies = PackedBodies::new();
        let text = b"{\"a\":1}\n".repeat(10_000);
        for (coding, body) in [
            (None, text.clone()),
            (Some("identity"), text.clone()),
            (Some("GZIP"), gzip(&text)),
        ] {
            let got = send(&bodies, "application/x-ndjson; charset=utf-8", coding, body).await;
            assert_eq!(got.expect("it is taken"), text, "{coding:?}");
        }
        // Two packed one behind the other are the text of both.
        let both = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(
            send(&bodies, TYPES[0], Some("gzip"), both)
                .await
                .expect("it is taken"),
            b"ab"
        );
    }

    #[tokio::test]
    async fn h33_a_bomb_is_refused_and_so_is_what_is_no_gzip() {
        let bodies = PackedBodies::new();
        let bomb = gzip(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 1 << 20, "it is small enough to be received");
        assert_eq!(
            status(send(&bodies, TYPES[0], Some("gzip"), bomb).await),
            413
        );
        assert_eq!(
            status(send(&bodies, TYPES[0], Some("gzip"), b"{}".to_vec()).await),
            400
        );
        let mut cut = gzip(b"a text that is cut off");
        cut.truncate(cut.len() - 4);
        assert_eq!(
            status(send(&bodies, TYPES[0], Some("gzip"), cut).await),
            400
        );
        assert_eq!(
            status(send(&bodies, TYPES[0], Some("br"), b"{}".to_vec()).await),
            415
        );
        assert_eq!(
            status(send(&bodies, "text/plain", None, b"{}".to_vec()).await),
            415
        );
        assert_eq!(
            status(send(&bodies, TYPES[0], None, vec![b' '; (1 << 20) + 1]).await),
            413
        );
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_bound() {
        let bodies = PackedBodies::new();
        let request = || {
            let request = Request::post("/").header(CONTENT_TYPE, TYPES[0]);
            request
                .body(Body::from(vec![b' '; 1 << 20]))
                .expect("a good request")
        };
        let mut held = Vec::new();
        for _ in 0..ROOM_KIB >> 10 {
            held.push(
                bodies
                    .receive(request(), &limits(), &TYPES)
                    .await
                    .expect("there is room"),
            );
        }
        let refused = bodies.receive(request(), &limits(), &TYPES).await;
        assert_eq!(status(refused), 429);
        held.pop();
        bodies
            .receive(request(), &limits(), &TYPES)
            .await
            .expect("there is room again");
    }

    #[tokio::test]
    async fn packed_bodies_hold_up_no_plain_ones_and_wait_no_longer_than_they_may() {
        let bodies = PackedBodies {
            patience: Duration::ZERO,
            ..PackedBodies::new()
        };
        let all = bodies.packed.acquire_many(PACKED_AT_ONCE as u32).await;
        let packed = gzip(&b"{\"a\":1}\n".repeat(1_000));
        let refused = send(&bodies, TYPES[0], Some("gzip"), packed.clone()).await;
        assert_eq!(status(refused), 429);
        let plain = vec![b' '; LIGHT_BYTES + 1];
        assert!(send(&bodies, TYPES[0], None, plain).await.is_ok());
        drop(all);
        assert!(send(&bodies, TYPES[0], Some("gzip"), packed).await.is_ok());
    }

    #[tokio::test]
    async fn h33_gzip_that_unpacks_to_far_more_than_its_size_is_refused_below_the_bound_of_bodies()
    {
        let bodies = PackedBodies::new();
        let bomb = gzip(&vec![b' '; 512 << 10]);
        assert_eq!(
            status(send(&bodies, TYPES[0], Some("gzip"), bomb).await),
            413
        );
        assert!(
            send(&bodies, TYPES[0], Some("gzip"), gzip(&vec![b' '; 64 << 10]))
                .await
                .is_ok()
        );
    }
}
