//! Which part of the past a query is about, and how its series are told.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

use super::value;
use crate::archive::PastSeries;
use crate::history::SeriesKey;
use crate::http::problem::Problem;
use crate::model::{Span, printable};

/// The longest window asked for at once.
const MAX_WINDOW: Duration = Duration::from_secs(400 * 86_400);

/// A stretch of time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) end: i64,
    pub(super) length: i64,
}

impl Window {
    /// The window of `?window=` until `?end=`: until now, unless something else is asked for.
    ///
    /// # Errors
    /// 400 that names the parameter, the value and what is wanted.
    pub(super) fn of(pairs: &[(String, String)], default: Duration) -> Result<Self, Problem> {
        let length = match value(pairs, "window") {
            Some(text) => duration("window", text)?,
            None => default,
        };
        let end = match value(pairs, "end") {
            Some(text) => time("end", text)?,
            None => now(),
        };
        Ok(Self {
            end,
            length: millis(length),
        })
    }

    pub(super) fn start(&self) -> i64 {
        self.end - self.length
    }
}

/// 400 for a parameter's value.
pub(super) fn refused(name: &str, value: &str, wanted: impl std::fmt::Display) -> Problem {
    let detail = format!("`{name}={}`: {wanted}", printable(value, 64));
    Problem::bad_request(detail).member("parameter", name.into())
}

/// One of several words.
pub(super) fn word<T: Copy>(
    pairs: &[(String, String)],
    name: &str,
    words: &[(&str, T)],
) -> Result<Option<T>, Problem> {
    let Some(text) = value(pairs, name) else {
        return Ok(None);
    };
    let found = words.iter().find(|(word, _)| *word == text);
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let wanted = || format!("must be one of {}", known.join(", "));
    found
        .map(|(_, value)| Some(*value))
        .ok_or_else(|| refused(name, text, wanted()))
}

/// A duration such as `15m` or `7d`, longer than nothing.
pub(super) fn duration(name: &str, text: &str) -> Result<Duration, Problem> {
    // Days are for looking back: a configured duration is never as long.
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let parsed: Result<Span, ValueError> = match days {
        Some(days) => Ok(Span::seconds(u64::from(u32::min(days, 1_000)) * 86_400)),
        None => serde::Deserialize::deserialize(text.into_deserializer()),
    };
    match parsed {
        Ok(Span(length)) if length >= Duration::from_millis(1) && length <= MAX_WINDOW => {
            Ok(length)
        }
        Ok(_) => Err(refused(name, text, "must be between 1ms and 400d")),
        Err(_) => Err(refused(
            name,
            text,
            "must be a duration with its unit, such as 30s, 15m, 1h or 7d",
        )),
    }
}

/// A time in RFC 3339, or in Unix seconds, in milliseconds since the Unix epoch.
pub(super) fn time(name: &str, text: &str) -> Result<i64, Problem> {
    microseconds(name, text).map(|time| time.div_euclid(1_000))
}

/// The same in microseconds.
pub(super) fn microseconds(name: &str, text: &str) -> Result<i64, Problem> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|number| number.abs() < 1e11);
    let time = match seconds {
        Some(seconds) => Some((seconds * 1e6).round() as i64),
        None => text
            .parse::<Timestamp>()
            .ok()
            .map(Timestamp::as_microsecond),
    };
    let wanted = "must be a time such as 2026-01-31T12:00:00Z, or in seconds since 1970";
    time.ok_or_else(|| refused(name, text, wanted))
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A moment as documents show it.
pub(super) fn shown(time: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(time).ok()?;
    Some(format!("{time:.3}"))
}

/// What tells a series from others, and what it is.
#[derive(Debug, Serialize)]
pub(super) struct Description<'a> {
    name: &'a str,
    #[serde(serialize_with = "labels")]
    labels: &'a [(Arc<str>, Arc<str>)],
    r#type: &'static str,
    unit: &'a str,
    source: &'a str,
}

impl<'a> Description<'a> {
    pub(super) fn of(key: &'a SeriesKey) -> Self {
        Self {
            name: &key.name,
            labels: &key.labels,
            r#type: key.metric.kind.as_str(),
            unit: &key.metric.unit,
            source: &key.source,
        }
    }

    /// Of one that the archive has.
    pub(super) fn of_archived(series: &'a PastSeries) -> Self {
        Self {
            name: &series.name,
            labels: &series.labels,
            r#type: series.kind.as_str(),
            unit: &series.unit,
            source: &series.source,
        }
    }
}

fn labels<S: serde::Serializer>(
    labels: &&[(Arc<str>, Arc<str>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|(key, value)| (&**key, &**value)))
}
