//! The probe's configuration: a list of watches.

use probity_sdk::config::{
    self, Bytes, Ceiling, Count, Form, Name, Named, Path, Quantity, Seconds, Targets, Whole,
};
use serde::{Deserialize, Deserializer};

/// What to watch.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The watches, each with a name of its own.
    pub watch: Targets<Watch>,
}

/// Files of one kind in one folder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// The folder; the probe's grant must have it or one above it.
    pub path: Path,
    /// Which names match.
    #[serde(default = "every_name", deserialize_with = "pattern")]
    pub pattern: String,
    /// Whether folders below are looked at too.
    #[serde(default)]
    pub recursive: bool,
    /// The most names looked at in one run, whether they match or not.
    #[serde(default = "ten_thousand")]
    pub max_entries: Whole<1, 1_000_000>,
    /// How many files match.
    #[serde(default)]
    pub max_count: Ceiling<Files>,
    /// Their bytes together.
    #[serde(default)]
    pub max_bytes: Ceiling<Bytes>,
    /// Since the newest one was changed.
    #[serde(default)]
    pub newest_max_age: Ceiling<Seconds>,
    /// Since the oldest one was changed.
    #[serde(default)]
    pub oldest_max_age: Ceiling<Seconds>,
}

/// So many files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Files(pub f64);

impl Quantity for Files {
    const FORM: &'static Form = Count::FORM;

    fn of(number: f64) -> Self {
        Self(number)
    }

    fn number(self) -> f64 {
        self.0
    }

    fn show(number: f64) -> String {
        format!("{} files", Count::show(number))
    }
}

impl Named for Watch {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

fn every_name() -> String {
    "*".to_owned()
}

fn ten_thousand() -> Whole<1, 1_000_000> {
    Whole(10_000)
}

/// It is held against names, so a `/` in it could never match.
fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "a pattern for names, without `/`, such as \"*.log\"";
    config::text(from, expected, |text| {
        !text.is_empty() && !text.contains('/')
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(json: &str) -> String {
        config::parse::<Settings>(json).unwrap_err().to_string()
    }

    #[test]
    fn a_watch_needs_a_name_and_a_path() {
        let json = r#"{"watch":[{"name":"logs","path":"/var/log/"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let expected = Watch {
            name: Name("logs".into()),
            path: Path("/var/log".into()),
            pattern: "*".into(),
            recursive: false,
            max_entries: Whole(10_000),
            max_count: Ceiling::default(),
            max_bytes: Ceiling::default(),
            newest_max_age: Ceiling::default(),
            oldest_max_age: Ceiling::default(),
        };
        assert_eq!(settings.watch.0, [expected]);
    }

    #[test]
    fn thresholds_have_units() {
        let json = r#"{"watch":[{"name":"b","path":"/","pattern":"*.tar","recursive":true,"max_entries":5,
            "max_count":{"warn":1},"max_bytes":{"fail":"2GiB"},
            "newest_max_age":{"warn":"26h","fail":"2d"},"oldest_max_age":{"warn":60}}]}"#;
        let watch = &config::parse::<Settings>(json).unwrap().watch.0[0];
        assert_eq!(watch.path.as_str(), "/");
        assert_eq!((watch.recursive, watch.max_entries), (true, Whole(5)));
        assert_eq!(watch.max_count.warn, Some(Files(1.0)));
        assert_eq!(watch.max_bytes.fail, Some(Bytes(2_147_483_648.0)));
        assert_eq!(watch.newest_max_age.warn, Some(Seconds(93_600.0)));
        assert_eq!(watch.newest_max_age.fail, Some(Seconds(172_800.0)));
        assert_eq!(watch.oldest_max_age.warn, Some(Seconds(60.0)));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        let one = |watch: &str| format!(r#"{{"watch":[{watch}]}}"#);
        for (json, said) in [
            (
                r#"{"watch":{}}"#.into(),
                "`watch` must be a list of at most 50 tables, not a table",
            ),
            (one(r#"{"path":"/a"}"#), "`watch[0].name` must be there"),
            (
                one(r#"{"name":"a b","path":"/a"}"#),
                "`watch[0].name` must be 1 to 64 letters, digits, `-`, `_` and `.`, not \"a b\"",
            ),
            (
                one(r#"{"name":"a","path":"a"}"#),
                "`watch[0].path` must be an absolute path such as \"/var/log\", not \"a\"",
            ),
            (
                one(r#"{"name":"a","path":"/a","pattern":"b/*"}"#),
                "`watch[0].pattern` must be a pattern for names, without `/`, such as \"*.log\", not \"b/*\"",
            ),
            (
                one(r#"{"name":"a","path":"/a"},{"name":"a","path":"/b"}"#),
                "`watch[1]` must have a name that no other one has, not \"a\" again",
            ),
            (
                one(r#"{"name":"a","path":"/a","max_entries":0}"#),
                "`watch[0].max_entries` must be a whole number from 1 to 1000000, not 0",
            ),
            (
                one(r#"{"name":"a","path":"/a","max_bytes":{"warn":"5 GB"}}"#),
                "`watch[0].max_bytes.warn` must be a size such as \"500MiB\" or a number of bytes, not \"5 GB\"",
            ),
        ] {
            assert_eq!(fault(&json), said);
        }
    }
}
