//! HTTP requests to origins that the operator granted.
//!
//! In a unit test the answers are those that [`testing::Host::http`](crate::testing::Host::http) was given.

mod headers;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod url;
#[cfg(target_arch = "wasm32")]
mod wasi;

#[cfg(not(target_arch = "wasm32"))]
use native as here;
#[cfg(target_arch = "wasm32")]
use wasi as here;

use std::time::Duration;

use crate::{Failure, Result};

pub use headers::Headers;
pub use url::Url;

/// A request takes at most this long, unless the probe says otherwise; it never takes longer than what is left of the run.
const PATIENCE: Duration = Duration::from_secs(4);
/// An answer's body is read up to here, unless the probe says otherwise.
const BODY_BYTES: usize = 1024 * 1024;

/// A request, with what it may take.
#[derive(Debug, Clone)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// With scheme and host.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent; empty for most methods.
    pub body: Vec<u8>,
    pub(crate) timeout: Duration,
    pub(crate) most: usize,
}

/// What became of one of several requests.
pub struct Exchange {
    /// The answer, or why there is none.
    pub answer: Result<Response>,
    /// From its sending to the end of the answer, or until it failed.
    pub took: Duration,
    /// From its sending to the beginning of the answer, if that came.
    pub first_byte: Option<Duration>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200. Redirects are not followed.
    pub status: u16,
    /// Names and values, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, up to the bound.
    pub body: Vec<u8>,
    /// Whether the body was longer than the bound.
    pub is_cut: bool,
}

impl Request {
    /// A request of any method.
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: PATIENCE,
            most: BODY_BYTES,
        }
    }

    /// A GET request.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// Adds a header. A secret's [`placeholder`](crate::secrets::placeholder) in it is filled in by the host.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body to send.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// How long the whole exchange may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes of the answer's body are read at most.
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Sends it and reads the answer, whatever its status.
    ///
    /// # Errors
    /// `bad-config` when the URL is none, `denied` when its origin is not granted, `unavailable` when there is no answer.
    pub fn send(self) -> Result<Response> {
        match send_all([Ok(self)]).pop() {
            Some(exchange) => exchange.answer,
            None => Err(Failure::other("the request was lost")),
        }
    }
}

/// Sends several requests at once, and gives what became of each, in their order. One that gets no answer holds up none of the others: when
/// there are more than can be under way at once, what is left of the run is shared out among them.
///
/// An answer that comes in thousands of tiny pieces fails on its own, for each costs a call to the host.
/// A request that could not even be made is answered with its failure.
pub fn send_all(requests: impl IntoIterator<Item = Result<Request>>) -> Vec<Exchange> {
    here::send_all(requests.into_iter().collect())
}

fn failed(failure: Failure) -> Exchange {
    Exchange {
        answer: Err(failure),
        took: Duration::ZERO,
        first_byte: None,
    }
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced by U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a GET request.
///
/// # Errors
/// As [`Request::send`].
pub fn get(url: &str) -> Result<Response> {
    Request::get(url).send()
}
