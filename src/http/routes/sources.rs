//! `/api/v1/overall` and `/api/v1/sources`: how everything is in a few numbers, and what each source gives now.

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
use crate::snapshot::{overall, source, sources};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/overall", get(totals))
        .route("/api/v1/sources", get(all))
        .route("/api/v1/sources/{name}", get(one))
}

async fn totals(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &uri, &headers, |edition| {
        Ok(overall(&edition.snapshot, edition.now))
    })
    .await
}

async fn all(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &uri, &headers, |edition| {
        Ok(json!({ "sources": sources(&edition.snapshot, edition.now) }))
    })
    .await
}

async fn one(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &uri, &headers, move |edition| {
        source(&edition.snapshot, &name, edition.now).ok_or_else(|| {
            let name = printable(&name, 128);
            Problem::not_found(format!(
                "there is no source `{name}`; /api/v1/sources lists them"
            ))
        })
    })
    .await
}

async fn answer(
    shared: &Arc<Shared>,
    uri: &Uri,
    headers: &HeaderMap,
    make: impl FnOnce(&Edition) -> Result<Value, Problem> + Send + 'static,
) -> Result<Response<Body>, Problem> {
    parameters(uri, &[])?;
    choose(headers, JSON)?;
    let key = uri.path().to_owned();
    let body = shared
        .edition()?
        .body(Document::Part(&key), move |edition| {
            Ok((JSON[0].header(), make(edition)?.to_string().into_bytes()))
        })
        .await?;
    body.answer(headers, None).await
}
