//! Questions about the past, answered beside the event loop and a few at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::Problem;
use crate::query::{QueryError, QueryFault};

/// Questions of one sort answered at once: more would only take the processors from those who sample.
pub(super) const AT_ONCE: usize = 2;
/// The same for streams that read on from the disk: they have no hurry.
pub(super) const STREAMS_AT_ONCE: usize = 1;
/// Answers at once that clients have not taken yet, in kibibytes: a slow one keeps its own until its time is over.
const HELD_KIB: usize = 64 << 10;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Queries {
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
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

impl Queries {
    /// At most so many at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            room: Arc::new(Semaphore::new(HELD_KIB)),
        }
    }

    /// The answer, counted among those that clients have not taken yet until the last of its bytes is gone.
    ///
    /// # Errors
    /// 503 when there is no room for it.
    pub(super) fn hold(&self, bytes: Vec<u8>) -> Result<Bytes, Problem> {
        let size = u32::try_from(bytes.len().div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let room = self.room.clone().try_acquire_many_owned(size);
        let room = room.map_err(|_| {
            busy("clients have not taken the answers to earlier queries yet; try again")
        })?;
        Ok(Bytes::from_owner(Held { bytes, _room: room }))
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

    #[test]
    fn answers_that_nobody_takes_leave_no_room_for_others_until_they_are_gone() {
        let queries = Queries::new(AT_ONCE);
        let half = || vec![0; HELD_KIB << 9];
        let (one, two) = (queries.hold(half()), queries.hold(half()));
        let (one, two) = (one.expect("there is room"), two.expect("there is room"));
        let part = one.slice(..7);
        drop(one);
        let refused = queries
            .hold(vec![1])
            .expect_err("a part of it is still held");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(part);
        assert_eq!(queries.hold(vec![1, 2]).expect("there is room"), [1, 2][..]);
        drop(two);
    }
}
