//! `/`: the status page for browsers, and a list of what there is to read for terminals.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Response, Uri};
use axum::routing::get;

use super::page::{HTML, overview};
use super::parameters;
use crate::archive::Archive;
use crate::event::Events;
use crate::http::negotiate::{Offer, choose};
use crate::http::problem::Problem;
use crate::http::site::Shared;

/// Text first: it is what a terminal gets, and a browser asks for HTML by name.
const OFFERS: [Offer; 2] = [
    Offer {
        media: "text/plain",
        version: None,
        content_type: "text/plain; charset=utf-8",
    },
    HTML,
];

/// Each address with what it gives; a test asks for every one.
const PAGES: [(&str, &str); 20] = [
    (
        "/snapshot",
        "everything, as JSON; also parts by path, such as /snapshot/resources/cpu, and fields by ?fields=resources.cpu,health.status; a summary by ?format=text",
    ),
    (
        "/metrics",
        "metrics for Prometheus, or OpenMetrics by Accept",
    ),
    ("/livez", "does it answer?"),
    (
        "/readyz",
        "is it ready? ?verbose lists the checks, ?exclude=NAME leaves one out, /readyz/NAME asks for one",
    ),
    (
        "/healthz",
        "as /livez; so is /health/live, and /health/ready is as /readyz",
    ),
    ("/health", "the verdict and the checks behind it, as JSON"),
    (
        "/health/detailed",
        "every check with details, every source, every probe",
    ),
    (
        "/api/v1/probes",
        "probes: state, cost, asks and grants; one by /api/v1/probes/NAME; POST to NAME/reload, pause, resume or release",
    ),
    (
        "/api/v1/stream",
        "what changes, as it happens (Server-Sent Events); ?topics=snapshot,probes,health,operations, ?parts=health,resources.cpu",
    ),
    ("/api/v1/sources", "every source and its values now"),
    ("/api/v1/overall", "totals of all sources"),
    (
        "/api/v1/series",
        "every series of the past hour; chosen ones by ?match=NAME{label=~\"pattern\"}; their past by /api/v1/history?series= and /api/v1/aggregates?series=",
    ),
    (
        "/prometheus/api/v1/labels",
        "the same past for Grafana: a Prometheus data source is at /prometheus",
    ),
    (
        "/api/v1/events",
        "what applications tell of what they do; POST to tell it, Accept: text/event-stream to follow; chosen by ?kind=, ?run=, ?correlation=, ?outcome=, ?from=, ?until=",
    ),
    (
        "/api/v1/runs",
        "runs that were told of; one as a tree of its steps by /api/v1/runs/RUN",
    ),
    ("/api/v1/kinds", "the kinds of events, with their schemas"),
    (
        "/api/v1/snapshots",
        "whole snapshots that were kept; one by /api/v1/snapshots/TIME",
    ),
    (
        "/api/v1/backups",
        "backups of the database; POST makes one, ?wait=true answers when it is stored; one by /api/v1/backups/ID",
    ),
    (
        "/status",
        "a summary to show to others; badges: /badge/health.svg, /badge/check/NAME.svg, /badge/probe/NAME.svg",
    ),
    (
        "/",
        "the status page for a browser, this list for a terminal; /probes/NAME has more of a probe",
    ),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/", get(index))
}

async fn index(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    if choose(&headers, &OFFERS)? == 1 {
        return overview(&shared, &uri, &headers).await;
    }
    parameters(&uri, &[])?;
    let mut response = Response::new(Body::from(plain(&shared)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, OFFERS[0].header());
    headers.insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// What is switched off is not listed.
pub(super) fn is_on(shared: &Shared, path: &str) -> bool {
    let handles = &shared.handles;
    match path {
        "/status" => handles.page.status,
        "/api/v1/stream" => shared.live.is_enabled(),
        "/api/v1/series" | "/prometheus/api/v1/labels" => handles.history.is_some(),
        "/api/v1/events" | "/api/v1/runs" | "/api/v1/kinds" => {
            handles.events.as_ref().is_some_and(Events::are_on)
        }
        "/api/v1/backups" => handles.backups.is_some(),
        "/api/v1/snapshots" => handles.archive.as_ref().is_some_and(Archive::has_snapshots),
        _ => true,
    }
}

fn plain(shared: &Shared) -> String {
    let shown = PAGES.iter().filter(|(path, _)| is_on(shared, path));
    let lines = shown.map(|(path, gives)| format!("  {path:<27}{gives}\n"));
    format!(
        "Probity {}\n\n{}",
        env!("CARGO_PKG_VERSION"),
        lines.collect::<String>()
    )
}
