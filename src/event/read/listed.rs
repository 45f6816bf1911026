//! A list cut into its events, of which there is a bound: a few bytes of a body may be one.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Why a text is no list that is taken.
pub(super) enum NoList {
    /// It has more events than may be.
    TooLong,
    /// It is no JSON.
    NoJson(serde_json::Error),
}

/// The texts of at most `most` events of a list.
///
/// # Errors
/// It has more of them, or is no list.
pub(super) fn split(text: &str, most: u64) -> Result<Vec<&RawValue>, NoList> {
    let mut list = serde_json::Deserializer::from_str(text);
    let mut is_long = false;
    let bounded = Bounded {
        most,
        is_long: &mut is_long,
    };
    let read = list.deserialize_seq(bounded).and_then(|events| {
        list.end()?;
        Ok(events)
    });
    read.map_err(|error| match is_long {
        true => NoList::TooLong,
        false => NoList::NoJson(error),
    })
}

struct Bounded<'a> {
    most: u64,
    is_long: &'a mut bool,
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(event) = list.next_element()? {
            if events.len() as u64 >= self.most {
                *self.is_long = true;
                return Err(Error::custom("too long"));
            }
            events.push(event);
        }
        Ok(events)
    }
}
