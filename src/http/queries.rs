//! Questions about the past, answered beside the event loop and a few at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::bodies::Body;
use super::problem::Problem;
use crate::model::ByteSize;
use crate::query::{QueryError, QueryFault};

/// Questions of one sort answered at once: more would only take the processors from those who sample.
pub(super) const AT_ONCE: usize = 2;
/// The same for streams that read on from the disk: they have no hurry.
pub(super) const STREAMS_AT_ONCE: usize = 1;
/// Answers at once that clients have not taken yet, in kibibytes: a slow one keeps its own until its time is over. One alone may be
/// as large.
const HELD_KIB: usize = 64 << 10;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Queries {
    turns: Arc<Semaphore>,
    room: Room,
}

/// The room for answers that clients have not taken yet. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// Why there is no answer to send.
#[derive(Debug, Error)]
pub(super) enum Unsent {
    /// It may fit later.
    #[error("clients have not taken the answers to earlier queries yet; try again")]
    NoRoom,
    /// It never will.
    #[error("the answer would be larger than {}: ask for less at once", ByteSize((HELD_KIB as u64) << 10))]
    TooLarge,
    /// A defect.
    #[error("an answer is no JSON: {0}")]
    NoJson(serde_json::Error),
}

/// An answer with the room that it takes.
struct Held {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// An answer as JSON, which is given up where it gets larger than can be held.
///
/// # Errors
/// It is too large, or no JSON.
pub(super) fn encode(answer: &impl Serialize) -> Result<Vec<u8>, Unsent> {
    encode_within(answer, HELD_KIB << 10)
}

fn encode_within(answer: &impl Serialize, most: usize) -> Result<Vec<u8>, Unsent> {
    let mut bounded = Bounded {
        bytes: Vec::with_capacity(128),
        most,
    };
    match serde_json::to_writer(&mut bounded, answer) {
        Ok(()) => Ok(bounded.bytes),
        Err(error) if error.is_io() => Err(Unsent::TooLarge),
        Err(error) => Err(Unsent::NoJson(error)),
    }
}

/// Bytes up to a bound, in bytes; a write beyond it fails.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if more.len() > self.most - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Room {
    /// A body of these bytes, counted among the answers that clients have not taken yet until the last of its bytes is gone. It is hashed
    /// here: of a large one that takes milliseconds.
    ///
    /// # Errors
    /// There is no room for it, or never will be.
    pub(super) fn body(
        &self,
        content_type: HeaderValue,
        bytes: Vec<u8>,
    ) -> Result<Arc<Body>, Unsent> {
        let size = bytes.len().div_ceil(1 << 10);
        if size > HELD_KIB {
            return Err(Unsent::TooLarge);
        }
        let room = self.0.clone().try_acquire_many_owned(size as u32);
        let room = room.map_err(|_| Unsent::NoRoom)?;
        let bytes = Bytes::from_owner(Held { bytes, _room: room });
        Ok(Arc::new(Body::ready(content_type, bytes)))
    }
}

impl Queries {
    /// At most so many at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            room: Room(Arc::new(Semaphore::new(HELD_KIB))),
        }
    }

    /// Where answers are held.
    pub(super) fn room(&self) -> Room {
        self.room.clone()
    }

    /// The bytes that `work` makes, ready to be sent and held until they are: all of it as [`Queries::run`] does it.
    ///
    /// # Errors
    /// What the work gives; 422 when that is larger than can be held, 503 when there is no room now or others take too long.
    pub(super) async fn body(
        &self,
        content_type: HeaderValue,
        work: impl FnOnce() -> Result<Vec<u8>, Problem> + Send + 'static,
    ) -> Result<Arc<Body>, Problem> {
        let room = self.room();
        self.run(move || Ok(room.body(content_type, work()?)?))
            .await
    }

    /// Does `work` on a thread that may be busy for a while, when it is its turn.
    ///
    /// # Errors
    /// What the work gives; 503 when others take too long.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(busy(
                "other queries take all the time there is for them; try again",
            ));
        };
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await
            .map_err(|error| Problem::internal(format!("a query failed: {error}")))?
    }
}

/// 503: later it may work.
fn busy(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
}

impl From<Unsent> for Problem {
    fn from(unsent: Unsent) -> Self {
        let detail = unsent.to_string();
        match unsent {
            Unsent::NoRoom => busy(&detail),
            Unsent::TooLarge => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            Unsent::NoJson(_) => Self::internal(detail),
        }
    }
}

/// The answer to a query's fault: 400 where its text is at fault, 422 where it asks for too much or
/// for what does not go together, 503 where that takes too long.
impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let status = match error.fault {
            QueryFault::Malformed | QueryFault::Unsupported => StatusCode::BAD_REQUEST,
            QueryFault::TooMuch | QueryFault::Failed => StatusCode::UNPROCESSABLE_ENTITY,
            QueryFault::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = Self::new(status, error.to_string());
        match error.position {
            Some(position) => problem.member("position", position.into()),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(queries: &Queries, bytes: Vec<u8>) -> Result<Arc<Body>, Unsent> {
        let plain = HeaderValue::from_static("text/plain");
        queries.room().body(plain, bytes)
    }

    #[test]
    fn answers_that_nobody_takes_leave_no_room_for_others_until_they_are_gone() {
        let queries = Queries::new(AT_ONCE);
        let half = || vec![0; HELD_KIB << 9];
        let (one, two) = (body(&queries, half()), body(&queries, half()));
        let (one, two) = (one.expect("there is room"), two.expect("there is room"));
        let part = one.bytes().slice(..7);
        drop(one);
        let refused = body(&queries, vec![1]).expect_err("a part of it is still held");
        let refused = Problem::from(refused);
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(part);
        let small = body(&queries, vec![1, 2]).expect("there is room");
        assert_eq!(*small.bytes(), [1, 2][..]);
        drop(two);
    }

    #[tokio::test]
    async fn what_work_makes_is_held_as_soon_as_it_is_made() {
        let queries = Queries::new(AT_ONCE);
        let plain = || HeaderValue::from_static("text/plain");
        let whole = queries.body(plain(), || Ok(vec![0; HELD_KIB << 10])).await;
        let whole = whole.expect("there is room");
        let refused = queries.body(plain(), || Ok(vec![1])).await;
        let refused = refused.expect_err("there is none left");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(whole);
        assert!(queries.body(plain(), || Ok(vec![1])).await.is_ok());
    }

    #[test]
    fn an_answer_that_is_too_large_is_given_up_and_never_asked_for_again() {
        let encoded = |most| encode_within(&["abc", "def"], most);
        assert_eq!(encoded(13).expect("it fits"), b"[\"abc\",\"def\"]");
        let refused = encoded(12).expect_err("a byte more than fits");
        let refused = Problem::from(refused);
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let queries = Queries::new(AT_ONCE);
        let refused = body(&queries, vec![0; (HELD_KIB << 10) + 1]);
        let refused = refused.expect_err("a byte more than is ever held");
        assert!(
            refused.to_string().contains("larger than 64MiB"),
            "{refused}"
        );
        assert!(body(&queries, vec![0; HELD_KIB << 10]).is_ok());
    }
}
