//! Requests to object storage: one connection each, over TLS unless plain HTTP is allowed, every step under a deadline.
//!
//! No proxy of the environment is asked, no redirect is followed, and of an error's body only the storage's own word for it is
//! passed on: some bodies repeat the access key.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::READ_BYTES;
use super::tls::Tls;

/// How long connecting may take, the handshake included.
const CONNECT: Duration = Duration::from_secs(10);
/// The largest answer: a part of an archive, or a list of a thousand objects.
const MAX_ANSWER: usize = READ_BYTES as usize + (1 << 20);
/// The longest word that is passed on of an error, such as `AccessDenied`.
const MAX_WORD: usize = 64;

/// Makes the client.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tls: Tls,
    allow_http: bool,
    patience: Duration,
}

impl Wire {
    /// Requests that may take `patience` each.
    pub(super) fn new(allow_http: bool, patience: Duration) -> Self {
        let inner = Inner {
            tls: Tls::default(),
            allow_http,
            patience,
        };
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let patience = self.inner.patience;
        match timeout(patience, self.inner.ask(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let text = format!("no answer within {} s", patience.as_secs_f32());
                Err(failure(
                    HttpErrorKind::Timeout,
                    io::Error::new(io::ErrorKind::TimedOut, text),
                ))
            }
        }
    }
}

impl Inner {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let connected = timeout(CONNECT, self.connected(&uri, request)).await;
        let exchange = connected.unwrap_or_else(|_| {
            let text = "connecting took too long";
            Err(failure(
                HttpErrorKind::Connect,
                io::Error::new(io::ErrorKind::TimedOut, text),
            ))
        })?;
        exchange.await
    }

    /// Connects, and gives what is left to do.
    async fn connected(
        &self,
        uri: &Uri,
        request: HttpRequest,
    ) -> Result<futures::future::BoxFuture<'static, Result<HttpResponse, HttpError>>, HttpError>
    {
        let unfit = |text| failure(HttpErrorKind::Unknown, io::Error::other(text));
        let unreached = |error| failure(HttpErrorKind::Connect, error);
        let host = uri
            .host()
            .ok_or_else(|| unfit("the address names no host"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.allow_http => false,
            _ => return Err(unfit("the address is not https")),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let request = addressed(request, uri).map_err(|error| unfit_request(&error))?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(unreached)?;
        stream.set_nodelay(true).map_err(unreached)?;
        if !secure {
            return Ok(Box::pin(exchange(TokioIo::new(stream), request)));
        }
        let name = ServerName::try_from(host).map_err(|_| unfit("its host is no name"))?;
        let settings = self.tls.settings().await.map_err(unreached)?;
        let connector = TlsConnector::from(settings);
        let stream = connector.connect(name, stream).await.map_err(|error| {
            // One whose certificate is not trusted is the same the next time.
            let kind = match error.kind() {
                io::ErrorKind::InvalidData => HttpErrorKind::Unknown,
                _ => HttpErrorKind::Connect,
            };
            failure(kind, error)
        })?;
        Ok(Box::pin(exchange(TokioIo::new(stream), request)))
    }
}

/// The request as it stands on the wire: its host in a header, its path alone in the first line.
fn addressed(
    request: HttpRequest,
    uri: &Uri,
) -> Result<Request<HttpRequestBody>, hyper::http::Error> {
    let (mut parts, body) = request.into_parts();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(hyper::http::Error::from)?;
    if let Some(authority) = uri.authority()
        && !parts.headers.contains_key(HOST)
    {
        let host = HeaderValue::from_str(authority.as_str())?;
        parts.headers.insert(HOST, host);
    }
    Ok(Request::from_parts(parts, body))
}

fn unfit_request(error: &hyper::http::Error) -> HttpError {
    failure(HttpErrorKind::Unknown, io::Error::other(error.to_string()))
}

/// One request and its whole answer over a fresh connection.
async fn exchange<T>(
    stream: T,
    request: Request<HttpRequestBody>,
) -> Result<HttpResponse, HttpError>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let cut = |error: hyper::Error| failure(HttpErrorKind::Interrupted, io::Error::other(error));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(cut)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(cut)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body =
            body.map_err(|error| failure(HttpErrorKind::Interrupted, io::Error::other(error)))?;
        let mut body = body.to_bytes();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            body = Bytes::from(word(&body));
        }
        let never = |never: Infallible| match never {};
        let body = HttpResponseBody::new(Full::new(body).map_err(never));
        Ok(Response::from_parts(parts, body))
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

/// The storage's own word for an error, `<Code>` in the documents of S3.
fn word(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let word = code.map_or("", |(word, _)| word);
    let is_plain = word.len() <= MAX_WORD && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain {
        word.to_owned()
    } else {
        String::new()
    }
}

fn failure(kind: HttpErrorKind, error: io::Error) -> HttpError {
    HttpError::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn of_an_error_only_its_word_is_passed_on() {
        let body = b"<Error><Code>AccessDenied</Code><AWSAccessKeyId>AKID</AWSAccessKeyId></Error>";
        assert_eq!(word(body), "AccessDenied");
        for body in [
            "",
            "AKID",
            "<Code>",
            "<Code>a b</Code>",
            "<Code>\u{1b}[m</Code>",
        ] {
            assert_eq!(word(body.as_bytes()), "", "{body}");
        }
    }
}
