//! The probe's configuration: servers and files whose certificates are watched.

use probity_sdk::config::{self, Floor, Name, Named, Path, Seconds, Targets};
use serde::{Deserialize, Deserializer};
use targets::Address;

use crate::Starttls;

const DAY: f64 = 86_400.0;

/// What to watch.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Servers, each with a name of its own.
    pub targets: Targets<Server>,
    /// Files, each with a name that no other one and no server has.
    pub files: Targets<File>,
    /// How often a server is asked; in between, what it showed is judged anew.
    #[serde(deserialize_with = "targets::some_time")]
    pub every: Seconds,
}

/// A server that shows a certificate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// Where it is.
    pub address: Address,
    /// The name that it is asked for and that its certificate has to be for, where that is not the host of `address`.
    #[serde(default, deserialize_with = "host")]
    pub server_name: Option<String>,
    /// The protocol in which TLS is asked for first.
    pub starttls: Option<Starttls>,
    /// Whether its certificate has to be for its name.
    #[serde(default = "yes")]
    pub check_name: bool,
    /// How long its certificate is still good.
    #[serde(default = "three_weeks_and_one")]
    pub min_left: Floor<Seconds>,
    /// The longest that asking may take.
    #[serde(default = "two_seconds", deserialize_with = "targets::some_time")]
    pub timeout: Seconds,
}

/// A file with a certificate, and perhaps its chain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// As a server's.
    pub name: Name,
    /// Where it is; the probe's grant must have it or a folder above it.
    pub path: Path,
    /// The host that the certificate has to be for, if any.
    #[serde(default, deserialize_with = "host")]
    pub server_name: Option<String>,
    /// As a server's.
    #[serde(default = "three_weeks_and_one")]
    pub min_left: Floor<Seconds>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: Targets::default(),
            files: Targets::default(),
            every: Seconds(300.0),
        }
    }
}

impl Settings {
    /// Which file has a server's name, if one has.
    pub fn doubled(&self) -> Option<&File> {
        let is_server = |name: &Name| self.targets.0.iter().any(|server| server.name == *name);
        self.files.0.iter().find(|file| is_server(&file.name))
    }
}

impl Server {
    /// The host that it is asked for.
    pub fn host(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.address.host)
    }
}

impl Named for Server {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl Named for File {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

fn yes() -> bool {
    true
}

/// Certificates of three months are usually renewed with a month to go: then three weeks say that this did not happen.
fn three_weeks_and_one() -> Floor<Seconds> {
    Floor {
        warn: Some(Seconds(21.0 * DAY)),
        fail: Some(Seconds(7.0 * DAY)),
    }
}

fn two_seconds() -> Seconds {
    Seconds(2.0)
}

fn host<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let expected = "the name or address of a host, without a port";
    config::text(from, expected, is_host).map(Some)
}

fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let fits = (1..=253).contains(&text.len()) && text.bytes().all(plain);
    fits && (!text.contains(':') || text.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_or_a_path_is_enough() {
        let json = r#"{"targets":[{"name":"a","address":"example.com:443"}],"files":[{"name":"b","path":"/etc/b.pem"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let server = &settings.targets.0[0];
        assert_eq!((server.host(), server.check_name), ("example.com", true));
        assert_eq!(server.min_left.fail, Some(Seconds(604_800.0)));
        assert_eq!(settings.files.0[0].min_left, server.min_left);
        assert_eq!((settings.every.0, server.timeout.0), (300.0, 2.0));
        assert_eq!(settings.doubled(), None);
    }

    #[test]
    fn everything_can_be_said() {
        let json = r#"{"every":"1h","targets":[{"name":"db","address":"[::1]:5432","server_name":"db.internal","starttls":"postgres",
            "check_name":false,"min_left":{"fail":"1d"},"timeout":"500ms"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let server = &settings.targets.0[0];
        assert_eq!(
            (server.host(), server.starttls),
            ("db.internal", Some(Starttls::Postgres))
        );
        assert_eq!(server.min_left.warn, None);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (json, told) in [
            (
                r#"{"targets":[{"name":"a","address":"example.com"}]}"#,
                "`targets[0].address` must be a host and a port such as \"127.0.0.1:6379\" or \"db.internal:5432\", not \"example.com\"",
            ),
            (
                r#"{"targets":[{"name":"a","address":"b:1","server_name":"c:443"}]}"#,
                "`targets[0].server_name` must be the name or address of a host, without a port, not \"c:443\"",
            ),
            (
                r#"{"targets":[{"name":"a","address":"b:1","starttls":"gopher"}]}"#,
                "`targets[0].starttls` must be `smtp`, `imap`, `pop3`, `ftp` or `postgres`, not \"gopher\"",
            ),
            (
                r#"{"targets":[{"name":"a","address":"b:1","min_left":{"warn":"1d","fail":"2d"}}]}"#,
                "`targets[0].min_left` must not warn from 1 d down and fail from 2 d down",
            ),
            (
                r#"{"files":[{"name":"a","path":"b.pem"}]}"#,
                "`files[0].path` must be an absolute path such as \"/var/log\", not \"b.pem\"",
            ),
            (r#"{"every":0}"#, "`every` must be longer than nothing"),
        ] {
            assert_eq!(
                config::parse::<Settings>(json).unwrap_err().to_string(),
                told
            );
        }
        let json =
            r#"{"targets":[{"name":"a","address":"b:1"}],"files":[{"name":"a","path":"/b"}]}"#;
        assert!(config::parse::<Settings>(json).unwrap().doubled().is_some());
    }
}
