//! Errors as problem documents (RFC 9457): short for the client, in full for the log.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

/// The media type of a problem document.
pub(super) const MEDIA: &str = "application/problem+json";

/// Why a request was not served.
#[derive(Debug)]
pub struct Problem(Box<Content>);

/// Boxed, since every route's result has room for one.
#[derive(Debug)]
struct Content {
    status: StatusCode,
    detail: String,
    inside: Option<String>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent in place of the document.
    words: Option<&'static str>,
}

/// What only the log may say of an answer; travels with it up to where the request's id is known.
#[derive(Debug, Clone)]
pub(super) struct Inside(pub(super) String);

impl Problem {
    /// A problem with one sentence for the client.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            status,
            detail: detail.into(),
            inside: None,
            members: Map::new(),
            headers: Vec::new(),
            words: None,
        }))
    }

    /// 400: the client's mistake, in words that let it be mended.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 500: the client learns nothing, the log everything.
    pub fn internal(inside: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request could not be served; the log says why",
        )
        .inside(inside)
    }

    /// 503 with the components that are not ready, as pairs of name and reason.
    pub fn not_ready(components: &[(&str, &str)]) -> Self {
        let listed = components
            .iter()
            .map(|(name, reason)| json!({ "name": name, "status": "fail", "message": reason }))
            .collect();
        let reason = components
            .first()
            .map_or("not ready", |(_, reason)| *reason);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
            .member("components", Value::Array(listed))
            .header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// With a message that only the log sees.
    #[must_use]
    pub fn inside(mut self, message: impl Into<String>) -> Self {
        self.0.inside = Some(message.into());
        self
    }

    /// With an extension member.
    #[must_use]
    pub fn member(mut self, name: &str, value: Value) -> Self {
        self.0.members.insert(name.to_owned(), value);
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Sent as plain text in place of the document, to be read by a person.
    #[must_use]
    pub(super) fn in_words(mut self, words: &'static str) -> Self {
        self.0.words = Some(words);
        self
    }

    /// With the end of the connection: the rest of what the client sends is not worth reading.
    #[must_use]
    pub fn closing(self) -> Self {
        self.header(
            axum::http::header::CONNECTION,
            HeaderValue::from_static("close"),
        )
    }

    /// The sentence for the client.
    pub(super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let problem = *self.0;
        let mut document = json!({
            "type": "about:blank",
            "title": problem.status.canonical_reason().unwrap_or("Error"),
            "status": problem.status.as_u16(),
            "detail": problem.detail,
        });
        if let Value::Object(object) = &mut document {
            object.extend(problem.members);
        }
        let (media, body) = match problem.words {
            Some(words) => ("text/plain; charset=utf-8", words.to_owned()),
            None => (MEDIA, document.to_string()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = problem.status;
        let media = HeaderValue::from_static(media);
        response.headers_mut().insert(CONTENT_TYPE, media);
        response.headers_mut().extend(problem.headers);
        if let Some(message) = problem.inside {
            response.extensions_mut().insert(Inside(message));
        }
        response
    }
}
