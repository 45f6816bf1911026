//! `/api/v1/stream`: what changes, as it happens.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, Uri};
use axum::routing::get;
use axum::{Extension, Router};

use super::parameters;
use crate::http::live::{PARAMETERS, Subscription, open};
use crate::http::negotiate::{Offer, choose};
use crate::http::problem::Problem;
use crate::http::site::Shared;
use crate::http::stream::Link;

const OFFERS: [Offer; 1] = [Offer::plain("text/event-stream")];
/// Tells nginx, which gathers answers before it passes them on, not to.
pub(super) const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/api/v1/stream", get(stream))
}

async fn stream(
    State(shared): State<Arc<Shared>>,
    Extension(link): Extension<Arc<Link>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    if !shared.live.is_enabled() {
        return Err(Problem::not_found("the live stream is switched off here"));
    }
    let query = parameters(&uri, &PARAMETERS)?;
    choose(&headers, &OFFERS)?;
    let wanted = Subscription::read(&query, &headers)?;
    let mut response = Response::new(open(shared, link, wanted).await?);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, OFFERS[0].header());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}
