//! A running Probity, asked over HTTP: what the program's own verbs ask another instance.
//!
//! Owns the client's side of the wire: one connection a question, bounded in time and size. What the answers mean is for
//! whoever asks.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// No document of a Probity is larger, unless its probes were given leave for very many series.
const MAX_ANSWER: usize = 16 << 20;
/// The port of an address that names none.
const HTTP_PORT: u16 = 80;

/// Where a Probity serves, and what it wants to see.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Host and port.
    authority: String,
    token: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Why an address is none of a Probity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` {reason}")]
pub struct UrlError {
    /// What was given.
    pub url: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Instance {
    /// One that serves there. `token`: what it wants to see.
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self {
            authority: address.to_string(),
            token,
        }
    }

    /// One that serves at `url`, such as `http://127.0.0.1:7762`.
    ///
    /// # Errors
    /// It is no such address.
    pub fn at(url: &str, token: Option<String>) -> Result<Self, UrlError> {
        let wrong = |reason| UrlError {
            url: url.to_owned(),
            reason,
        };
        let parsed: Uri = url.parse().map_err(|_| wrong("is no address"))?;
        match parsed.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("has TLS, which a Probity does not speak")),
            _ => return Err(wrong("does not begin with http://")),
        }
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
            return Err(wrong("has more than a host and a port"));
        }
        let authority = parsed.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong("names no host, or a user"));
        }
        let port = authority.port_u16().unwrap_or(HTTP_PORT);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            token,
        })
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    /// Nothing answers there within `patience`, or not in HTTP, or with too much.
    pub async fn get(&self, path: &str, patience: Duration) -> io::Result<Answer> {
        self.ask(Method::GET, path, patience).await
    }

    /// Asks for something to be done, without a body.
    ///
    /// # Errors
    /// As [`Instance::get`]; it may have been done all the same.
    pub async fn post(&self, path: &str, patience: Duration) -> io::Result<Answer> {
        self.ask(Method::POST, path, patience).await
    }

    async fn ask(&self, method: Method, path: &str, patience: Duration) -> io::Result<Answer> {
        let asked = tokio::time::timeout(patience, self.exchange(method, path)).await;
        asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn exchange(&self, method: Method, path: &str) -> io::Result<Answer> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let exchange = async {
            let answer = sender
                .send_request(request)
                .await
                .map_err(io::Error::other)?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(io::Error::other)?.to_bytes();
            Ok(Answer { status, body })
        };
        // When the connection ends, the exchange learns of it and ends by itself.
        let driven = async {
            let _told_by_the_exchange = connection.await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            answered = exchange => answered,
            never = driven => match never {},
        }
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> serde_json::Result<Value> {
        serde_json::from_slice(&self.body)
    }

    /// What a refusal says of its reason, or the status alone.
    pub fn reason(&self) -> String {
        let problem = self.json().unwrap_or_default();
        match problem["detail"].as_str() {
            Some(detail) => format!("{detail} ({})", self.status),
            None => format!("status {}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_over_http() {
        for (url, wanted) in [
            ("http://127.0.0.1:7762", Ok("127.0.0.1:7762")),
            ("http://[::1]:1/", Ok("[::1]:1")),
            ("http://box.example", Ok("box.example:80")),
            ("https://box.example", Err("TLS")),
            ("127.0.0.1:7762", Err("http://")),
            ("box", Err("http://")),
            ("http://box/page", Err("more than")),
            ("http://box/?x", Err("more than")),
            ("http://me@box", Err("user")),
            ("http://", Err("no address")),
            ("", Err("no address")),
        ] {
            let read = Instance::at(url, None);
            match (read, wanted) {
                (Ok(instance), Ok(authority)) => assert_eq!(instance.authority(), authority),
                (Err(error), Err(reason)) => {
                    assert!(error.to_string().contains(reason), "{error}");
                }
                (read, wanted) => panic!("{url}: {read:?}, not {wanted:?}"),
            }
        }
    }
}
