//! `/api/v1/aggregates`: what the past of chosen series comes to in a window.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::get;
use serde::Serialize;

use super::history::{As, MAX_SERIES, WAYS, answer, chosen, json, selectors, way_of, within};
use super::older::{Older, Past, Whole, needed};
use super::parameters;
use super::window::{Description, Window, shown, word};
use crate::archive::Archive;
use crate::history::{Aggregates, Scratch, View};
use crate::http::problem::Problem;
use crate::http::site::Shared;
use crate::model::Summary;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/api/v1/aggregates", get(aggregates))
}

#[derive(Serialize)]
struct AggregatesAnswer<'a> {
    start: Option<String>,
    end: Option<String>,
    /// What is older comes from the archive; null when all is from memory.
    archive_until: Option<String>,
    /// Why the archive could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_error: Option<String>,
    series: Vec<Summed<'a>>,
}

#[derive(Serialize)]
struct Summed<'a> {
    #[serde(flatten)]
    series: Description<'a>,
    r#as: As,
    count: usize,
    average: f64,
    minimum: f64,
    maximum: f64,
    /// Null where rows of the archive take part, which have no percentiles; so are the next two.
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    first: Option<String>,
    last: Option<String>,
    covered_ms: i64,
}

async fn aggregates(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response<ResponseBody>, Problem> {
    let pairs = parameters(&uri, &["series", "window", "end", "as"])?;
    let question = Question {
        window: Window::of(&pairs, Duration::from_secs(3_600))?,
        way: word(&pairs, "as", &WAYS)?,
        pairs,
    };
    let archive = shared.handles.archive.clone();
    answer(&shared, &headers, move |view| {
        question.answer(view, archive.as_ref())
    })
    .await
}

/// What is asked.
struct Question {
    pairs: Vec<(String, String)>,
    window: Window,
    way: Option<As>,
}

impl Question {
    fn answer(&self, view: &View, archive: Option<&Archive>) -> Result<Vec<u8>, Problem> {
        let selectors = selectors(&self.pairs, "series")?;
        let ids = chosen(view, &selectors)?;
        let (start, end) = (self.window.start(), self.window.end);
        let archive = needed(archive, view, start);
        let (older, error) = Older::read(archive, view, &selectors, (start, end))?;
        let older = older.as_ref();
        let past = Past { view, older };
        let mut scratch = Scratch::default();
        let all = past.series(&ids);
        within("series", all.len(), MAX_SERIES)?;
        let summed = all
            .into_iter()
            .filter_map(|whole| self.summed(past, whole, &mut scratch));
        json(&AggregatesAnswer {
            start: shown(start),
            end: shown(end),
            archive_until: older.and_then(|older| shown(older.until().min(end))),
            archive_error: error,
            series: summed.collect(),
        })
    }

    /// One series' aggregates; nothing when it has no sample in the window.
    fn summed<'a>(
        &self,
        past: Past<'a>,
        whole: Whole<'a>,
        scratch: &mut Scratch,
    ) -> Option<Summed<'a>> {
        let (after, until) = (self.window.start(), self.window.end);
        let way = way_of(self.way, whole.cumulative);
        let has_rows = past.rows(&whole, after).next().is_some();
        let all = match way {
            As::Rate => Aggregates::of_rates(past.rates(&whole, after, until), scratch),
            As::Value if has_rows => with_rows(past, &whole, after, until),
            As::Value => Aggregates::of(past.samples(&whole, after, until), scratch),
        }?;
        let percentile = |value: f64| (!has_rows).then_some(value);
        Some(Summed {
            series: whole.series,
            r#as: way,
            count: all.count,
            average: all.average,
            minimum: all.minimum,
            maximum: all.maximum,
            p50: percentile(all.p50),
            p95: percentile(all.p95),
            p99: percentile(all.p99),
            first: shown(all.first),
            last: shown(all.last),
            covered_ms: all.last - all.first,
        })
    }
}

/// What rows, and what memory has after them, come to together. There are no percentiles: a row does not have its samples.
fn with_rows(past: Past<'_>, whole: &Whole<'_>, after: i64, until: i64) -> Option<Aggregates> {
    let samples = past.samples(whole, after, until);
    let newer = samples
        .filter(|(_, value)| !value.is_nan())
        .map(|(time, value)| (time, Summary::of(value)));
    let rows = past.rows(whole, after).map(|(_, summary)| summary);
    let mut all = rows.fold(Summary::default(), Summary::then);
    // A row does not have its first sample's time, but its step begins before that.
    let (first, mut last) = past.covered(whole, after)?;
    for (time, summary) in newer {
        last = time;
        all = all.then(summary);
    }
    Some(Aggregates {
        count: usize::try_from(all.count).unwrap_or(usize::MAX),
        average: all.average(),
        minimum: all.minimum,
        maximum: all.maximum,
        p50: f64::NAN,
        p95: f64::NAN,
        p99: f64::NAN,
        first,
        last,
    })
}
