//! An object's members in their order, most of them as the text that they were told as.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Members by name. There are few: every kind's schema is closed.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, Field<'a>)>);

/// What a member is.
#[derive(Debug)]
pub(super) enum Field<'a> {
    /// As it was told: a tree of values would take ten times and more of its text.
    Raw(&'a RawValue),
    /// Made here.
    Value(Value),
    /// Objects in this one.
    List(Vec<Fields<'a>>),
}

impl From<Value> for Field<'_> {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl<'a> Field<'a> {
    /// The number that was told.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Raw(raw) => serde_json::from_str(raw.get()).ok(),
            Self::Value(value) => value.as_f64(),
            Self::List(_) => None,
        }
    }

    /// The text that was told.
    fn text(&self) -> Option<Cow<'a, str>> {
        let Self::Raw(raw) = self else {
            return None;
        };
        match serde_json::from_str::<&str>(raw.get()) {
            Ok(text) => Some(text.into()),
            // One with escapes in it.
            Err(_) => serde_json::from_str::<String>(raw.get())
                .ok()
                .map(Cow::Owned),
        }
    }
}

impl<'a> Fields<'a> {
    /// Puts a member behind the others, or in the place of the one with its name.
    pub(super) fn insert(&mut self, name: impl Into<Cow<'a, str>>, field: impl Into<Field<'a>>) {
        let (name, field) = (name.into(), field.into());
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = field,
            None => self.0.push((name, field)),
        }
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Field<'a>> {
        let place = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(place).1)
    }

    /// Puts the members of another one in.
    pub(super) fn extend(&mut self, other: Self) {
        for (name, field) in other.0 {
            self.insert(name, field);
        }
    }

    /// Puts an object into the list of this name; what is no list makes room for one.
    pub(super) fn push(&mut self, name: &'static str, object: Self) {
        let place = self.0.iter_mut().find(|(own, _)| own == name);
        match place {
            Some((_, Field::List(list))) => list.push(object),
            _ => self.insert(name, Field::List(vec![object])),
        }
    }

    /// What was told under this name, if it is a text.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.iter().find(|(own, _)| own == name)?.1.text()
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, field)| (name, field)))
    }
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Raw(raw) => raw.serialize(serializer),
            Self::Value(value) => value.serialize(serializer),
            Self::List(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, raw)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.insert(name, Field::Raw(raw));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Members)
    }
}
