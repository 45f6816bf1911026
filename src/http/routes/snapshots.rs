//! `/api/v1/snapshots`: snapshots that are kept, and one of them as it was at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::get;
use serde::Serialize;

use super::window::{refused, shown, time};
use super::{parameters, value};
use crate::archive::{Archive, ArchiveError, PastReader, inflate};
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::queries::encode;
use crate::http::request_path::Path;
use crate::http::site::Shared;

/// Snapshots that a list has, if nothing else is asked for, and at most.
const USUAL: usize = 100;
const MOST: usize = 1_000;
/// How long the disk may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/snapshots", get(list))
        .route("/api/v1/snapshots/{time}", get(one))
}

#[derive(Serialize)]
struct List {
    snapshots: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    time: Option<String>,
    sequence: u64,
    size_bytes: u64,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    let pairs = parameters(&uri, &["from", "until", "limit"])?;
    let bound = |name, usual| value(&pairs, name).map_or(Ok(usual), |text| time(name, text));
    let (from, until) = (bound("from", i64::MIN)?, bound("until", i64::MAX)?);
    let most = value(&pairs, "limit").map_or(Ok(USUAL), limit)?;
    answer(&shared, &headers, move |reader| {
        let found = reader.snapshots(from, until, most).map_err(unread)?;
        let entries = found.into_iter().map(|entry| Entry {
            time: shown(entry.time),
            sequence: entry.sequence,
            size_bytes: entry.bytes,
        });
        let list = List {
            snapshots: entries.collect(),
        };
        Ok(encode(&list)?)
    })
    .await
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Path(moment): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    parameters(&uri, &[])?;
    let moment = time("time", &moment)?;
    answer(&shared, &headers, move |reader| {
        let found = reader.snapshot_at(moment).map_err(unread)?;
        let found = found.ok_or_else(|| {
            let moment = shown(moment).unwrap_or_default();
            Problem::not_found(format!(
                "no snapshot of {moment} or before is kept; /api/v1/snapshots lists those that are"
            ))
        })?;
        inflate(&found.document)
            .map_err(|error| Problem::internal(format!("a kept snapshot is damaged: {error}")))
    })
    .await
}

fn limit(text: &str) -> Result<usize, Problem> {
    let number = text.parse().ok();
    let fits = number.filter(|number| (1..=MOST).contains(number));
    fits.ok_or_else(|| refused("limit", text, format!("must be between 1 and {MOST}")))
}

/// Answers with what `work` finds.
async fn answer(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    work: impl FnOnce(&PastReader) -> Result<Vec<u8>, Problem> + Send + 'static,
) -> Result<Response<ResponseBody>, Problem> {
    choose(headers, JSON)?;
    let archive = shared.handles.archive.clone();
    let archive = archive.filter(Archive::has_snapshots).ok_or_else(|| {
        Problem::not_found("keeping snapshots is switched off (archive.snapshots.enabled)")
    })?;
    let reading = move || work(&archive.reader(PATIENCE).map_err(unread)?);
    let body = shared.queries.body(JSON[0].header(), reading).await?;
    body.answer(headers, None).await
}

/// 503: it may be better in a while, and the check `store` says more.
fn unread(error: impl Into<ArchiveError>) -> Problem {
    let detail = format!("the archive cannot be read: {}", error.into());
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("10"))
}
