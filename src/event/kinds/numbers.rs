//! Numbers as events have them: what schema and type say of each is the same.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The largest whole number that every reader of JSON has exactly.
pub(super) const MAX_WHOLE: u64 = (1 << 53) - 1;

/// A time in milliseconds: finite, and not below zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize)]
#[serde(transparent)]
pub struct Millis(f64);

impl Millis {
    /// Nothing unless `millis` is finite and not below zero.
    pub fn new(millis: f64) -> Option<Self> {
        (millis.is_finite() && millis >= 0.0).then_some(Self(millis))
    }

    /// In milliseconds.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64() * 1000.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(deserializer)?;
        let wanted = "a finite number that is not below zero";
        Self::new(millis).ok_or_else(|| D::Error::invalid_value(Unexpected::Float(millis), &wanted))
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Millis".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }
}

/// A whole number, which JSON may write as `3` or `3.0`.
struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number of 0 to {MAX_WHOLE}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        let fits = number <= MAX_WHOLE;
        fits.then_some(number)
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let whole = u64::try_from(number);
        whole.map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        let fits = number.fract() == 0.0 && (0.0..=MAX_WHOLE as f64).contains(&number);
        fits.then_some(number as u64)
            .ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// Reads a whole number of at most [`MAX_WHOLE`].
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Whole)
}

/// One that the type `T` holds, or null.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    struct Number(u64);
    impl<'de> Deserialize<'de> for Number {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Self)
        }
    }
    let Some(Number(number)) = Option::deserialize(deserializer)? else {
        return Ok(None);
    };
    let narrow = T::try_from(number);
    let unexpected = Unexpected::Unsigned(number);
    narrow
        .map(Some)
        .map_err(|_| D::Error::invalid_value(unexpected, &"a smaller whole number"))
}

/// The schema of what [`whole`] reads.
pub(super) fn whole_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 0, "maximum": MAX_WHOLE})
}

/// The schema of what [`optional`] reads into a `u64`.
pub(super) fn optional_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "null"], "minimum": 0, "maximum": MAX_WHOLE})
}

/// The schema of what [`optional`] reads into a `u32`.
pub(super) fn optional_u32_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX})
}

/// The schema of what [`optional`] reads into a `u16`.
pub(super) fn optional_u16_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "null"], "minimum": 0, "maximum": u16::MAX})
}

/// A share, 0 to 1.
pub(super) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    let fits = (0.0..=1.0).contains(&share);
    fits.then_some(share)
        .ok_or_else(|| D::Error::invalid_value(Unexpected::Float(share), &"a number of 0 to 1"))
}

/// The schema of what [`share`] reads.
pub(super) fn share_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "number", "minimum": 0, "maximum": 1})
}
