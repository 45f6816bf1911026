//! The probe's configuration: a list of endpoints.

use probity_sdk::config::{self, Bytes, Ceiling, Name, Named, Seconds, Targets};
use probity_sdk::http::{Headers, Url};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::Codes;

/// What is read of all bodies together. A guest has 64 MiB, and a body that grows needs room for itself and what it was.
const MAX_BODIES: f64 = 16.0 * 1024.0 * 1024.0;

/// What to ask.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The endpoints, each with a name of its own.
    pub targets: Targets<Target>,
}

/// One endpoint and what is expected of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// What is asked for; `{secret:NAME}` in its query stands for a secret.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// Sent along; `{secret:NAME}` in a value stands for a secret.
    #[serde(default)]
    pub headers: Headers,
    /// The request's body.
    #[serde(default)]
    pub body: String,
    /// The statuses that are well.
    #[serde(default, deserialize_with = "codes")]
    pub expect_status: Codes,
    /// Text that the answer's body must contain.
    pub expect_body: Option<String>,
    /// Text that it must not contain.
    pub expect_absent: Option<String>,
    /// The longest that the exchange may last.
    #[serde(default = "three_seconds", deserialize_with = "some_time")]
    pub timeout: Seconds,
    /// How long it lasts.
    #[serde(default = "a_second_warns")]
    pub max_time: Ceiling<Seconds>,
    /// How much of the answer's body is read.
    #[serde(default = "a_quarter_mebibyte")]
    pub body_at_most: Bytes,
}

/// What a request asks to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "they are HTTP's")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Settings {
    /// What the targets ask for together, when that is too much for one probe.
    pub fn too_much(&self) -> Option<String> {
        let bodies: f64 = self.targets.0.iter().map(|one| one.body_at_most.0).sum();
        (bodies > MAX_BODIES)
            .then(|| "`targets` must have no more than 16MiB in `body_at_most` together".to_owned())
    }
}

impl Method {
    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl Named for Target {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "a URL such as \"https://example.com/health\"";
    config::text(from, expected, |text| Url::parse(text).is_ok())
}

fn codes<'de, D: Deserializer<'de>>(from: D) -> Result<Codes, D::Error> {
    let codes = Codes::deserialize(from)?;
    match codes.is_empty() {
        true => Err(D::Error::custom("must not be empty")),
        false => Ok(codes),
    }
}

fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Seconds, D::Error> {
    let seconds = Seconds::deserialize(from)?;
    match seconds.0 > 0.0 {
        true => Ok(seconds),
        false => Err(D::Error::custom("must be longer than nothing")),
    }
}

fn three_seconds() -> Seconds {
    Seconds(3.0)
}

fn a_second_warns() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(1.0)),
        fail: None,
    }
}

fn a_quarter_mebibyte() -> Bytes {
    Bytes(256.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(target: &str) -> Result<Target, String> {
        let json = format!(r#"{{"targets":[{{"name":"a",{target}}}]}}"#);
        let settings = config::parse::<Settings>(&json).map_err(|fault| fault.to_string())?;
        Ok(settings.targets.0[0].clone())
    }

    #[test]
    fn a_url_is_enough() {
        let target = one(r#""url":"http://127.0.0.1:8080/health""#).unwrap();
        assert_eq!(target.method.as_str(), "GET");
        assert_eq!(target.expect_status, Codes::default());
        assert_eq!((target.timeout.0, target.body_at_most.0), (3.0, 262_144.0));
        assert_eq!(target.max_time.warn, Some(Seconds(1.0)));
    }

    #[test]
    fn everything_can_be_said() {
        let target = one(
            r#""url":"https://a/?k={secret:k}","method":"POST","headers":{"Authorization":"Bearer {secret:t}","x-a":"1"},
               "body":"{}","expect_status":["2xx",404],"expect_body":"ok","expect_absent":"error","timeout":"500ms",
               "max_time":{"warn":"100ms","fail":"400ms"},"body_at_most":"1MiB""#,
        )
        .unwrap();
        assert_eq!(target.method, Method::Post);
        assert_eq!(target.headers.0[0].1, "Bearer {secret:t}");
        assert_eq!(target.timeout, Seconds(0.5));
        assert!(target.expect_status.contain(404));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (target, told) in [
            (
                r#""url":"example.com""#,
                "`targets[0].url` must be a URL such as \"https://example.com/health\", not \"example.com\"",
            ),
            (r#""method":"GET""#, "`targets[0].url` must be there"),
            (
                r#""url":"http://a","method":"BREW""#,
                "`targets[0].method` must be `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`, not \"BREW\"",
            ),
            (
                r#""url":"http://a","headers":{"a b":"c"}"#,
                "`targets[0].headers` must be headers that can be sent, and \"a b\" is no header's name",
            ),
            (
                r#""url":"http://a","expect_status":[]"#,
                "`targets[0].expect_status` must not be empty",
            ),
            (
                r#""url":"http://a","expect_status":200"#,
                "`targets[0].expect_status` must be a list, not 200",
            ),
            (
                r#""url":"http://a","timeout":0"#,
                "`targets[0].timeout` must be longer than nothing",
            ),
            (
                r#""url":"http://a","expects":"x""#,
                "`targets[0].expects` is not known here: use `name`, `url`, `method`, `headers`, `body`, `expect_status`, `expect_body`, `expect_absent`, `timeout`, `max_time` or `body_at_most`",
            ),
        ] {
            assert_eq!(one(target).unwrap_err(), told);
        }
        let large = r#"{"targets":[{"name":"a","url":"http://a","body_at_most":"17MiB"}]}"#;
        assert!(
            config::parse::<Settings>(large)
                .unwrap()
                .too_much()
                .is_some()
        );
    }
}
