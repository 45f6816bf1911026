//! `/api/v1/backups`: making a backup, how far it is, and those that are stored.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::get;
use serde_json::{Value, json};

use super::{parameters, value};
use crate::backup::{BackupError, BackupId, BackupTrouble, Backups, Entry, document};
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::site::Shared;
use crate::model::{Cause, printable};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/backups", get(list).post(create))
        .route("/api/v1/backups/{id}", get(one))
}

async fn create(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let pairs = parameters(&uri, &["wait"])?;
    choose(&headers, JSON)?;
    let wait = match value(&pairs, "wait") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            let problem = Problem::bad_request("`wait` is `true` or `false`");
            return Err(problem.member("parameter", "wait".into()));
        }
    };
    let backups = on(&shared)?;
    let begun = backups
        .begin(Cause::Operator, SystemTime::now())
        .map_err(|error| refused(&error))?;
    let place = format!("/api/v1/backups/{}", begun.id);
    let (status, document) = if wait {
        let ended = begun.ended().await.map_err(|error| refused(&error))?;
        if let Err(error) = &ended.outcome {
            return Err(refused(error).member("id", json!(ended.id)));
        }
        (StatusCode::CREATED, document::ended(&ended))
    } else {
        // It may be over already.
        let running = backups.running().filter(|running| running.id == begun.id);
        let document = running.map_or_else(
            || json!({ "id": begun.id, "state": "running" }),
            |running| document::running(&running),
        );
        (StatusCode::ACCEPTED, document)
    };
    let mut response = answer(status, &document);
    let place = HeaderValue::try_from(place).expect("an id is a header value");
    response.headers_mut().insert(LOCATION, place);
    Ok(response)
}

async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let backups = on(&shared)?;
    // What is under way and what failed is known also where the place does not answer.
    let (entries, reason) = match backups.entries().await {
        Ok(entries) => (Some(entries), None),
        Err(error) => (None, Some(told(&error))),
    };
    let running = backups.running();
    // What is being made lies there in part, and is told of once.
    let is_whole = |entry: &&Entry| running.as_ref().is_none_or(|one| one.id != entry.id);
    let stored = entries.as_ref().map(|entries| {
        let stored = entries.iter().filter(is_whole);
        stored.map(document::stored).collect::<Vec<_>>()
    });
    let failed = backups.ended();
    let failed = failed.iter().filter(|ended| ended.outcome.is_err());
    let list = json!({
        "place": backups.place(),
        "every_seconds": backups.every().map(|every| every.0.as_secs()),
        "running": running.as_ref().map(document::running),
        "failed": failed.map(|ended| document::ended(ended)).collect::<Vec<_>>(),
        "backups": stored,
        "reason": reason,
    });
    Ok(answer(StatusCode::OK, &list))
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let backups = on(&shared)?;
    let none = || {
        let id = printable(&id, 64);
        Problem::not_found(format!(
            "there is no backup `{id}`; /api/v1/backups lists them"
        ))
    };
    let wanted: BackupId = id.parse().map_err(|_| none())?;
    if let Some(running) = backups.running().filter(|running| running.id == wanted) {
        return Ok(answer(StatusCode::OK, &document::running(&running)));
    }
    let ended = backups.ended();
    let failed = ended
        .iter()
        .find(|ended| ended.id == wanted && ended.outcome.is_err());
    if let Some(failed) = failed {
        return Ok(answer(StatusCode::OK, &document::ended(failed)));
    }
    let entries = backups.entries().await.map_err(|error| refused(&error))?;
    let found = entries.iter().find(|entry| entry.id == wanted);
    let stored = document::stored(found.ok_or_else(none)?);
    Ok(answer(StatusCode::OK, &stored))
}

fn on(shared: &Shared) -> Result<&Backups, Problem> {
    let off = || Problem::not_found("backups are switched off (backup.enabled)");
    shared.handles.backups.as_ref().ok_or_else(off)
}

fn answer(status: StatusCode, document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON[0].header());
    response
}

/// What is wrong, and the step that helps.
fn told(error: &BackupError) -> String {
    printable(&format!("{error}; next: {}", error.next()), 1024)
}

fn refused(error: &BackupError) -> Problem {
    let status = match error.trouble() {
        BackupTrouble::Busy | BackupTrouble::Taken => StatusCode::CONFLICT,
        BackupTrouble::Full => StatusCode::INSUFFICIENT_STORAGE,
        BackupTrouble::Place | BackupTrouble::Data => StatusCode::BAD_GATEWAY,
        BackupTrouble::Stopped | BackupTrouble::Missing => StatusCode::SERVICE_UNAVAILABLE,
        BackupTrouble::Other => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let problem = Problem::new(status, told(error)).member("code", error.code().into());
    match error.trouble() {
        BackupTrouble::Busy => problem.header(RETRY_AFTER, HeaderValue::from_static("10")),
        _ => problem,
    }
}
