//! `/`: what there is to read, until the status page moves in.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue, Response, Uri};
use axum::routing::get;
use std::sync::Arc;

use super::parameters;
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
    Offer {
        media: "text/html",
        version: None,
        content_type: "text/html; charset=utf-8",
    },
];

/// Each address with what it gives; a test asks for every one.
const PAGES: [(&str, &str); 9] = [
    (
        "/snapshot",
        "everything, as JSON; also parts by path, such as /snapshot/resources/cpu, and fields by ?fields=resources.cpu,health.status",
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
    ("/", "this list"),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/", get(index))
}

async fn index(uri: Uri, headers: HeaderMap) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    let offer = choose(&headers, &OFFERS)?;
    let text = if offer == 0 { plain() } else { html() };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, OFFERS[offer].header());
    headers.insert(VARY, HeaderValue::from_static("accept"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn plain() -> String {
    let lines = PAGES.map(|(path, gives)| format!("  {path:<18}{gives}\n"));
    format!(
        "Probity {}\n\n{}",
        env!("CARGO_PKG_VERSION"),
        lines.concat()
    )
}

fn html() -> String {
    let rows = PAGES.map(|(path, gives)| {
        let gives = gives.replace('&', "&amp;").replace('<', "&lt;");
        format!("<dt><a href=\"{path}\">{path}</a></dt>\n<dd>{gives}</dd>\n")
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Probity</title>\n\
         <style>:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }} \
         body {{ max-width: 45rem; margin: 2rem auto; padding: 0 1rem }} dd {{ margin: 0 0 .75rem }}</style>\n\
         <h1>Probity {}</h1>\n<dl>\n{}</dl>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        rows.concat()
    )
}
