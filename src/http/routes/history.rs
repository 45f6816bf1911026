//! `/api/v1/series` and `/api/v1/history`: the past of chosen series.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::get;
use serde::Serialize;

use super::older::{Older, Past, Stepped, Whole, needed};
use super::window::{Description, Window, duration, millis, refused, shown, word};
use super::{parameters, value};
use crate::archive::Archive;
use crate::history::{Fold, Measure, SeriesId, Steps, View};
use crate::http::negotiate::{JSON, choose};
use crate::http::problem::Problem;
use crate::http::queries::encode;
use crate::http::site::Shared;
use crate::model::Summary;
use crate::query::{MAX_PATTERNS, QueryError, Selector, patterns_of};

/// Series that one answer tells of.
pub(super) const MAX_SERIES: usize = 10_000;
/// Selectors of one request.
const MAX_SELECTORS: usize = 50;
/// Points that one answer holds of all its series: some ten megabytes.
const MAX_POINTS: usize = 500_000;
/// Steps into which a window is divided, if nothing else is asked for.
const USUAL_STEPS: i64 = 120;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/series", get(series))
        .route("/api/v1/history", get(history))
}

/// Whether a series is told by its values or by what they gain each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum As {
    Value,
    Rate,
}

pub(super) const WAYS: [(&str, As); 2] = [("value", As::Value), ("rate", As::Rate)];

#[derive(Serialize)]
struct SeriesList<'a> {
    series: Vec<Known<'a>>,
}

#[derive(Serialize)]
struct Known<'a> {
    #[serde(flatten)]
    series: Description<'a>,
    help: &'a str,
}

#[derive(Serialize)]
struct HistoryAnswer<'a> {
    start: Option<String>,
    end: Option<String>,
    step_ms: i64,
    /// What is older comes from the archive; null when all is from memory.
    archive_until: Option<String>,
    /// Why the archive could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_error: Option<String>,
    series: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    series: Description<'a>,
    r#as: As,
    points: Vec<(i64, Option<f64>)>,
}

async fn series(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    let pairs = parameters(&uri, &["match"])?;
    answer(&shared, &headers, move |view| {
        let list = |ids: &mut dyn Iterator<Item = SeriesId>| {
            let keys = ids.filter_map(|id| view.key(id));
            let known = keys.map(|key| Known {
                series: Description::of(key),
                help: &key.metric.help,
            });
            json(&SeriesList {
                series: known.collect(),
            })
        };
        if value(&pairs, "match").is_none() {
            within("series", view.series().count(), MAX_SERIES)?;
            return list(&mut view.series().map(|(id, _)| id));
        }
        list(&mut chosen(view, &selectors(&pairs, "match")?)?.into_iter())
    })
    .await
}

async fn history(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    let pairs = parameters(&uri, &["series", "window", "end", "step", "as", "fn"])?;
    let step = value(&pairs, "step").map(|text| duration("step", text));
    let question = Question {
        window: Window::of(&pairs, Duration::from_secs(900))?,
        step: step.transpose()?.map(millis),
        way: word(&pairs, "as", &WAYS)?,
        measure: word(&pairs, "fn", &Measure::ALL)?.unwrap_or(Measure::Fold(Fold::Average)),
        pairs,
    };
    let archive = shared.handles.archive.clone();
    answer(&shared, &headers, move |view| {
        question.answer(view, archive.as_ref())
    })
    .await
}

/// What is asked of `/api/v1/history`.
struct Question {
    pairs: Vec<(String, String)>,
    window: Window,
    step: Option<i64>,
    way: Option<As>,
    measure: Measure,
}

impl Question {
    fn answer(&self, view: &View, archive: Option<&Archive>) -> Result<Vec<u8>, Problem> {
        let selectors = selectors(&self.pairs, "series")?;
        let ids = chosen(view, &selectors)?;
        let archive = needed(archive, view, self.window.start());
        let steps = self.steps(view, archive);
        fits(&steps, ids.len())?;
        let bounds = (steps.from, steps.end);
        let (older, error) = Older::read(archive, view, &selectors, bounds)?;
        let older = older.as_ref();
        let past = Past { view, older };
        let all = past.series(&ids);
        fits(&steps, all.len())?;
        if let Measure::Quantile(_) = self.measure {
            no_rows(self.measure, past, &all, &steps)?;
        }
        let told = all.into_iter().map(|whole| {
            let way = way_of(self.way, whole.cumulative);
            Told {
                points: self.points(past, &whole, &steps, way),
                series: whole.series,
                r#as: way,
            }
        });
        let until = older.map(|older| older.until().min(steps.until()));
        json(&HistoryAnswer {
            start: shown(steps.from),
            end: shown(steps.until()),
            step_ms: steps.step,
            archive_until: until.and_then(shown),
            archive_error: error,
            series: told.collect(),
        })
    }

    /// The steps asked for; else some that are not shorter than those of what is asked, for that would show gaps that are
    /// none.
    fn steps(&self, view: &View, archive: Option<Stepped<'_>>) -> Steps {
        let (end, length) = (self.window.end, self.window.length);
        let archived = archive.map_or(1, |(_, step)| step);
        let usual = || (length / USUAL_STEPS).max(view.interval()).max(archived);
        Steps::covering(end, length, self.step.unwrap_or_else(usual))
    }

    fn points(
        &self,
        past: Past<'_>,
        whole: &Whole<'_>,
        steps: &Steps,
        way: As,
    ) -> Vec<(i64, Option<f64>)> {
        let (after, until) = (steps.from, steps.end);
        let samples = || past.samples(whole, after, until);
        let rates = || past.rates(whole, after, until);
        match (way, self.measure) {
            (As::Value, Measure::Fold(fold)) => {
                let newer = samples().map(|(time, value)| (time, Summary::of(value)));
                let all = past.rows(whole, after).chain(newer);
                steps.values(&steps.sums(all), fold)
            }
            (As::Value, Measure::Quantile(q)) => steps.quantiles(samples(), q),
            (As::Rate, Measure::Fold(fold)) => steps.fold_rates(rates(), fold),
            (As::Rate, Measure::Quantile(q)) => {
                steps.quantiles(rates().map(|rate| (rate.time, rate.value)), q)
            }
        }
    }
}

/// # Errors
/// 400 for what cannot be made of rows, where a step has some.
fn no_rows(
    measure: Measure,
    past: Past<'_>,
    all: &[Whole<'_>],
    steps: &Steps,
) -> Result<(), Problem> {
    let has_rows = |whole: &Whole<'_>| past.rows(whole, steps.from).next().is_some();
    if !all.iter().any(has_rows) {
        return Ok(());
    }
    let since = past.older.and_then(|older| shown(older.until()));
    let since = since.unwrap_or_default();
    let wanted = format!(
        "needs each sample, and until {since} there are rows of the archive: begin the window later, or take one of avg, min, max, last, count"
    );
    Err(refused("fn", measure.word(), wanted))
}

/// What only grows is told by its rate, unless the value is asked for.
pub(super) fn way_of(asked: Option<As>, cumulative: bool) -> As {
    asked.unwrap_or(if cumulative { As::Rate } else { As::Value })
}

/// The selectors of a parameter, at least one.
pub(super) fn selectors(pairs: &[(String, String)], name: &str) -> Result<Vec<Selector>, Problem> {
    let texts: Vec<&str> = pairs
        .iter()
        .filter_map(|(key, text)| (key == name).then_some(text.as_str()))
        .collect();
    let expressions = texts.iter().copied().map(patterns_of).sum();
    asked("selectors", texts.len(), MAX_SELECTORS)?;
    asked("regular expressions", expressions, MAX_PATTERNS)?;
    let parameter = |error: QueryError| Problem::from(error).member("parameter", name.into());
    let parsed = texts
        .iter()
        .map(|text| Selector::parse(text).map_err(parameter));
    let selectors: Vec<Selector> = parsed.collect::<Result<_, _>>()?;
    if selectors.is_empty() {
        let wanted = "a selector is wanted, such as `name{label=\"value\"}`; /api/v1/series lists what there is";
        return Err(refused(name, "", wanted));
    }
    Ok(selectors)
}

/// The series of memory that these selectors choose, each once.
pub(super) fn chosen(view: &View, selectors: &[Selector]) -> Result<Vec<SeriesId>, Problem> {
    let (mut ids, mut seen) = (Vec::new(), HashSet::new());
    for selector in selectors {
        let new = |id: &SeriesId| seen.insert(*id);
        ids.extend(selector.find(view).into_iter().filter(new));
        within("series", ids.len(), MAX_SERIES)?;
    }
    Ok(ids)
}

/// # Errors
/// 422 for a question that holds too much itself.
fn asked(what: &str, count: usize, most: usize) -> Result<(), Problem> {
    if count <= most {
        return Ok(());
    }
    let message = format!("the request has {count} {what}: at most {most}");
    Err(QueryError::too_much(message).into())
}

/// Whether an answer may have so many series at these steps.
fn fits(steps: &Steps, series: usize) -> Result<(), Problem> {
    within("series", series, MAX_SERIES)?;
    let points = steps.count.saturating_mul(series.max(1));
    within("points", points, MAX_POINTS)
}

/// # Errors
/// 422 for an answer that would hold too much.
pub(super) fn within(what: &str, count: usize, most: usize) -> Result<(), Problem> {
    if count <= most {
        return Ok(());
    }
    let next = "narrow the selector, shorten the window or lengthen the step";
    let message = format!("the answer would hold {count} {what}: at most {most}; {next}");
    Err(QueryError::too_much(message).into())
}

pub(super) fn json(answer: &impl Serialize) -> Result<Vec<u8>, Problem> {
    Ok(encode(answer)?)
}

/// Answers with what `work` makes of the past.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    work: impl FnOnce(&View) -> Result<Vec<u8>, Problem> + Send + 'static,
) -> Result<Response<ResponseBody>, Problem> {
    choose(headers, JSON)?;
    let view = shared.past()?;
    let work = move || work(&view);
    let body = shared.queries.body(JSON[0].header(), work).await?;
    body.answer(headers, None).await
}
