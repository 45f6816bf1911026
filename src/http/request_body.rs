//! Reading what a client sends: bounded in size, time and depth, of a known media type.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::guard::too_large;
use super::problem::Problem;
use crate::model::{TallyCounter, printable};

/// What a request's body may be.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    /// Bytes at most.
    pub size: usize,
    /// Time from the first look to the last byte.
    pub time: Duration,
    /// Counts bodies that did not come in time.
    pub timeouts: TallyCounter,
}

/// A request's body, parsed from JSON.
#[derive(Debug)]
pub struct Json<T>(
    /// What it says.
    pub T,
);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits::from_ref(state);
        check_media(request.headers(), &["application/json"])?;
        let bytes = read(request.into_body(), &limits).await?;
        parse(&bytes).map(Self)
    }
}

/// The parameters of a form: those of the address, and with POST those of the body before them.
#[derive(Debug)]
pub struct Form(
    /// Names and values, in order.
    pub Vec<(String, String)>,
);

impl<S> FromRequest<S> for Form
where
    S: Send + Sync,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits::from_ref(state);
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut pairs = Vec::new();
        if request.method() == Method::POST {
            check_media(request.headers(), &["application/x-www-form-urlencoded"])?;
            let bytes = read(request.into_body(), &limits).await?;
            pairs.extend(form_urlencoded::parse(&bytes).into_owned());
        }
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        Ok(Self(pairs))
    }
}

/// Refuses other media types than these, and compressed bodies.
fn check_media(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let plain = headers
        .get(CONTENT_ENCODING)
        .is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if media(headers, accepted).is_some() && plain {
        return Ok(());
    }
    let detail = format!("the body must be {}, not compressed", accepted.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).closing())
}

/// Which of these media types the body is.
pub(super) fn media(headers: &HeaderMap, accepted: &[&str]) -> Option<usize> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = given
        .and_then(|value| value.split(';').next())
        .unwrap_or("");
    accepted
        .iter()
        .position(|one| one.eq_ignore_ascii_case(media.trim()))
}

/// Reads a body within its limits.
///
/// # Errors
/// 413 when it is too large, 408 when it comes too slowly, 400 when it breaks off.
pub(super) async fn read(body: Body, limits: &BodyLimits) -> Result<Vec<u8>, Problem> {
    read_within(body, limits, |_| Ok(())).await
}

/// Reads a body within its limits; before it takes more memory, `grow` is told how many bytes it will take, and may refuse that. It
/// takes at most twice what came.
///
/// # Errors
/// As [`read`], and what `grow` gives.
pub(super) async fn read_within(
    body: Body,
    limits: &BodyLimits,
    grow: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Vec<u8>, Problem> {
    let received = tokio::time::timeout(limits.time, receive(body, limits.size, grow)).await;
    received.unwrap_or_else(|_| {
        limits.timeouts.increment();
        let detail = "the body did not come in time";
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail).closing())
    })
}

async fn receive(
    mut body: Body,
    most: usize,
    mut grow: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().exact();
    let bound = announced.map_or(most, |bytes| {
        usize::try_from(bytes).unwrap_or(most).min(most)
    });
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let problem = Problem::bad_request("the body could not be read");
            problem.inside(error.to_string()).closing()
        })?;
        // Anything else is a trailer.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > most {
            return Err(too_large(most as u64));
        }
        if length > bytes.capacity() {
            let capacity = (2 * bytes.len()).clamp(length, bound.max(length));
            grow(capacity)?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json);
    let value = parsed.map_err(|error| mistake(&pointer(error.path()), error.inner()))?;
    json.end().map_err(|error| mistake("", &error))?;
    Ok(value)
}

fn mistake(pointer: &str, error: &serde_json::Error) -> Problem {
    let detail = printable(&error.to_string(), 256);
    Problem::bad_request("the body is not the JSON that is wanted here")
        .member("errors", json!([{ "pointer": pointer, "detail": detail }]))
}

/// The place as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}
