//! Whatever a sender puts into a field that has no form: kept as its text, for as values it would take many times that.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// How deep it may be: 127 levels, of which what it stands in is one.
const MAX_LEVELS: u8 = 126;

/// Any JSON, as its text.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Its text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Json {
    /// Whether it is the same text.
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        let raw = serde_json::value::to_raw_value(&value);
        Self(raw.expect("every value can be written as JSON"))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        // What is passed over is not looked at closely: halves of surrogate pairs, numbers too large, any depth.
        let mut closely = serde_json::Deserializer::from_str(raw.get());
        Sound(MAX_LEVELS)
            .deserialize(&mut closely)
            .map_err(Error::custom)?;
        Ok(Self(raw))
    }
}

/// Reads what a value of JSON could be made of, and makes none; with the levels that are left.
struct Sound(u8);

impl Sound {
    fn within<E: Error>(self) -> Result<u8, E> {
        let left = self.0.checked_sub(1);
        left.ok_or_else(|| E::custom("recursion limit exceeded"))
    }
}

impl<'de> DeserializeSeed<'de> for Sound {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let left = self.within()?;
        while list.next_element_seed(Sound(left))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let left = self.within()?;
        while object.next_key_seed(Sound(left))?.is_some() {
            object.next_value_seed(Sound(left))?;
        }
        Ok(())
    }
}
