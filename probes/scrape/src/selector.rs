//! Which series are meant: `NAME{LABEL="VALUE",LABEL!="VALUE"}`, the name and the values being patterns.

use std::fmt;

use probity_sdk::pattern;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::Sample;

/// Series of which name and labels match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// A pattern for the name; `*` when none is written.
    name: String,
    labels: Vec<Matcher>,
}

/// What one label must, or must not, be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Matcher {
    key: String,
    pattern: String,
    is_wanted: bool,
}

impl Selector {
    /// Reads one; nothing when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = match text.split_once('{') {
            Some((name, rest)) => (name, Some(rest.trim_end().strip_suffix('}')?)),
            None => (text, None),
        };
        let name = name.trim();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_:*?[]!-".contains(&byte);
        if !name.bytes().all(letters) || (name.is_empty() && rest.is_none()) {
            return None;
        }
        Some(Self {
            name: if name.is_empty() { "*" } else { name }.to_owned(),
            labels: matchers(rest.unwrap_or_default())?,
        })
    }

    /// Whether it means this series. `family`: the metric that the sample belongs to, whose name will do too.
    pub fn means(&self, sample: &Sample<'_>, family: &str) -> bool {
        let named = matches(&self.name, sample.name) || matches(&self.name, family);
        named && self.labels.iter().all(|matcher| matcher.holds(sample))
    }
}

impl Matcher {
    /// A label that is not there is empty, as everywhere in Prometheus.
    fn holds(&self, sample: &Sample<'_>) -> bool {
        let value = sample.labels.iter().find(|(key, _)| *key == self.key);
        let value = value.map_or("", |(_, value)| value);
        matches(&self.pattern, value) == self.is_wanted
    }
}

/// As [`pattern::matches`], and quick where there is nothing to match.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "*" => true,
        plain if !plain.contains(['*', '?', '[']) => plain == text,
        pattern => pattern::matches(pattern, text),
    }
}

fn matchers(mut rest: &str) -> Option<Vec<Matcher>> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(labels);
        }
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        let (key, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let (is_wanted, behind) = match behind.strip_prefix("!=") {
            Some(behind) => (false, behind),
            None => (true, behind.strip_prefix('=')?),
        };
        let (pattern, behind) = behind.trim_start().strip_prefix('"')?.split_once('"')?;
        if key.is_empty() {
            return None;
        }
        labels.push(Matcher {
            key: key.to_owned(),
            pattern: pattern.to_owned(),
            is_wanted,
        });
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(behind) => behind,
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Form)
    }
}

struct Form;

impl Visitor<'_> for Form {
    type Value = Selector;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a selector such as \"node_cpu_*\" or \"http_requests_total{code!=\\\"2*\\\"}\"",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Selector, E> {
        Selector::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::exposition::{Line, line};

    fn means(selector: &str, sample: &str, family: &str) -> bool {
        let Some(Line::Sample(sample)) = line(sample) else {
            panic!("{sample}")
        };
        Selector::parse(selector).unwrap().means(&sample, family)
    }

    #[test]
    fn names_and_labels_have_to_match() {
        let sample = r#"h_seconds_count{method="get",code="200"} 1"#;
        for (selector, meant) in [
            ("h_seconds_count", true),
            ("h_seconds", true),
            ("h_*", true),
            ("h_*_sum", false),
            ("*", true),
            ("{}", true),
            ("g_*", false),
            (r#"{method="get"}"#, true),
            (r#"h_*{method="get", code="2*"}"#, true),
            (r#"h_*{method="get",code!="2*",}"#, false),
            (r#"h_seconds { method != "post" }"#, true),
            (r#"h_seconds{host=""}"#, true),
            (r#"h_seconds{host!=""}"#, false),
        ] {
            assert_eq!(means(selector, sample, "h_seconds"), meant, "{selector}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            " ",
            "a b",
            "a{",
            "a}",
            "a{b}",
            "a{b=}",
            "a{b=\"c}",
            "a{b=~\"c\"}",
            "a{=\"c\"}",
            "a{b=\"c\" d=\"e\"}",
        ] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z*?{}=!\", \\[\\]]{0,40}") {
            if let Some(selector) = Selector::parse(&text) {
                let Some(Line::Sample(sample)) = line("a{b=\"c\"} 1") else { panic!("a sample") };
                let _ = selector.means(&sample, "a");
            }
        }
    }
}
