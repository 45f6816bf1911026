//! The routes, one group a file, and what they share.

mod actions;
mod aggregates;
mod backups;
mod badges;
mod events;
mod health;
mod history;
mod index;
mod metrics;
mod older;
mod page;
mod probes;
mod prometheus;
mod select;
mod snapshot;
mod snapshots;
mod sources;
mod stream;
mod verdict;
mod window;

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};

use super::problem::Problem;
use super::site::Shared;
use crate::model::printable;

pub(super) use metrics::MetricEncoders;
pub(super) use select::Fields;
pub(super) use snapshot::render_fields;

/// All routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(index::routes())
        .merge(snapshot::routes())
        .merge(metrics::routes())
        .merge(health::routes())
        .merge(probes::routes())
        .merge(actions::routes())
        .merge(aggregates::routes())
        .merge(history::routes())
        .merge(snapshots::routes())
        .merge(sources::routes())
        .merge(stream::routes())
        .merge(events::routes())
        .merge(page::routes())
        .merge(backups::routes())
        .merge(badges::routes())
        .merge(prometheus::routes())
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

/// The parameters that may be given more than once: lists, and what is chosen from.
const REPEATED: [&str; 8] = [
    "exclude", "fields", "kind", "match", "outcome", "parts", "series", "topics",
];

/// The query's parameters.
///
/// # Errors
/// 400 that names a parameter that is not one of `known`, or is given twice where one is wanted, or says that the query is malformed.
fn parameters(uri: &Uri, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    if uri.query().is_none() {
        return Ok(Vec::new());
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|error| {
        Problem::bad_request("the query is malformed").inside(error.to_string())
    })?;
    for (index, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(unknown(name, known));
        }
        let before = pairs[..index].iter().any(|(earlier, _)| earlier == name);
        if before && !REPEATED.contains(&name.as_str()) {
            let detail = format!("`{name}` is given twice");
            return Err(Problem::bad_request(detail).member("parameter", name.as_str().into()));
        }
    }
    Ok(pairs)
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let name = printable(name, 64);
    let known = if known.is_empty() {
        "there are none here".to_owned()
    } else {
        format!("known: {}", known.join(", "))
    };
    let detail = format!("unknown query parameter `{name}` ({known})");
    Problem::bad_request(detail).member("parameter", name.into())
}

/// A parameter's value.
fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}
