//! `/api/v1/probes`: every probe's identity, state and cost, read from the snapshot.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::get;
use serde_json::{Value, json};

use super::parameters;
use crate::http::bodies::{Document, Edition};
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::site::Shared;
use crate::model::printable;
use crate::snapshot::part;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/probes", get(all))
        .route("/api/v1/probes/{name}", get(one))
}

async fn all(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let body = shared
        .edition()?
        .body(Document::Probes, |edition| {
            let list = json!({ "probes": probes(edition) });
            Ok((JSON[0].header(), list.to_string().into_bytes()))
        })
        .await?;
    body.answer(&headers, None).await
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let key = uri.path().to_owned();
    let body = shared
        .edition()?
        .body(Document::Part(&key), move |edition| {
            let found = probes(edition).as_array_mut().and_then(|probes| {
                probes
                    .iter_mut()
                    .find(|probe| probe["name"] == *name)
                    .map(Value::take)
            });
            let probe = found.ok_or_else(|| {
                Problem::not_found(format!("there is no probe `{}`", printable(&name, 128)))
            })?;
            Ok((JSON[0].header(), probe.to_string().into_bytes()))
        })
        .await?;
    body.answer(&headers, None).await
}

fn probes(edition: &Edition) -> Value {
    part(&edition.snapshot, "probes", edition.now).unwrap_or(Value::Null)
}
