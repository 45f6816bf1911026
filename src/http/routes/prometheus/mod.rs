//! `/prometheus/api/v1/…`: the past as a Prometheus shows it, so that what reads one, such as Grafana, can read Probity.
//!
//! Follows Prometheus' HTTP API (<https://prometheus.io/docs/prometheus/latest/querying/api/>), its errors included. Unlike
//! everywhere else here, unknown parameters are passed over, as Prometheus does.

mod archived;
mod catalogue;
mod envelope;
mod parameters;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::get;

use self::archived::Archived;
use self::envelope::{Outcome, Refusal};
use self::parameters::Parameters;
use crate::archive::Archive;
use crate::history::View;
use crate::http::bodies::Body;
use crate::http::negotiate::JSON;
use crate::http::problem::Problem;
use crate::http::request_body::Form;
use crate::http::site::Shared;
use crate::query::{LOOKBACK, Limits, Older, Past, Terms};

pub(super) fn routes() -> Router<Arc<Shared>> {
    let at = |path: &str| format!("/prometheus/api/v1/{path}");
    Router::new()
        .route(&at("query"), get(instant).post(instant))
        .route(&at("query_range"), get(range).post(range))
        .merge(catalogue::routes())
        .merge(server::routes())
}

async fn instant(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<ResponseBody>, Problem> {
    let archive = shared.handles.archive.clone();
    answer(&shared, &headers, form, move |parameters, view| {
        let terms = terms(parameters, view)?;
        let query = parameters.query()?;
        let time = parameters.time("time")?.unwrap_or_else(parameters::now);
        let older = older(parameters, archive.as_ref(), view, &terms)?;
        let answer = query.at(past(view, &older), time, &terms)?;
        let lacks = older.and_then(Archived::fault);
        envelope::result(answer, time, parameters.limit()?, lacks)
    })
    .await
}

async fn range(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response<ResponseBody>, Problem> {
    let archive = shared.handles.archive.clone();
    answer(&shared, &headers, form, move |parameters, view| {
        let terms = terms(parameters, view)?;
        let query = parameters.query()?;
        let window = parameters.window()?;
        let older = older(parameters, archive.as_ref(), view, &terms)?;
        let answer = query.over(past(view, &older), window, &terms)?;
        let lacks = older.and_then(Archived::fault);
        envelope::result(answer, window.end, parameters.limit()?, lacks)
    })
    .await
}

/// What is older than memory, if it is kept.
fn older<'a>(
    parameters: &Parameters,
    archive: Option<&'a Archive>,
    view: &View,
    terms: &Terms,
) -> Result<Option<Archived<'a>>, Refusal> {
    let is_given = parameters.lookback()?.is_some();
    Ok(Archived::behind(archive, view, terms, is_given))
}

fn past<'a>(view: &'a View, older: &'a Option<Archived<'_>>) -> Past<'a> {
    Past::new(view, older.as_ref().map(|older| older as &dyn Older))
}

/// How a query that begins now is carried out: within the time that the client gives, if that is less than there is.
fn terms(parameters: &Parameters, view: &View) -> Result<Terms, Refusal> {
    let limits = Limits::default();
    let time = parameters.duration("timeout")?.unwrap_or(limits.time);
    // At a longer step each sample would be too old before the next one comes.
    let step = Duration::from_millis(view.interval().unsigned_abs());
    let usual = LOOKBACK.max(step * 2);
    Ok(Terms {
        lookback: parameters.lookback()?.unwrap_or(usual),
        begun: Instant::now(),
        limits: Limits {
            time: time.min(limits.time),
            ..limits
        },
    })
}

/// Answers with what `work` makes of the past, on a thread that may be busy for a while.
async fn answer(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    Form(pairs): Form,
    work: impl FnOnce(&Parameters, &View) -> Outcome + Send + 'static,
) -> Result<Response<ResponseBody>, Problem> {
    let Ok(view) = shared.past() else {
        return Ok(Refusal::no_history().answer());
    };
    let (parameters, room) = (Parameters(pairs), shared.queries.room());
    let work = move || -> Result<Arc<Body>, Refusal> {
        let bytes = work(&parameters, &view)?;
        Ok(room.body(JSON[0].header(), bytes)?)
    };
    match shared.queries.run(move || Ok(work())).await {
        Ok(Ok(body)) => body.answer(headers, None).await,
        Ok(Err(refusal)) => Ok(refusal.answer()),
        // It is its turn's wait that was too long.
        Err(problem) if problem.status().as_u16() == 503 => Ok(Refusal::busy().answer()),
        Err(problem) => Err(problem),
    }
}
