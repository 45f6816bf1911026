//! The words of configuration that every room's `Config` uses: durations, sizes, and what is wrong with a value.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that is well-formed but not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The key's path from the section, such as `interval` or `limits.memory`.
    pub key: String,
    /// The value as it is written.
    pub value: String,
    /// The rule, such as `must be between 100ms and 1h`.
    pub rule: String,
    /// What to do, when there is more to say than the rule.
    pub suggestion: Option<String>,
}

impl Invalid {
    /// `value` of `key` breaks `rule`.
    pub fn new(key: impl Into<String>, value: impl fmt::Display, rule: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.to_string(),
            rule: rule.into(),
            suggestion: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

/// Reports `value` unless it lies within the bounds, both included.
pub fn check_range<T: PartialOrd + fmt::Display>(
    faults: &mut Vec<Invalid>,
    key: &str,
    value: T,
    least: T,
    most: T,
) {
    // Written so that NaN, which compares with nothing, is outside.
    if !(value >= least && value <= most) {
        faults.push(Invalid::new(
            key,
            value,
            format!("must be between {least} and {most}"),
        ));
    }
}

/// A duration written as a number and a unit: `250ms`, `5s`, `1m 30s`, `1h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::SignedDuration::try_from(self.0) {
            Ok(span) => write!(f, "{span:#}"),
            Err(_) => write!(f, "{}s", self.0.as_secs()),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit, such as \"250ms\", \"5s\" or \"1h\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                let unexpected = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                let span: jiff::SignedDuration = text.parse().map_err(|_| unexpected())?;
                Duration::try_from(span).map(Span).map_err(|_| unexpected())
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A size in bytes, written as a number and a binary unit: `64MiB`, `512KiB`, or a bare number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl ByteSize {
    /// Whole kibibytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// Whole mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    fn parse(text: &str) -> Option<u64> {
        let (digits, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
            .unwrap_or((text, 0));
        let count: u64 = digits.trim().parse().ok()?;
        count.checked_mul(1 << shift)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |shift: &u32| self.0.trailing_zeros() >= *shift && self.0 >> shift > 0;
        let (unit, shift) = UNITS
            .iter()
            .find(|(_, shift)| fits(shift))
            .unwrap_or(&UNITS[3]);
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ByteSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size in bytes, such as \"64MiB\", \"512KiB\" or 4096")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                let unexpected = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                ByteSize::parse(text).map(ByteSize).ok_or_else(unexpected)
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ByteSize, E> {
                let unexpected = |_| E::invalid_value(serde::de::Unexpected::Signed(number), &self);
                u64::try_from(number).map(ByteSize).map_err(unexpected)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(number))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Both {
        span: Span,
        size: ByteSize,
    }

    #[test]
    fn durations_and_sizes_read_back_as_they_are_written() {
        let text = "span = \"1m 30s\"\nsize = \"64MiB\"\n";
        let both: Both = toml::from_str(text).expect("it is well-formed");
        assert_eq!(
            (both.span, both.size),
            (Span::seconds(90), ByteSize::mib(64))
        );
        for (span, text) in [
            (Span::millis(250), "250ms"),
            (Span::seconds(3600), "1h"),
            (Span::seconds(0), "0s"),
        ] {
            assert_eq!(span.to_string(), text);
        }
        for (size, text) in [
            (ByteSize(0), "0B"),
            (ByteSize(1536), "1536B"),
            (ByteSize::kib(512), "512KiB"),
        ] {
            assert_eq!(size.to_string(), text);
            assert_eq!(ByteSize::parse(text), Some(size.0));
        }
    }

    #[test]
    fn what_is_no_duration_or_size_is_refused_with_an_example() {
        for (text, wanted) in [
            ("span = 5\nsize = 1", "such as \"250ms\""),
            ("span = \"-1s\"\nsize = 1", "such as \"250ms\""),
            ("span = \"5 parsecs\"\nsize = 1", "such as \"250ms\""),
            ("span = \"1s\"\nsize = -1", "such as \"64MiB\""),
            (
                "span = \"1s\"\nsize = \"99999999999GiB\"",
                "such as \"64MiB\"",
            ),
        ] {
            let error = toml::from_str::<Both>(text).expect_err(text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
