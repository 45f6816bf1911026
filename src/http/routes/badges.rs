//! `/badge/…`: the state of the whole, of a check or of a probe as a small image.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::get;

use super::page::{Scene, rendered};
use super::{parameters, value};
use crate::http::bodies::{Body as Ready, Edition};
use crate::http::negotiate::{Offer, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::site::{RESOURCE_POLICY, Shared};
use crate::page::{Badge, badge_of_check, badge_of_health, badge_of_probe, badge_unknown};

const SVG: Offer = Offer::plain("image/svg+xml");

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/badge/health.svg", get(health))
        .route("/badge/check/{*name}", get(check))
        .route("/badge/probe/{name}", get(probe))
}

async fn health(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let scene = Scene::of(&shared);
    let verdict = |edition: &Edition| scene.with(edition, |at| at.verdict());
    let find = |edition: &Edition| Some(badge_of_health(verdict(edition)));
    answer(&shared, &uri, &headers, "health", find).await
}

async fn check(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let name = named(&file)?;
    let find = |edition: &Edition| badge_of_check(&edition.snapshot, name);
    answer(&shared, &uri, &headers, name, find).await
}

async fn probe(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let name = named(&file)?;
    let find = |edition: &Edition| badge_of_probe(&edition.snapshot, name);
    answer(&shared, &uri, &headers, name, find).await
}

fn named(file: &str) -> Result<&str, Problem> {
    let name = file.strip_suffix(".svg");
    name.ok_or_else(|| Problem::not_found("a badge's address ends with `.svg`"))
}

/// What is not there, or not yet, has a badge too: it stands in a page of somebody else's.
async fn answer(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
    name: &str,
    find: impl FnOnce(&Edition) -> Option<Badge>,
) -> Result<Response<Body>, Problem> {
    if !shared.handles.page.badges {
        return Err(Problem::not_found("badges are switched off here"));
    }
    let pairs = parameters(uri, &["label"])?;
    let label = value(&pairs, "label");
    choose(headers, &[SVG])?;
    let (found, absent) = match shared.edition() {
        Ok(edition) => (find(&edition), StatusCode::NOT_FOUND),
        Err(_) => (None, StatusCode::SERVICE_UNAVAILABLE),
    };
    let known = found.is_some();
    let mut badge = found.unwrap_or_else(|| badge_unknown(name));
    if let Some(label) = label {
        badge.label = label.to_owned();
    }
    let body = Arc::new(Ready::new(rendered(&SVG, badge.image())?));
    let mut response = body.answer(headers, None).await?;
    if shared.handles.page.public {
        let everybody = HeaderValue::from_static("cross-origin");
        response.headers_mut().insert(RESOURCE_POLICY, everybody);
    }
    if !known {
        *response.status_mut() = absent;
    }
    Ok(response)
}
