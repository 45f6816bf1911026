//! The routes, one group a file, and what they share.

mod actions;
mod health;
mod index;
mod metrics;
mod probes;
mod select;
mod snapshot;
mod verdict;

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};

use super::problem::Problem;
use super::site::Shared;
use crate::model::printable;

pub(super) use metrics::MetricEncoders;

/// All routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(index::routes())
        .merge(snapshot::routes())
        .merge(metrics::routes())
        .merge(health::routes())
        .merge(probes::routes())
        .merge(actions::routes())
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn nothing_here(uri: Uri) -> Problem {
    let path = printable(uri.path(), 128);
    Problem::not_found(format!(
        "there is nothing at {path}; `/` lists what there is"
    ))
}

/// axum adds `Allow`.
async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address does not know the method; Allow lists those it knows",
    )
}

/// The query's parameters.
///
/// # Errors
/// 400 that names a parameter that is not one of `known`, or says that the query is malformed.
fn parameters(uri: &Uri, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    if uri.query().is_none() {
        return Ok(Vec::new());
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|error| {
        Problem::bad_request("the query is malformed").inside(error.to_string())
    })?;
    for (name, _) in &pairs {
        if !known.contains(&name.as_str()) {
            let name = printable(name, 64);
            let known = if known.is_empty() {
                "there are none here".to_owned()
            } else {
                format!("known: {}", known.join(", "))
            };
            let detail = format!("unknown query parameter `{name}` ({known})");
            return Err(Problem::bad_request(detail).member("parameter", name.into()));
        }
    }
    Ok(pairs)
}
