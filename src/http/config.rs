//! Configuration of the HTTP server.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use axum::http::uri::Authority;
use serde::{Deserialize, Serialize};

use super::StreamConfig;
use super::server::HttpError;
use super::token::Token;
use crate::model::{ByteSize, Invalid, Span, check_range};

/// `[server]`: where it listens and what it puts up with.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host names besides loopback ones and the listening address that a request may be for.
    pub allowed_hosts: Vec<String>,
    /// A file whose first line is the token that every request but `/livez` and `/readyz` must carry, as a bearer or as a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Listen beyond loopback without a token.
    pub allow_unauthenticated: bool,
    /// Open connections at most; further ones wait in the kernel's queue.
    pub max_connections: u32,
    /// Time for a request's header, and for an idle kept-alive connection.
    pub header_timeout: Span,
    /// Time for a request's body, and for a client to take an answer.
    pub body_timeout: Span,
    /// A request body's size.
    pub max_body: ByteSize,
    /// Time that requests under way get at shutdown.
    pub drain_timeout: Span,
    /// The live stream.
    pub stream: StreamConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7762)),
            allowed_hosts: Vec::new(),
            token_file: None,
            allow_unauthenticated: false,
            max_connections: 512,
            header_timeout: Span::seconds(10),
            body_timeout: Span::seconds(30),
            max_body: ByteSize::mib(8),
            drain_timeout: Span::seconds(5),
            stream: StreamConfig::default(),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        self.check_ranges(&mut faults);
        self.stream.check(&mut faults);
        for (index, host) in self.allowed_hosts.iter().enumerate() {
            if !is_host(host) {
                let rule = "must be a host name or an address, with or without a port";
                faults.push(Invalid::new(format!("allowed_hosts[{index}]"), host, rule));
            }
        }
        faults.extend(self.check_reach());
        faults
    }

    fn check_ranges(&self, faults: &mut Vec<Invalid>) {
        let connections = self.max_connections;
        check_range(faults, "max_connections", connections, 1, 65_536);
        let mut time = |key, value, seconds| {
            check_range(
                faults,
                key,
                value,
                Span::millis(100),
                Span::seconds(seconds),
            );
        };
        time("header_timeout", self.header_timeout, 600);
        time("body_timeout", self.body_timeout, 600);
        let (least, most) = (ByteSize::kib(1), ByteSize::mib(64));
        check_range(faults, "max_body", self.max_body, least, most);
        let (least, most) = (Span::millis(100), Span::seconds(300));
        check_range(faults, "drain_timeout", self.drain_timeout, least, most);
    }

    /// Reads the token file, if one is named, as the start does.
    ///
    /// # Errors
    /// [`HttpError::Token`] when it cannot be read, is no regular file, is too large, or holds no token.
    pub fn check_token(&self) -> Result<(), HttpError> {
        self.token().map(drop)
    }

    pub(super) fn token(&self) -> Result<Option<Token>, HttpError> {
        self.token_file.as_deref().map(Token::read).transpose()
    }

    /// Whether anybody may reach it without saying who they are.
    fn check_reach(&self) -> Option<Invalid> {
        let is_guarded = self.listen.ip().is_loopback()
            || self.token_file.is_some()
            || self.allow_unauthenticated;
        let fault = Invalid::new(
            "listen",
            self.listen,
            "must be a loopback address unless `token_file` is set",
        );
        (!is_guarded).then(|| {
            fault.suggest(
                "set `token_file`, or `allow_unauthenticated = true` if the network is trusted",
            )
        })
    }
}

/// What a request's `Host` can be: only that is ever compared with it.
fn is_host(text: &str) -> bool {
    let authority = || text.parse::<Authority>();
    text.parse::<IpAddr>().is_ok()
        || authority().is_ok_and(|one| !one.host().is_empty() && !text.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c01_an_allowed_host_is_what_a_host_header_can_be() {
        for (host, fits) in [
            ("example.org", true),
            ("example.org:8080", true),
            ("EXAMPLE", true),
            ("10.0.0.1", true),
            ("[::1]:80", true),
            ("fe80::1", true),
            ("", false),
            (":80", false),
            ("http://example.org", false),
            ("example.org/", false),
            ("user@example.org", false),
            ("two words", false),
        ] {
            let config = Config {
                allowed_hosts: vec!["first".into(), host.into()],
                ..Config::default()
            };
            let faults = config.check();
            let told: Vec<&str> = faults.iter().map(|fault| &*fault.key).collect();
            let wanted: &[&str] = if fits { &[] } else { &["allowed_hosts[1]"] };
            assert_eq!(told, wanted, "`{host}`");
        }
    }
}
