//! Where a guest may go: origins for HTTP, hosts with a port for TCP and UDP, read at the door.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::http::uri::Authority;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest host name there is.
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// A host as the operator named it. What it leads to is told apart by how it is named: an address and `localhost` are what
/// they say, a name must not lead back into this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// This machine.
    Localhost,
    /// A name in lower case, to be looked up.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Scheme, host and port of an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// `https`, else `http`.
    pub secure: bool,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// Host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

const ORIGIN_RULE: &str = "must be an origin without path or wildcard, such as \"https://api.example.com\" or \
    \"http://127.0.0.1:9090\"";
const ENDPOINT_RULE: &str =
    "must be a host and a port, such as \"127.0.0.1:6379\" or \"db.internal:5432\"";
const HOST_RULE: &str = "must name a host in ASCII or as an address, such as \"db.internal\", \"127.0.0.1\" or \"[::1]\"";

impl Origin {
    /// The origin that a request is for. Nothing when its host is none, or it carries a user.
    pub(super) fn of(secure: bool, authority: &Authority) -> Option<Self> {
        if authority.as_str().contains('@') {
            return None;
        }
        Some(Self {
            secure,
            host: authority.host().parse().ok()?,
            port: authority.port_u16().unwrap_or(default_port(secure)),
        })
    }

    /// Host and port as a `Host` header has them.
    pub(super) fn authority(&self) -> String {
        if self.port == default_port(self.secure) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(inside) = text.strip_prefix('[') {
            let inside = inside.strip_suffix(']').ok_or(HOST_RULE)?;
            let address: std::net::Ipv6Addr = inside.parse().map_err(|_| HOST_RULE)?;
            return match address.to_ipv4_mapped() {
                Some(_) => Err("must be written as an IPv4 address, such as \"127.0.0.1\""),
                None => Ok(Self::Address(address.into())),
            };
        }
        if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let name = text.to_ascii_lowercase();
        if name == "localhost" {
            return Ok(Self::Localhost);
        }
        if is_name(&name) {
            Ok(Self::Name(name))
        } else {
            Err(HOST_RULE)
        }
    }
}

/// Whether it is a host name. One that ends in a number is an address in disguise: `127.1`, `0x7f000001`.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    name.len() <= MAX_NAME_BYTES && name.split('.').all(label) && !number
}

/// A host and, where one is written, its port.
fn split(text: &str) -> Result<(Host, Option<u16>), &'static str> {
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match text[end..].rfind(':') {
        Some(colon) => text.split_at(end + colon),
        None => (text, ""),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port: u16 = digits
                .parse()
                .map_err(|_| "must have a port from 1 to 65535")?;
            Some(port).filter(|port| *port > 0)
        }
        Some(_) => return Err("must have a port from 1 to 65535"),
        None => None,
    };
    Ok((host.parse()?, port))
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, authority) = text.split_once("://").ok_or(ORIGIN_RULE)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(ORIGIN_RULE),
        };
        if authority.contains(['/', '?', '#', '@', '*']) {
            return Err(ORIGIN_RULE);
        }
        let (host, port) = split(authority)?;
        let port = port.unwrap_or(default_port(secure));
        Ok(Self { secure, host, port })
    }
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = split(text)?;
        let port = port.ok_or(ENDPOINT_RULE)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost => f.write_str("localhost"),
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Reads a text and says the rule that it breaks.
fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = &'static str>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_read_back_in_their_shortest_form() {
        for (text, shown) in [
            ("https://API.example.com", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://under_score", "http://under_score"),
        ] {
            let origin: Origin = text.parse().expect(text);
            assert_eq!(origin.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "api.example.com",
            "ftp://a.example",
            "https://",
            "https://a.example/",
            "https://a.example/path",
            "https://a.example?q",
            "https://*.example.com",
            "https://user@a.example",
            "https://a.example:0x50",
            "https://a.example:65536",
            "https://a..example",
            "https://-a.example",
            "https://bücher.example",
            "https://2130706433",
            "https://127.1",
            "https://0x7f000001",
            "https://[::1",
            "https://[::ffff:127.0.0.1]",
            "https://a.example.",
        ] {
            let rule = text.parse::<Origin>().expect_err(text);
            assert!(rule.starts_with("must "), "{text}: {rule}");
        }
    }

    #[test]
    fn an_endpoint_needs_its_port() {
        for text in [
            "127.0.0.1:6379",
            "db.internal:5432",
            "[::1]:53",
            "localhost:1",
        ] {
            assert_eq!(text.parse::<Endpoint>().expect(text).to_string(), text);
        }
        for text in [
            "127.0.0.1",
            "db.internal",
            "[::1]",
            "db:0",
            "db:x",
            ":1",
            "::1:53",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_request_is_for_an_origin_or_for_none() {
        let of = |text: &str| Origin::of(false, &text.parse().expect("an authority"));
        let granted: Origin = "http://a.example".parse().expect("an origin");
        assert_eq!(of("A.EXAMPLE:80"), Some(granted.clone()));
        assert_ne!(of("a.example:81"), Some(granted));
        for text in ["u:p@a.example", "127.1", "[::ffff:127.0.0.1]", "a.example."] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
