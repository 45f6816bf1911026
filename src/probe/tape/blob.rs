//! Bytes and times as a tape shows them: text where they are text, so that a person can read and edit them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Characters of base 64 in one line.
const BASE64_LINE: usize = 76;

/// Bytes. Text is a string; text of several lines a list of them, each with its end, so that a line that differs shows;
/// anything else `{ "base64": … }`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(in crate::probe) struct Blob(pub(in crate::probe) Vec<u8>);

impl Blob {
    /// The bytes as text, if a person can read them.
    fn text(&self) -> Option<&str> {
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\0');
        std::str::from_utf8(&self.0)
            .ok()
            .filter(|text| !text.contains(odd))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text() {
            Some(text) if text.split_inclusive('\n').nth(1).is_none() => {
                serializer.serialize_str(text)
            }
            Some(text) => serializer.collect_seq(text.split_inclusive('\n')),
            None => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &Lines::of(&STANDARD.encode(&self.0)))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Pieces { base64: true })
    }
}

/// Base 64 in lines.
struct Lines(Vec<String>);

impl Lines {
    fn of(text: &str) -> Self {
        let lines = text.as_bytes().chunks(BASE64_LINE);
        Self(
            lines
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect(),
        )
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [] => serializer.serialize_str(""),
            [line] => serializer.serialize_str(line),
            lines => serializer.collect_seq(lines),
        }
    }
}

/// What stands for bytes: a string, several to be put together, or, where that may be, an object with base 64.
struct Pieces {
    base64: bool,
}

impl<'de> Visitor<'de> for Pieces {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a list of texts")?;
        if self.base64 {
            f.write_str(", or { \"base64\": … }")?;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
        Ok(Blob(text.as_bytes().to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pieces: A) -> Result<Blob, A::Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next_element::<String>()? {
            bytes.extend_from_slice(piece.as_bytes());
        }
        Ok(Blob(bytes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blob, A::Error> {
        let key: Option<String> = map.next_key()?;
        if !self.base64 || key.as_deref() != Some("base64") {
            return Err(A::Error::custom("expected the key `base64` alone"));
        }
        let Joined(text) = map.next_value()?;
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("expected the key `base64` alone"));
        }
        STANDARD
            .decode(text)
            .map(Blob)
            .map_err(|error| A::Error::custom(format!("this is not base 64: {error}")))
    }
}

/// A string, or several put together.
struct Joined(Vec<u8>);

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pieces = deserializer.deserialize_any(Pieces { base64: false })?;
        Ok(Self(pieces.0))
    }
}

/// A moment, shown as RFC 3339 in UTC to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::probe) struct Moment(pub(in crate::probe) SystemTime);

impl Moment {
    /// So long after the beginning of 1970.
    pub(super) fn since_epoch(time: Duration) -> Self {
        Self(UNIX_EPOCH + time)
    }

    /// This one, if it can be shown: a file may have any time.
    pub(in crate::probe) fn shown(self) -> Option<Self> {
        let time = jiff::Timestamp::try_from(self.0);
        time.is_ok().then_some(self)
    }

    /// How long after the beginning of 1970; nought before.
    pub(in crate::probe) fn duration(self) -> Duration {
        self.0.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::try_from(self.0) {
            Ok(time) => serializer.collect_str(&time),
            Err(error) => Err(serde::ser::Error::custom(error)),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Result<jiff::Timestamp, _> = text.parse();
        let wrong = |error| format!("`{text}` is no time such as 2026-01-31T12:00:00Z: {error}");
        time.map(|time| Self(time.into()))
            .map_err(|error| D::Error::custom(wrong(error)))
    }
}

/// A floating-point number, shown as text in its shortest form: JSON has neither infinities nor, for every reader, all
/// digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::probe) struct Real(pub(in crate::probe) f64);

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().map(Self);
        number.map_err(|_| D::Error::custom(format!("`{text}` is no number such as \"12.5\"")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        serde_json::to_string(&Blob(bytes.to_vec())).expect("it can be shown")
    }

    #[test]
    fn text_is_shown_as_text_in_its_lines() {
        for (bytes, text) in [
            (&b""[..], "\"\""),
            (b"one\n", "\"one\\n\""),
            (b"one\ntwo", "[\"one\\n\",\"two\"]"),
            (b"a\0b", "\"a\\u0000b\""),
            (&[0xff, 0], "{\"base64\":\"/wA=\"}"),
            (b"\x1b[0m", "{\"base64\":\"G1swbQ==\"}"),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }

    #[test]
    fn what_is_no_text_and_no_base_64_is_refused() {
        for text in [
            "1",
            "{}",
            "{\"hex\":\"00\"}",
            "{\"base64\":\"!\"}",
            "{\"base64\":\"\",\"more\":1}",
            "[1]",
        ] {
            assert!(serde_json::from_str::<Blob>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_keeps_its_nanoseconds_and_a_number_its_digits() {
        let moment = Moment::since_epoch(Duration::new(1_767_225_600, 1));
        let text = serde_json::to_string(&moment).expect("it can be shown");
        assert_eq!(text, "\"2026-01-01T00:00:00.000000001Z\"");
        let read: Moment = serde_json::from_str(&text).expect("it is a time");
        assert_eq!(
            (read, read.duration().as_nanos()),
            (moment, 1_767_225_600_000_000_001)
        );
        for number in [0.1, 1.0, f64::INFINITY, 1e300, 5e-324, -0.3] {
            let text = serde_json::to_string(&Real(number)).expect("it can be shown");
            let read: Real = serde_json::from_str(&text).expect("it is a number");
            assert_eq!(read.0, number, "{text}");
        }
    }

    proptest! {
        #[test]
        fn all_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let read: Blob = serde_json::from_str(&shown(&bytes)).expect("it was written by us");
            prop_assert_eq!(read.0, bytes);
        }

        #[test]
        fn all_text_comes_back(text in "(?s).{0,200}") {
            let read: Blob = serde_json::from_str(&shown(text.as_bytes())).expect("it was written by us");
            prop_assert_eq!(read.0, text.into_bytes());
        }
    }
}
