//! `/api/v1/events` and what belongs to it: events taken in, read, and followed; runs; kinds with their schemas.

mod follow;
mod ingest;
mod kinds;
mod list;
mod question;
mod runs;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::get;

use crate::event::{EventReader, Events, Refusal, StoreError};
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::queries::encode;
use crate::http::site::Shared;
use crate::model::printable;

/// How long the disk may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/events", get(list::events).post(ingest::take))
        .route("/api/v1/events/{id}", get(list::one))
        .merge(runs::routes())
        .merge(kinds::routes())
}

/// The way of events.
///
/// # Errors
/// 404 where they are switched off.
fn events(shared: &Shared) -> Result<&Events, Problem> {
    let events = shared.handles.events.as_ref();
    events
        .filter(|events| events.are_on())
        .ok_or_else(|| Problem::not_found("events are switched off (events.enabled)"))
}

/// Answers with the JSON that `work` makes of what it reads, on a thread that may wait for the disk.
async fn answer(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    work: impl FnOnce(&mut EventReader) -> Result<Vec<u8>, Problem> + Send + 'static,
) -> Result<Response<ResponseBody>, Problem> {
    choose(headers, JSON)?;
    let events = events(shared)?.clone();
    let reading = move || work(&mut events.reader(PATIENCE).map_err(refused)?);
    let body = shared.event_queries.body(JSON[0].header(), reading).await?;
    body.answer(headers, None).await
}

/// A document as bytes.
fn encoded(document: &impl serde::Serialize) -> Result<Vec<u8>, Problem> {
    Ok(encode(document)?)
}

/// What the store could not do while something was read.
fn unread(error: StoreError) -> Problem {
    let detail = match &error {
        StoreError::Slow(_) => {
            "reading takes too long: ask for a shorter time (from, until), or for less at once (limit)".to_owned()
        }
        error => printable(&format!("events cannot be read: {error}"), 512),
    };
    later(StatusCode::SERVICE_UNAVAILABLE, detail, 10)
}

/// Why nothing was taken, or cannot be read.
fn refused(refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Off => Problem::not_found(detail),
        Refusal::Full { after } => later(
            StatusCode::TOO_MANY_REQUESTS,
            detail,
            after.as_secs().max(1),
        ),
        Refusal::Conflicts(at) => {
            let faults = at.iter().map(|at| shown::conflict(*at));
            Problem::new(StatusCode::CONFLICT, detail).member("errors", faults.collect())
        }
        Refusal::Store(StoreError::Full(_)) => {
            let problem = later(StatusCode::INSUFFICIENT_STORAGE, "the disk is full", 30);
            problem.inside(detail)
        }
        Refusal::Store(StoreError::Busy(_)) => {
            let detail = "another program has the database locked: nothing was kept; try again";
            later(StatusCode::SERVICE_UNAVAILABLE, detail, 5)
        }
        Refusal::Store(StoreError::Slow(_)) => {
            let detail = "the disk does not answer: the events may still be kept; sent again with the same ids they are kept once";
            later(StatusCode::SERVICE_UNAVAILABLE, detail, 5)
        }
        Refusal::Store(_) | Refusal::NoStore => {
            let problem = "events cannot be kept now; the check `store` says why";
            later(StatusCode::SERVICE_UNAVAILABLE, problem, 10).inside(detail)
        }
    }
}

/// A problem that may pass in some seconds.
fn later(status: StatusCode, detail: impl Into<String>, seconds: u64) -> Problem {
    Problem::new(status, detail).header(RETRY_AFTER, HeaderValue::from(seconds))
}
