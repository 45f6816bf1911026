//! The probe's configuration: endpoints, and what of each is given out.

use probity_sdk::config::{self, Bytes, Ceiling, Name, Named, Seconds, Targets, Whole};
use probity_sdk::http::{Headers, Url};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::rules::Rules;
use crate::selector::Selector;

/// Series of one probe, as the host has it where nothing else is configured (`limits.series`).
const HOST_SERIES: usize = 1000;
/// Series that each target makes of its own, at most.
const OWN_SERIES: usize = 17;
/// Bytes of text of a probe's series (`limits.series_text`), with room for our own.
const HOST_TEXT: usize = 2 * 1024 * 1024 - 128 * 1024;
/// What is read of all bodies together. A guest has 64 MiB, and a body that grows needs room for itself and what it was.
const MAX_BODIES: f64 = 16.0 * 1024.0 * 1024.0;
/// What is read of one, unless it is said. The host's own limit is the same (`limits.http_response`).
const BODY: f64 = 4.0 * 1024.0 * 1024.0;

/// What to scrape.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The endpoints, each with a name of its own.
    pub targets: Targets<Target, 20>,
    /// Series of all targets together; unset: what the host's limit leaves.
    pub max_series: Option<Whole<1, 100_000>>,
    /// The label that tells the targets apart.
    #[serde(deserialize_with = "label")]
    pub target_label: String,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The label of its series and the id of its check.
    pub name: Name,
    /// Where it is.
    #[serde(deserialize_with = "url")]
    pub url: String,
    /// Sent along; `{secret:NAME}` in a value stands for a secret.
    #[serde(default)]
    pub headers: Headers,
    /// The longest that an answer may take.
    #[serde(default = "three_seconds", deserialize_with = "some_time")]
    pub timeout: Seconds,
    /// How long it takes.
    #[serde(default)]
    pub max_time: Ceiling<Seconds>,
    /// A larger answer is none; unset: 4 MiB, or an equal share of 16 MiB.
    pub body_at_most: Option<Bytes>,
    /// Its part of `max_series`; unset: an equal share.
    pub max_series: Option<Whole<1, 100_000>>,
    /// Series that are kept; all of them when there is none.
    #[serde(default)]
    pub keep: Vec<Selector>,
    /// Of these, series that are not.
    #[serde(default)]
    pub drop: Vec<Selector>,
    /// Beginnings of names and what takes their place.
    #[serde(default)]
    pub rename: Vec<Rename>,
    /// Labels that are taken off.
    #[serde(default)]
    pub drop_labels: Vec<String>,
    /// Whether the buckets of histograms are given out.
    #[serde(default)]
    pub buckets: bool,
}

/// A beginning of names and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The beginning; empty for every name.
    #[serde(default)]
    pub prefix: String,
    /// What takes its place.
    #[serde(deserialize_with = "beginning")]
    pub to: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: Targets::default(),
            max_series: None,
            target_label: "target".to_owned(),
        }
    }
}

impl Settings {
    /// How many series each target may have.
    ///
    /// # Errors
    /// What does not fit, in words with its key.
    pub fn series(&self) -> Result<Vec<usize>, String> {
        let targets = &self.targets.0;
        let left = HOST_SERIES - OWN_SERIES * targets.len();
        let all = self.max_series.map_or(left, |all| all.0 as usize);
        let own = |target: &Target| target.max_series.map(|own| own.0 as usize);
        let said: usize = targets.iter().filter_map(own).sum();
        let unsaid = targets
            .iter()
            .filter(|target| own(target).is_none())
            .count();
        if said + unsaid > all {
            return Err(format!(
                "`targets` must not have a `max_series` of more than {all} together, not of {said}: raise `max_series`, and `limits.series` and `limits.metrics` with it"
            ));
        }
        let share = (all - said).checked_div(unsaid).unwrap_or_default();
        Ok(targets
            .iter()
            .map(|target| own(target).unwrap_or(share))
            .collect())
    }

    /// How much text the series of each target may make, in bytes.
    pub fn text(&self) -> usize {
        // Whoever raises the one limit raises the other.
        let all = self.max_series.map_or(HOST_SERIES, |all| all.0 as usize);
        let text = HOST_TEXT / HOST_SERIES * all.max(HOST_SERIES);
        text / self.targets.0.len().max(1)
    }

    /// How much of each target's answer is read, in bytes.
    ///
    /// # Errors
    /// What does not fit, in words with its key.
    pub fn bodies(&self) -> Result<Vec<usize>, String> {
        let targets = &self.targets.0;
        let own = |target: &Target| target.body_at_most.map(|own| own.0);
        let said: f64 = targets.iter().filter_map(own).sum();
        if said > MAX_BODIES {
            return Err(
                "`targets` must have no more than 16MiB in `body_at_most` together".to_owned(),
            );
        }
        let unsaid = targets
            .iter()
            .filter(|target| own(target).is_none())
            .count();
        let share = ((MAX_BODIES - said) / unsaid.max(1) as f64).min(BODY);
        let each = targets
            .iter()
            .map(|target| own(target).unwrap_or(share) as usize);
        Ok(each.collect())
    }
}

impl Target {
    /// What of it is given out.
    pub fn rules(&self, target_label: &str) -> Rules {
        Rules {
            keep: self.keep.clone(),
            drop: self.drop.clone(),
            rename: self.rename.clone(),
            drop_labels: self.drop_labels.clone(),
            buckets: self.buckets,
            target_label: target_label.to_owned(),
        }
    }
}

impl Named for Target {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "a URL such as \"http://127.0.0.1:9100/metrics\"";
    config::text(from, expected, |text| Url::parse(text).is_ok())
}

fn label<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "a label such as \"target\", and not `probe`, `le` or `quantile`";
    config::text(from, expected, |text| {
        is_word(text) && !text.starts_with("__") && !matches!(text, "probe" | "le" | "quantile")
    })
}

fn beginning<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = "the beginning of a metric's name, not the host's own `probity_`";
    config::text(from, expected, |text| {
        (text.is_empty() || is_word(text)) && !text.starts_with("probity_")
    })
}

fn is_word(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=100).contains(&text.len())
        && text.bytes().all(letters)
        && !text.starts_with(|letter: char| letter.is_ascii_digit())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(json: &str) -> Result<Settings, String> {
        config::parse(json).map_err(|fault| fault.to_string())
    }

    #[test]
    fn series_are_shared_out() {
        let two = |first: &str, all: &str| {
            let json = format!(
                r#"{{"targets":[{{"name":"a","url":"http://a"{first}}},{{"name":"b","url":"http://b"}}]{all}}}"#
            );
            read(&json).unwrap()
        };
        assert_eq!(two("", "").series(), Ok(vec![483, 483]));
        assert_eq!(two(r#","max_series":900"#, "").series(), Ok(vec![900, 66]));
        let raised = two(r#","max_series":900"#, r#","max_series":3000"#);
        assert_eq!(raised.series(), Ok(vec![900, 2100]));
        assert!(raised.text() > two("", "").text());
        let told = two(r#","max_series":966"#, "").series().unwrap_err();
        assert!(
            told.starts_with(
                "`targets` must not have a `max_series` of more than 966 together, not of 966"
            ),
            "{told}"
        );
        assert_eq!(read("{}").unwrap().series(), Ok(Vec::new()));
    }

    #[test]
    fn bodies_are_shared_out() {
        const MIB: usize = 1 << 20;
        let targets = |count: usize, first: &str| {
            let more =
                (1..count).map(|place| format!(r#",{{"name":"a{place}","url":"http://a"}}"#));
            let json = format!(
                r#"{{"targets":[{{"name":"a","url":"http://a"{first}}}{}]}}"#,
                more.collect::<String>()
            );
            read(&json).unwrap().bodies()
        };
        assert_eq!(targets(1, ""), Ok(vec![4 * MIB]));
        assert_eq!(targets(8, ""), Ok(vec![2 * MIB; 8]));
        let first = targets(3, r#","body_at_most":"12MiB""#);
        assert_eq!(first, Ok(vec![12 * MIB, 2 * MIB, 2 * MIB]));
        assert!(targets(1, r#","body_at_most":"17MiB""#).is_err());
    }

    #[test]
    fn everything_can_be_said() {
        let settings = read(
            r#"{"target_label":"exporter","targets":[{"name":"a","url":"https://a/metrics","headers":{"authorization":"Bearer {secret:t}"},
                "timeout":"1s","max_time":{"warn":"500ms"},"body_at_most":"1MiB","keep":["node_*"],"drop":["{mode=\"idle\"}"],
                "rename":[{"prefix":"node_","to":"machine_"},{"to":"x_"}],"drop_labels":["instance"],"buckets":true}]}"#,
        )
        .unwrap();
        let rules = settings.targets.0[0].rules(&settings.target_label);
        assert_eq!(rules.rename("node_load1"), "machine_load1");
        assert_eq!(rules.rename("go_load1"), "x_go_load1");
        assert!(rules.drops_label("instance") && rules.buckets);
        for (key, given) in [
            ("a", "a"),
            ("le", "exported_le"),
            ("exporter", "exported_exporter"),
            ("__a", "exported___a"),
        ] {
            assert_eq!(rules.label(key), given);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (more, told) in [
            (
                r#""keep":["a{b}"]"#,
                "`targets[0].keep[0]` must be a selector such as \"node_cpu_*\" or \"http_requests_total{code!=\\\"2*\\\"}\", not \"a{b}\"",
            ),
            (
                r#""rename":[{"to":"probity_"}]"#,
                "`targets[0].rename[0].to` must be the beginning of a metric's name, not the host's own `probity_`, not \"probity_\"",
            ),
            (
                r#""max_series":0"#,
                "`targets[0].max_series` must be a whole number from 1 to 100000, not 0",
            ),
        ] {
            let json = format!(r#"{{"targets":[{{"name":"a","url":"http://a",{more}}}]}}"#);
            assert_eq!(read(&json).unwrap_err(), told);
        }
        let told = read(r#"{"target_label":"le"}"#).unwrap_err();
        assert!(
            told.starts_with("`target_label` must be a label such as"),
            "{told}"
        );
    }
}
