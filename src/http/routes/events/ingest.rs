//! `POST /api/v1/events`: events are taken, and acknowledged when they are on disk.

use std::sync::Arc;

use axum::body::Body as ResponseBody;
use axum::extract::{FromRef, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, Response, StatusCode};
use serde_json::json;

use super::{encoded, events, refused};
use crate::event::{Faults, Form, Reason};
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::request_body::BodyLimits;
use crate::http::routes::parameters;
use crate::http::routes::window::word;
use crate::http::site::Shared;

/// What a body may be, in the order of [`FORMS`].
const MEDIA: [&str; 3] = [
    "application/json",
    "application/x-ndjson",
    "application/jsonl",
];
const FORMS: [Form; 3] = [Form::Json, Form::Lines, Form::Lines];

pub(super) async fn take(
    State(shared): State<Arc<Shared>>,
    request: Request<ResponseBody>,
) -> Result<Response<ResponseBody>, Problem> {
    let events = events(&shared)?.clone();
    let pairs = parameters(request.uri(), &["ack", "partial"])?;
    let waits = word(&pairs, "ack", &[("committed", true), ("queued", false)])?.unwrap_or(true);
    let partial = word(&pairs, "partial", &[("true", true), ("false", false)])?.unwrap_or(false);
    choose(request.headers(), JSON)?;
    let limits = BodyLimits::from_ref(&shared);
    let body = shared.bodies.receive(request, &limits, &MEDIA).await?;
    let form = FORMS[body.media];
    let reading = events.clone();
    let read = move |bytes: &[u8]| reading.read(bytes, form, partial).map_err(faulty);
    let batch = shared.bodies.work(body, read).await?;
    let (status, receipt) = match waits {
        true => (StatusCode::OK, events.commit(batch).await),
        false => (StatusCode::ACCEPTED, events.enqueue(batch)),
    };
    let mut response = Response::new(encoded(&receipt.map_err(refused)?)?.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, JSON[0].header());
    Ok(response)
}

/// 400 and 413 where the body as a whole is not what it should be, 422 where events in it are not.
fn faulty(faults: Faults) -> Problem {
    let first = faults.list.first();
    let status = match first {
        Some(fault) if fault.at.is_some() => StatusCode::UNPROCESSABLE_ENTITY,
        Some(fault) if fault.reason == Reason::Size => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    let count = faults.list.len() as u64 + faults.more;
    let words = first.map_or_else(String::new, ToString::to_string);
    let detail = match count {
        0 | 1 => words,
        _ => format!("{words} (the first of {count} faults)"),
    };
    let problem = Problem::new(status, detail).member("errors", json!(faults.list));
    match faults.more {
        0 => problem,
        more => problem.member("errors_left_out", more.into()),
    }
}
