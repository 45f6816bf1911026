//! What a reader wants to know of the server, and what a Prometheus has and Probity has not, as empty as it is.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::get;
use serde::Serialize;

use super::envelope::{Outcome, Refusal, success};
use crate::http::bodies::Body as ReadyBody;
use crate::http::negotiate::JSON;
use crate::http::problem::Problem;
use crate::http::request_body::Form;
use crate::http::site::Shared;

/// The version of Prometheus whose API and language are followed: readers go by it.
const FOLLOWED: &str = "3.0.0";

pub(super) fn routes() -> Router<Arc<Shared>> {
    let at = |path: &str| format!("/prometheus/api/v1/{path}");
    Router::new()
        .route(&at("status/buildinfo"), get(buildinfo))
        .route(&at("rules"), get(rules))
        .route(&at("alerts"), get(alerts))
        .route(&at("query_exemplars"), get(exemplars).post(exemplars))
}

/// Nothing here may be called `features`: Grafana takes who has some for a Mimir.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildInfo {
    version: &'static str,
    revision: &'static str,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

#[derive(Serialize)]
struct Rules {
    groups: [(); 0],
}

#[derive(Serialize)]
struct Alerts {
    alerts: [(); 0],
}

async fn buildinfo(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let info = BuildInfo {
        version: FOLLOWED,
        revision: concat!("probity-", env!("CARGO_PKG_VERSION")),
        branch: "",
        build_user: "",
        build_date: "",
        go_version: "",
    };
    answer(&shared, &headers, success(info)).await
}

async fn rules(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &headers, success(Rules { groups: [] })).await
}

async fn alerts(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &headers, success(Alerts { alerts: [] })).await
}

async fn exemplars(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<Body>, Problem> {
    super::answer(&shared, &headers, form, |parameters, _| {
        parameters.expression()?;
        let none: [(); 0] = [];
        success(none)
    })
    .await
}

/// Without a past there is no Prometheus here.
async fn answer(
    shared: &Shared,
    headers: &HeaderMap,
    outcome: Outcome,
) -> Result<Response<Body>, Problem> {
    if shared.past().is_err() {
        return Ok(Refusal::no_history().answer());
    }
    match outcome {
        Ok(bytes) => {
            let body = ReadyBody::new((JSON[0].header(), bytes));
            Arc::new(body).answer(headers, None).await
        }
        Err(refusal) => Ok(refusal.answer()),
    }
}
