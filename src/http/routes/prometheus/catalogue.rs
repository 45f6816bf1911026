//! What there is to ask for: series, their labels and those labels' values, and what metrics mean.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::get;
use serde::Serialize;

use super::answer;
use super::envelope::{Metric, Outcome, Refusal, list, success};
use super::parameters::Parameters;
use crate::history::{SeriesId, SeriesKey, View};
use crate::http::problem::Problem;
use crate::http::request_body::Form;
use crate::http::request_path::Path;
use crate::http::site::Shared;
use crate::query::{Labels, Limits, QueryError, Selector};

/// Series that one answer tells of.
const MAX_SERIES: usize = 20_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    let at = |path: &str| format!("/prometheus/api/v1/{path}");
    Router::new()
        .route(&at("series"), get(series).post(series))
        .route(&at("labels"), get(labels).post(labels))
        .route(&at("label/{name}/values"), get(values))
        .route(&at("metadata"), get(metadata))
}

async fn series(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &headers, form, |parameters, view| {
        if parameters.matches()?.is_empty() {
            return Err(Refusal::parameter("match[]", "at least one is needed"));
        }
        let chosen = chosen(parameters, view)?;
        let limit = parameters.limit()?;
        if chosen.len().min(limit) > MAX_SERIES {
            let count = chosen.len();
            let message = format!("{count} series match: at most {MAX_SERIES}; give a limit");
            return Err(QueryError::too_much(message).into());
        }
        let told = chosen.into_iter().map(|key| Metric(Labels::of(key)));
        list(told.collect(), limit)
    })
    .await
}

async fn labels(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &headers, form, |parameters, view| {
        let mut names = BTreeSet::new();
        for key in chosen(parameters, view)? {
            names.insert("__name__");
            names.extend(key.labels.iter().map(|(label, _)| &**label));
        }
        list(names.into_iter().collect(), parameters.limit()?)
    })
    .await
}

async fn values(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, Problem>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<Body>, Problem> {
    let Ok(Path(name)) = name else {
        let refusal = Refusal::parameter("name", "it is no UTF-8");
        return Ok(refusal.answer());
    };
    answer(&shared, &headers, form, move |parameters, view| {
        let value = |key: &&Arc<SeriesKey>| match name.as_str() {
            "__name__" => Some(key.name.to_string()),
            _ => key.label(&name).map(str::to_owned),
        };
        let values: BTreeSet<String> = chosen(parameters, view)?.iter().filter_map(value).collect();
        list(values.into_iter().collect(), parameters.limit()?)
    })
    .await
}

/// What is known of a metric.
#[derive(Serialize)]
struct Meaning<'a> {
    r#type: &'static str,
    help: &'a str,
    unit: &'a str,
}

async fn metadata(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<Body>, Problem> {
    answer(&shared, &headers, form, meanings).await
}

fn meanings(parameters: &Parameters, view: &View) -> Outcome {
    let (wanted, limit) = (parameters.get("metric"), parameters.limit()?);
    let mut meanings: BTreeMap<&str, Vec<Meaning<'_>>> = BTreeMap::new();
    for (_, key) in view.series() {
        let metric = &key.metric;
        if wanted.is_some_and(|wanted| wanted != &*metric.name) {
            continue;
        }
        meanings.entry(&metric.name).or_insert_with(|| {
            vec![Meaning {
                r#type: metric.kind.as_str(),
                help: &metric.help,
                unit: &metric.unit,
            }]
        });
    }
    let told: BTreeMap<_, _> = meanings.into_iter().take(limit).collect();
    success(told)
}

/// The series that any selector of `match[]` chooses, or all if there is none, with a value in the time that is asked about.
fn chosen<'v>(parameters: &Parameters, view: &'v View) -> Result<Vec<&'v Arc<SeriesKey>>, Refusal> {
    let (start, end) = parameters.stretch()?;
    let (limits, begun) = (Limits::default(), Instant::now());
    let matches = parameters.matches()?;
    let mut ids: Vec<SeriesId> = Vec::new();
    let mut seen = HashSet::new();
    for text in &matches {
        limits.check_time(begun)?;
        // One after the other: their regular expressions may be large.
        let selector = Selector::parse(text);
        let selector = selector.map_err(|error| Refusal::from(error).of("match[]"))?;
        let new = |id: &SeriesId| seen.insert(*id);
        ids.extend(selector.find(view).into_iter().filter(new));
    }
    if matches.is_empty() {
        ids.extend(view.series().map(|(id, _)| id));
    }
    let covers = |(first, last): (i64, i64)| start <= first && last <= end;
    let all = view.span().is_some_and(covers);
    limits.check_time(begun)?;
    let has_values = |id: &SeriesId| all || view.samples(*id, start, end).next().is_some();
    let kept = ids.into_iter().filter(has_values);
    Ok(kept.filter_map(|id| view.key(id)).collect())
}
