//! What the operator wrote.

use probity_sdk::config::{Ceiling, Name, Named, Seconds, Targets};
use serde::Deserialize;
use targets::Address;

/// The probe's section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The ports to look at.
    #[serde(default)]
    pub targets: Targets<Target>,
}

/// One port.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The check's name, and the metrics' label.
    pub name: Name,
    /// Where it is.
    pub address: Address,
    /// What is sent once the connection stands.
    pub send: Option<Text>,
    /// What the first bytes of the answer must contain.
    pub expect: Option<Text>,
    /// How long all of it may take.
    #[serde(default = "timeout", deserialize_with = "targets::some_time")]
    pub timeout: Seconds,
    /// How long the connection, and the answer where one is expected, should take.
    #[serde(default = "max_time")]
    pub max_time: Ceiling<Seconds>,
}

/// Text of 1 to 1024 bytes.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(pub String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match (1..=1024).contains(&text.len()) {
            true => Ok(Self(text)),
            false => Err("must be 1 to 1024 bytes of text"),
        }
    }
}

fn timeout() -> Seconds {
    Seconds(2.0)
}

fn max_time() -> Ceiling<Seconds> {
    Ceiling {
        warn: Some(Seconds(1.0)),
        fail: None,
    }
}

impl Named for Target {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::config;

    use super::*;

    #[test]
    fn a_target_needs_a_name_and_an_address() {
        let json = r#"{"targets":[{"name":"web","address":"127.0.0.1:80"}]}"#;
        let target = &config::parse::<Settings>(json)
            .expect("it is right")
            .targets
            .0[0];
        assert_eq!((target.name.as_str(), target.address.port), ("web", 80));
        assert_eq!(
            (target.timeout, target.max_time.warn),
            (Seconds(2.0), Some(Seconds(1.0)))
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (target, told) in [
            (r#"{"name":"a"}"#, "`targets[0].address` must be there"),
            (
                r#"{"name":"a","address":"db"}"#,
                "`targets[0].address` must be a host and a port such as \"127.0.0.1:6379\" or \"db.internal:5432\", not \"db\"",
            ),
            (
                r#"{"name":"a","address":"b:1","expect":""}"#,
                "`targets[0].expect` must be 1 to 1024 bytes of text",
            ),
            (
                r#"{"name":"a","address":"b:1","timeout":"soon"}"#,
                "`targets[0].timeout` must be a duration such as \"90s\", \"26h\" or \"7d\", not \"soon\"",
            ),
            (
                r#"{"name":"a","address":"b:1","timeout":"0s"}"#,
                "`targets[0].timeout` must be longer than nothing",
            ),
            (
                r#"{"name":"a","address":"b:1","sent":"x"}"#,
                "`targets[0].sent` is not known here: use `name`, `address`, `send`, `expect`, `timeout` or `max_time`",
            ),
        ] {
            let json = format!(r#"{{"targets":[{target}]}}"#);
            let fault = config::parse::<Settings>(&json).expect_err(told);
            assert_eq!(fault.to_string(), told);
        }
    }
}
