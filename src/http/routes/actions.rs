//! `POST /api/v1/probes/{name}/{action}`: what operators can do to a probe, answered when it is known what came of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::post;
use serde_json::json;
use tokio::sync::oneshot;

use super::parameters;
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::site::Shared;
use crate::model::{Action, ActionError, ActionRequest, printable};
use crate::redact::Redactor;

/// How long an answer is waited for: a large component takes a while to compile.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/api/v1/probes/{name}/{action}", post(act))
}

async fn act(
    State(shared): State<Arc<Shared>>,
    Path((name, action)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let action = known(&action)?;
    let message = ask(&shared, &name, action).await?;
    Ok(done(&name, action, &message))
}

pub(super) fn known(word: &str) -> Result<Action, Problem> {
    let mut all = Action::ALL.into_iter();
    all.find(|action| action.as_str() == word).ok_or_else(|| {
        let words = Action::ALL.map(Action::as_str).join(", ");
        let word = printable(word, 64);
        Problem::not_found(format!("there is no action `{word}` (there are: {words})"))
    })
}

/// Asks the catalogue and waits for what came of it.
pub(super) async fn ask(shared: &Shared, name: &str, action: Action) -> Result<String, Problem> {
    let off = || Problem::not_found("actions are switched off here");
    let actions = shared.handles.actions.as_ref().ok_or_else(off)?;
    let (answer, told) = oneshot::channel();
    let request = ActionRequest {
        probe: name.to_owned(),
        action,
        answer,
    };
    actions.try_send(request).map_err(|_| {
        let detail = "too many actions are under way, or the program is about to end";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .header(RETRY_AFTER, HeaderValue::from_static("1"))
    })?;
    match tokio::time::timeout(PATIENCE, told).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| refused(&error, &shared.handles.redactor)),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "another request took this one's place, or the program is about to end",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "it goes on, but its end is not known yet: /api/v1/probes shows it",
        )),
    }
}

fn done(name: &str, action: Action, message: &str) -> Response<Body> {
    let body = json!({ "probe": name, "action": action.as_str(), "outcome": message });
    let mut response = Response::new(Body::from(body.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON[0].header());
    response
}

/// A reason may be a guest's own words.
fn refused(error: &ActionError, redactor: &Redactor) -> Problem {
    let detail = printable(&redactor.text(&error.to_string()), 1024);
    let (status, failure) = match error {
        ActionError::NoSuchProbe(_) => return Problem::not_found(detail),
        ActionError::Conflict(_) => return Problem::new(StatusCode::CONFLICT, detail),
        ActionError::Absent(failure) => (StatusCode::CONFLICT, failure),
        ActionError::Failed(failure) => (StatusCode::UNPROCESSABLE_ENTITY, failure),
    };
    Problem::new(status, detail).member("code", failure.code.as_str().into())
}
