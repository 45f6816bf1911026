//! The probe's configuration: a list of status pages.

use probity_sdk::config::{self, Ceiling, Count, Name, Named, Ratio, Seconds, Targets, Whole};
use probity_sdk::http::{Headers, Url};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// What to watch.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The pages, each with a name of its own.
    pub targets: Targets<Target>,
}

/// Whose a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// nginx's `stub_status`.
    Nginx,
    /// Apache's `server-status?auto`.
    Apache,
}

/// One status page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// Where it is.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// Whose it is, where that is not to be found out.
    pub kind: Option<Kind>,
    /// Sent along; `{secret:NAME}` in a value stands for a secret.
    #[serde(default)]
    pub headers: Headers,
    /// The longest that an answer may take.
    #[serde(default = "two_seconds", deserialize_with = "some_time")]
    pub timeout: Seconds,
    /// How many connections (nginx) or workers (Apache) there can be.
    pub capacity: Option<Whole<1, 10_000_000>>,
    /// How much of them is in use.
    #[serde(default = "busy")]
    pub max_busy: Ceiling<Ratio>,
    /// How many connections were dropped since the run before.
    #[serde(default = "one_warns")]
    pub max_dropped: Ceiling<Count>,
}

impl Kind {
    /// As a label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
        }
    }
}

impl Named for Target {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "a URL such as \"http://127.0.0.1/nginx_status\"";
    config::text(from, expected, |text| Url::parse(text).is_ok())
}

fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Seconds, D::Error> {
    let seconds = Seconds::deserialize(from)?;
    match seconds.0 > 0.0 {
        true => Ok(seconds),
        false => Err(D::Error::custom("must be longer than nothing")),
    }
}

fn two_seconds() -> Seconds {
    Seconds(2.0)
}

fn busy() -> Ceiling<Ratio> {
    Ceiling {
        warn: Some(Ratio(0.8)),
        fail: Some(Ratio(0.95)),
    }
}

fn one_warns() -> Ceiling<Count> {
    Ceiling {
        warn: Some(Count(1.0)),
        fail: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_enough_and_everything_can_be_said() {
        let json = r#"{"targets":[{"name":"a","url":"http://a/status"},
            {"name":"b","url":"http://b/server-status?auto","kind":"apache","headers":{"authorization":"Basic {secret:s}"},
             "timeout":"1s","capacity":150,"max_busy":{"warn":0.5},"max_dropped":{}}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let [a, b] = settings.targets.0.as_slice() else {
            panic!("two")
        };
        assert_eq!((a.kind, a.capacity, a.timeout), (None, None, Seconds(2.0)));
        assert_eq!((b.kind, b.capacity), (Some(Kind::Apache), Some(Whole(150))));
        assert!(!b.max_dropped.is_set() && a.max_dropped.is_set());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (target, told) in [
            (
                r#""url":"nginx""#,
                "`targets[0].url` must be a URL such as \"http://127.0.0.1/nginx_status\", not \"nginx\"",
            ),
            (
                r#""url":"http://a","kind":"iis""#,
                "`targets[0].kind` must be `nginx` or `apache`, not \"iis\"",
            ),
            (
                r#""url":"http://a","capacity":0"#,
                "`targets[0].capacity` must be a whole number from 1 to 10000000, not 0",
            ),
            (
                r#""url":"http://a","max_busy":{"warn":80}"#,
                "`targets[0].max_busy.warn` must be a number from 0 to 1, not 80",
            ),
            (
                r#""url":"http://a","timeout":"0s""#,
                "`targets[0].timeout` must be longer than nothing",
            ),
        ] {
            let json = format!(r#"{{"targets":[{{"name":"a",{target}}}]}}"#);
            assert_eq!(
                config::parse::<Settings>(&json).unwrap_err().to_string(),
                told
            );
        }
    }
}
