//! Who may ask: the host a request is for, its framing, its token, and the size it announces.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use axum::http::header::{CONTENT_LENGTH, HOST, ORIGIN, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderName, HeaderValue, StatusCode};

use super::Config;
use super::problem::Problem;
use super::server::HttpError;
use super::token::{self, Shown, Token};
use crate::model::printable;

/// Paths that need no token, so that an orchestrator can ask without a secret.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];
/// Paths that need none either where `page.public` says so, with what lies below the badges'.
const PUBLIC_PATHS: [&str; 3] = ["/status", "/page/page.css", "/page/page.js"];
const BADGES: &str = "/badge/";

/// What a browser says of the page that sends a request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Whether the caller may read reasons: with a token configured, only who carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trusted(pub(super) bool);

/// The checks that every request passes before a route sees it.
#[derive(Debug)]
pub(super) struct Guard {
    listen: IpAddr,
    /// Lower-case hosts, with or without a port.
    allowed: HashSet<String>,
    token: Option<Token>,
    /// Whether the summary and the badges are for everybody.
    public: bool,
    max_body: u64,
}

impl Guard {
    /// Reads the token file, if one is configured; `public` says that the summary and the badges need no token.
    ///
    /// # Errors
    /// [`HttpError::Token`] when the file cannot be read or holds no token.
    pub(super) fn new(
        config: &Config,
        public: bool,
        listen: SocketAddr,
    ) -> Result<Self, HttpError> {
        let token = config.token()?;
        let allowed = config.allowed_hosts.iter();
        Ok(Self {
            listen: listen.ip(),
            allowed: allowed.map(|host| host.to_ascii_lowercase()).collect(),
            token,
            public,
            max_body: config.max_body.0,
        })
    }

    /// Looks at a request's header; `conflict` says that its framing is ambiguous.
    ///
    /// # Errors
    /// 400, 421, 403, 401 or 413 as a problem.
    pub(super) fn check(&self, request: &Parts, conflict: bool) -> Result<Trusted, Problem> {
        self.check_host(request)?;
        check_origin(request)?;
        if conflict && request.headers.contains_key(TRANSFER_ENCODING) {
            let detail = "Content-Length and Transfer-Encoding exclude each other";
            return Err(Problem::bad_request(detail).closing());
        }
        let trusted = self.is_trusted(request)?;
        if !trusted && !self.is_open(request.uri.path()) {
            return Err(token::wanted(&request.headers));
        }
        self.check_length(request)?;
        Ok(Trusted(trusted))
    }

    /// A page that a stranger's DNS points here would carry the stranger's name in Host: only known names
    /// are answered. The port is not looked at, since forwarding changes it and an attacker gains nothing by it.
    fn check_host(&self, request: &Parts) -> Result<(), Problem> {
        let mut lines = request.headers.get_all(HOST).iter();
        let (Some(host), None) = (lines.next(), lines.next()) else {
            return Err(Problem::bad_request("exactly one Host header is needed").closing());
        };
        let host = Authority::try_from(host.as_bytes()).map_err(|_| {
            Problem::bad_request("Host is not a name with an optional port").closing()
        })?;
        self.check_authority(&host)?;
        if let Some(authority) = request.uri.authority() {
            self.check_authority(authority)?;
        }
        match request.uri.scheme() {
            Some(scheme) if *scheme != Scheme::HTTP => Err(misdirected(scheme.as_str())),
            _ => Ok(()),
        }
    }

    fn check_authority(&self, authority: &Authority) -> Result<(), Problem> {
        if authority.as_str().contains('@') {
            return Err(Problem::bad_request("a host has no user name").closing());
        }
        let bare = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let known = match bare.parse::<IpAddr>() {
            Ok(address) => self.is_own(address.to_canonical()),
            Err(_) => bare.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        };
        if known || self.is_allowed(bare) || self.is_allowed(authority.as_str()) {
            Ok(())
        } else {
            Err(misdirected(authority.as_str()))
        }
    }

    fn is_own(&self, address: IpAddr) -> bool {
        // Bound to every address, each of the machine's is right, and no page can forge a literal one.
        address.is_loopback()
            || self.listen.is_unspecified()
            || address == self.listen.to_canonical()
    }

    fn is_allowed(&self, host: &str) -> bool {
        !self.allowed.is_empty() && self.allowed.contains(&host.to_ascii_lowercase())
    }

    fn is_open(&self, path: &str) -> bool {
        let is_public = || PUBLIC_PATHS.contains(&path) || path.starts_with(BADGES);
        OPEN_PATHS.contains(&path) || self.public && is_public()
    }

    /// Whether the token was shown, or none is wanted. What changes something and shows it as a browser does has to come from a
    /// page of this server: a browser shows it for the pages of others, too.
    fn is_trusted(&self, request: &Parts) -> Result<bool, Problem> {
        let Some(token) = &self.token else {
            return Ok(true);
        };
        let shown = token.shown(&request.headers);
        if shown == Some(Shown::Basic) && !request.method.is_safe() && !is_same_origin(request) {
            let detail = "with the token as a password only a page of this server may change anything; \
                          programs send `Authorization: Bearer TOKEN`";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).closing());
        }
        Ok(shown.is_some())
    }

    fn check_length(&self, request: &Parts) -> Result<(), Problem> {
        let length = request.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        match length {
            Some(length) if length > self.max_body => Err(too_large(self.max_body)),
            _ => Ok(()),
        }
    }
}

/// A page of another site can make a browser send a request that changes something; the browser says so.
fn check_origin(request: &Parts) -> Result<(), Problem> {
    let header = |name| request.headers.get(name);
    if request.method.is_safe() {
        return check_embedding(request);
    }
    let is_from_here = match header(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
        // No page can make a browser say so, and the origin need not be the host: a proxy with TLS before this server may name another.
        Some(b"same-origin") => true,
        Some(b"none") | None => header(ORIGIN).is_none_or(|origin| is_own_origin(request, origin)),
        Some(_) => false,
    };
    if is_from_here {
        return Ok(());
    }
    let detail = "a page of another origin may not change anything here";
    Err(Problem::new(StatusCode::FORBIDDEN, detail).closing())
}

/// Whether the origin that a browser names is the host that the request is for.
fn is_own_origin(request: &Parts, origin: &HeaderValue) -> bool {
    let host = request.headers.get(HOST);
    let host = host.map_or(&b""[..], HeaderValue::as_bytes);
    let origin = origin.as_bytes();
    let authority = origin
        .strip_prefix(b"http://")
        .or(origin.strip_prefix(b"https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// Whether a browser says that a page of this server asks. Over plain HTTP it may say so by `Origin` alone.
fn is_same_origin(request: &Parts) -> bool {
    let header = |name| request.headers.get(name);
    header(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
        || header(ORIGIN).is_some_and(|origin| is_own_origin(request, origin))
}

/// A page of another site can have a browser ask for anything, and see nothing of the answer; but some questions are dear.
/// What a person follows a link to is not meant.
fn check_embedding(request: &Parts) -> Result<(), Problem> {
    let is = |name, value: &[u8]| {
        let given = request.headers.get(name).map(HeaderValue::as_bytes);
        given == Some(value)
    };
    let dear = ["/api/", "/prometheus/"];
    let dear = dear
        .iter()
        .any(|start| request.uri.path().starts_with(start));
    if dear && is(SEC_FETCH_SITE, b"cross-site") && !is(SEC_FETCH_MODE, b"navigate") {
        let detail = "a page of another site may not ask this";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).closing());
    }
    Ok(())
}

/// 413: the rest of the body is not read.
pub(super) fn too_large(limit: u64) -> Problem {
    let detail = format!("the body is larger than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        .member("limit_bytes", limit.into())
        .closing()
}

fn misdirected(host: &str) -> Problem {
    let host = printable(host, 128);
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        format!(
            "this server does not answer for `{host}`; `server.allowed_hosts` lists further names"
        ),
    )
    .closing()
}
