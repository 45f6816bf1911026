//! `/api/v1/runs`: the runs that were told of, and one of them as a tree.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::question::{cursor, limit, written};
use super::{answer, encoded, unread};
use crate::event::{RunEntry, RunState, now, run_tree, time};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::routes::parameters;
use crate::http::site::Shared;
use crate::model::printable;

/// Runs on a page, if nothing else is asked for, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;
/// Events of one run that are shown.
const MOST_EVENTS: usize = 10_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/runs", get(list))
        .route("/api/v1/runs/{run}", get(tree))
}

async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    let pairs = parameters(&uri, &["limit", "cursor"])?;
    let (most, from) = (limit(&pairs, USUAL, MOST)?, cursor(&pairs)?);
    answer(&shared, &headers, move |reader| {
        let found = reader.runs(from, most).map_err(unread)?;
        let next = found.next.map(written);
        let now = now();
        let runs: Vec<Value> = found.runs.iter().map(|run| entry(run, now)).collect();
        encoded(&json!({ "runs": runs, "next": next }))
    })
    .await
}

async fn tree(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    parameters(&uri, &[])?;
    answer(&shared, &headers, move |reader| {
        let found = reader.run(&run, MOST_EVENTS).map_err(unread)?;
        if found.events.is_empty() {
            let run = printable(&run, 256);
            return Err(Problem::not_found(format!(
                "no event of a run `{run}` is kept"
            )));
        }
        encoded(&run_tree(&run, &found.events, found.cut, now()))
    })
    .await
}

/// What a list says of what a run's beginning says.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

fn entry(run: &RunEntry, now: i64) -> Value {
    let started = &run.started.event;
    let said: Option<Named<'_>> = serde_json::from_str(&started.data).ok();
    let end = run.finished.as_ref().map(|kept| &kept.event);
    let state = RunState::new(started.time, end, now);
    json!({
        "run": started.run,
        "name": said.and_then(|said| said.name),
        "status": state.status,
        "started": time(started.time),
        "finished": state.finished.map(time),
        "duration_ms": state.duration_ms,
        "source": started.source,
        "correlation": started.correlation,
    })
}
