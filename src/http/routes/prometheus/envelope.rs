//! What answers look like: Prometheus' JSON, with numbers as texts beside their times.

use std::fmt;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};

use crate::http::negotiate::JSON;
use crate::http::queries::{self, Unsent};
use crate::query::{Answer, Labels, QueryError, QueryFault};

/// An encoded answer, or why there is none.
pub(super) type Outcome = Result<Vec<u8>, Refusal>;

/// Why a request was not served.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Failure<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    kind: &'static str,
    error: &'a str,
}

#[derive(Serialize)]
struct Success<T> {
    status: &'static str,
    data: T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Refusal {
    /// 400 for a parameter.
    pub(super) fn parameter(name: &str, reason: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "bad_data",
            message: format!("invalid parameter \"{name}\": {reason}"),
        }
    }

    /// The same, said of a parameter.
    pub(super) fn of(self, name: &str) -> Self {
        Self {
            message: format!("invalid parameter \"{name}\": {}", self.message),
            ..self
        }
    }

    /// 404 where no past is kept.
    pub(super) fn no_history() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "not_found",
            message: "the history is switched off (history.enabled)".into(),
        }
    }

    /// 503 where others take all the time that there is for queries.
    pub(super) fn busy() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "timeout",
            message: "other queries take all the time or room that there is for them; try again"
                .into(),
        }
    }

    pub(super) fn answer(self) -> Response<Body> {
        let failure = Failure {
            status: "error",
            kind: self.kind,
            error: &self.message,
        };
        let body = serde_json::to_vec(&failure).expect("three texts are JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON[0].header());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<Unsent> for Refusal {
    fn from(unsent: Unsent) -> Self {
        let (status, kind) = match unsent {
            Unsent::NoRoom => return Self::busy(),
            Unsent::TooLarge => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            Unsent::NoJson(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self {
            status,
            kind,
            message: unsent.to_string(),
        }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let (status, kind) = match error.fault {
            QueryFault::Malformed | QueryFault::Unsupported => {
                (StatusCode::BAD_REQUEST, "bad_data")
            }
            QueryFault::TooMuch | QueryFault::Failed => {
                (StatusCode::UNPROCESSABLE_ENTITY, "execution")
            }
            QueryFault::TooSlow => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        };
        Self {
            status,
            kind,
            message: error.to_string(),
        }
    }
}

/// A list of which at most `limit` are told, with a warning when that is not all.
pub(super) fn list<T: Serialize>(mut all: Vec<T>, limit: usize) -> Outcome {
    let warnings = cut(&mut all, limit);
    encode(&all, warnings)
}

/// Data as it is.
pub(super) fn success(data: impl Serialize) -> Outcome {
    encode(data, Vec::new())
}

/// What a query came to; `time` is that of an instant query, and `lacks` says what is not in it.
pub(super) fn result(answer: Answer, time: i64, limit: usize, lacks: Option<String>) -> Outcome {
    let mut warnings = Vec::new();
    let data = match answer {
        Answer::Scalar(value) => Data::Scalar(Point(time, value)),
        Answer::Text(text) => Data::String(Text(time, text)),
        Answer::Vector(mut all) => {
            warnings = cut(&mut all, limit);
            let one = |(labels, value)| Instant {
                metric: Metric(labels),
                value: Point(time, value),
            };
            Data::Vector(all.into_iter().map(one).collect())
        }
        Answer::Matrix(mut all) => {
            warnings = cut(&mut all, limit);
            let one = |(labels, values)| Line {
                metric: Metric(labels),
                values: Points(values),
            };
            Data::Matrix(all.into_iter().map(one).collect())
        }
    };
    warnings.extend(lacks);
    encode(data, warnings)
}

fn cut<T>(all: &mut Vec<T>, limit: usize) -> Vec<String> {
    if all.len() <= limit {
        return Vec::new();
    }
    all.truncate(limit);
    vec!["results truncated due to limit".to_owned()]
}

fn encode(data: impl Serialize, warnings: Vec<String>) -> Outcome {
    let success = Success {
        status: "success",
        data,
        warnings,
    };
    Ok(queries::encode(&success)?)
}

#[derive(Serialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar(Point),
    String(Text),
    Vector(Vec<Instant>),
    Matrix(Vec<Line>),
}

#[derive(Serialize)]
struct Instant {
    metric: Metric,
    value: Point,
}

#[derive(Serialize)]
struct Line {
    metric: Metric,
    values: Points,
}

struct Points(Vec<(i64, f64)>);

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(time, value)| Point(*time, *value)))
    }
}

/// Labels as an object.
pub(super) struct Metric(pub(super) Labels);

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

/// A time with a value.
struct Point(i64, f64);

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element(&Time(self.0))?;
        tuple.serialize_element(&Number(self.1))?;
        tuple.end()
    }
}

/// A time with a text.
struct Text(i64, String);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Time(self.0), &self.1).serialize(serializer)
    }
}

/// Milliseconds as seconds.
struct Time(i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1_000 {
            0 => serializer.serialize_i64(self.0 / 1_000),
            _ => serializer.serialize_f64(self.0 as f64 / 1e3),
        }
    }
}

/// A number as Prometheus writes it (`MarshalFloat` in util/jsonutil): the fewest digits, and an exponent only for very
/// small and very large ones.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, size) = (self.0, self.0.abs());
        if value == f64::INFINITY {
            f.write_str("+Inf")
        } else if value == f64::NEG_INFINITY {
            f.write_str("-Inf")
        } else if value.is_nan() || size == 0.0 || (1e-6..1e21).contains(&size) {
            write!(f, "{value}")
        } else {
            // Go writes an exponent's sign, and at least two digits of it.
            let text = format!("{value:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or_default();
            write!(f, "{digits}e{exponent:+03}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_prometheus_writes_them() {
        for (value, wanted) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e-7, "-1.25e-07"),
            (1e-6, "0.000001"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(Number(value).to_string(), wanted);
        }
        for (time, wanted) in [
            (1_700_000_000_000, "1700000000"),
            (1_700_000_000_001, "1700000000.001"),
            (1_435_781_451_781, "1435781451.781"),
            (-1_500, "-1.5"),
        ] {
            let written = serde_json::to_string(&Time(time)).expect("it is a number");
            assert_eq!(written, wanted);
        }
    }

    #[test]
    fn more_than_the_limit_is_cut_with_a_warning() {
        let listed = |limit| {
            let bytes = list(vec!["a", "b"], limit).expect("it is JSON");
            String::from_utf8(bytes).expect("it is text")
        };
        assert_eq!(listed(2), r#"{"status":"success","data":["a","b"]}"#);
        assert_eq!(
            listed(1),
            r#"{"status":"success","data":["a"],"warnings":["results truncated due to limit"]}"#
        );
    }
}
