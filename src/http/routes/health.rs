//! Health: Kubernetes-style `/livez` and `/readyz`, their aliases, and the verdict as JSON.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Map, Value, json};

use super::parameters;
use super::verdict::{Report, Verdict};
use crate::http::bodies::{Document, Edition, Rendered};
use crate::http::guard::Trusted;
use crate::http::negotiate::{JSON, Offer, choose};
use crate::http::problem::Problem;
use crate::http::request_path::Path;
use crate::http::site::Shared;
use crate::model::{Status, printable};
use crate::snapshot::part;

/// What the probes of an orchestrator are answered with.
const PROBE_OFFERS: [Offer; 3] = [
    Offer {
        media: "text/plain",
        version: None,
        content_type: "text/plain; charset=utf-8",
    },
    HEALTH_OFFERS[0],
    HEALTH_OFFERS[1],
];

/// JSON, and the same under the name of the health+json draft.
const HEALTH_OFFERS: [Offer; 2] = [
    Offer::plain("application/json"),
    Offer::plain("application/health+json"),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/livez", get(live))
        .route("/healthz", get(live))
        .route("/health/live", get(live))
        .route("/readyz", get(ready))
        .route("/health/ready", get(ready))
        .route("/readyz/{*check}", get(ready_check))
        .route("/health", get(health))
        .route("/health/detailed", get(detailed))
}

/// It answers, so it lives: nothing that a restart would not mend may fail this.
async fn live(
    uri: Uri,
    headers: HeaderMap,
    Extension(trusted): Extension<Trusted>,
) -> Result<Response<Body>, Problem> {
    let ping = Verdict::passing("ping", "it answers");
    probe("livez", &uri, &headers, trusted, &[ping])
}

async fn ready(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    Extension(trusted): Extension<Trusted>,
) -> Result<Response<Body>, Problem> {
    let report = report(&shared);
    let gates: Vec<Verdict> = report
        .verdicts
        .into_iter()
        .filter(|verdict| verdict.gates)
        .collect();
    probe("readyz", &uri, &headers, trusted, &gates)
}

async fn ready_check(
    State(shared): State<Arc<Shared>>,
    Path(check): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Extension(trusted): Extension<Trusted>,
) -> Result<Response<Body>, Problem> {
    let mut verdicts = report(&shared).verdicts;
    verdicts.retain(|verdict| verdict.name == check);
    if verdicts.is_empty() {
        let detail = format!("there is no check `{}`", printable(&check, 128));
        return Err(Problem::not_found(detail));
    }
    probe("readyz", &uri, &headers, trusted, &verdicts)
}

/// The report as of now: from the newest snapshot, or why there is none.
fn report(shared: &Shared) -> Report {
    let snapshot = shared.handles.cell.load();
    Report::new(snapshot.as_deref(), shared.draining(), Instant::now())
}

/// Answers as the Kubernetes API server's own health endpoints do.
fn probe(
    name: &str,
    uri: &Uri,
    headers: &HeaderMap,
    trusted: Trusted,
    verdicts: &[Verdict],
) -> Result<Response<Body>, Problem> {
    let asked = parameters(uri, &["verbose", "exclude"])?;
    let offer = choose(headers, &PROBE_OFFERS)?;
    let verbose = asked.iter().any(|(key, _)| key == "verbose");
    let excluded = |name: &str| {
        asked
            .iter()
            .any(|(key, value)| key == "exclude" && value == name)
    };
    let (left_out, counted): (Vec<_>, Vec<_>) =
        verdicts.iter().partition(|verdict| excluded(&verdict.name));
    let passed = counted.iter().all(|verdict| verdict.status < Status::Fail);
    let text = if offer > 0 {
        let report = Report::of(counted.into_iter().cloned().collect());
        summary(&report, trusted).to_string()
    } else if passed && !verbose {
        "ok".to_owned()
    } else {
        lines(name, &left_out, &counted, passed, trusted)
    };
    Ok(answer(passed, &PROBE_OFFERS[offer], text))
}

fn lines(
    name: &str,
    left_out: &[&Verdict],
    counted: &[&Verdict],
    passed: bool,
    Trusted(trusted): Trusted,
) -> String {
    let mut text = String::new();
    for verdict in left_out {
        text.push_str(&format!("[+]{} excluded: ok\n", verdict.name));
    }
    for Verdict {
        name,
        status,
        reason,
        ..
    } in counted.iter().copied()
    {
        let line = match (status, trusted) {
            (Status::Pass, _) => format!("[+]{name} ok\n"),
            (Status::Warn, true) => format!("[+]{name} ok: warning: {reason}\n"),
            (Status::Warn, false) => format!("[+]{name} ok: warning\n"),
            (Status::Fail, true) => format!("[-]{name} failed: {reason}\n"),
            (Status::Fail, false) => format!("[-]{name} failed: reason withheld\n"),
        };
        text.push_str(&line);
    }
    let end = if passed { "passed" } else { "failed" };
    text.push_str(&format!("{name} check {end}\n"));
    text
}

async fn health(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    Extension(trusted): Extension<Trusted>,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    let offer = &HEALTH_OFFERS[choose(&headers, &HEALTH_OFFERS)?];
    let report = report(&shared);
    let passed = report.status < Status::Fail;
    Ok(answer(passed, offer, summary(&report, trusted).to_string()))
}

/// The shape of the health+json draft (draft-inadarei-api-health-check-06): a status, and lists of checks by name.
fn summary(report: &Report, Trusted(trusted): Trusted) -> Value {
    let mut checks = Map::new();
    for verdict in &report.verdicts {
        let mut check = json!({ "status": verdict.status });
        if verdict.status > Status::Pass && trusted {
            check["output"] = verdict.reason.as_str().into();
        }
        checks.insert(verdict.name.clone(), json!([check]));
    }
    json!({
        "status": report.status,
        "ready": report.ready,
        "releaseId": env!("CARGO_PKG_VERSION"),
        "checks": checks,
    })
}

fn answer(passed: bool, offer: &Offer, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    if !passed {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response.headers_mut().insert(CONTENT_TYPE, offer.header());
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from(ACCEPT));
    response
}

async fn detailed(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    parameters(&uri, &[])?;
    choose(&headers, JSON)?;
    let edition = shared.edition()?;
    let body = edition.body(Document::Health, render_detailed).await?;
    body.answer(&headers, None).await
}

fn render_detailed(edition: &Edition) -> Result<Rendered, Problem> {
    let take = |name| part(&edition.snapshot, name, edition.now).unwrap_or(Value::Null);
    let report = Report::new(Some(&edition.snapshot), edition.draining, edition.now);
    let mut checks = take("health")["checks"].take();
    if let Value::Array(checks) = &mut checks {
        for live in report.verdicts.iter().filter(|verdict| verdict.live) {
            checks.retain(|check| check["name"] != *live.name);
            checks.push(json!({
                "name": live.name,
                "status": live.status,
                "message": live.reason,
                "gates_readiness": live.gates,
                "source": "http",
            }));
        }
    }
    let document = json!({
        "status": report.status,
        "ready": report.ready,
        "checks": checks,
        "sources": take("scheduler")["sources"].take(),
        "probes": take("probes"),
    });
    Ok((JSON[0].header(), document.to_string().into_bytes()))
}
