//! Lists of things to observe, each with a name of its own.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// One thing to observe.
pub trait Named {
    /// What its series and its check are told apart by.
    fn name(&self) -> &str;
}

/// A list of at most `MOST` tables, each with a name that no other one has: `targets = [{ name = …, … }, …]`. Empty when it is left out
/// and its field has `#[serde(default)]`; the probe then has nothing to do, which is
/// [`Failure::not_applicable`](crate::Failure::not_applicable). A hundred checks are as many as the host takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets<T, const MOST: usize = 50>(pub Vec<T>);

impl<T, const MOST: usize> Default for Targets<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Named + Deserialize<'de>, const MOST: usize> Deserialize<'de> for Targets<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Tables::<T, MOST>(PhantomData))
            .map(Self)
    }
}

struct Tables<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Named + Deserialize<'de>, const MOST: usize> Visitor<'de> for Tables<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} tables")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let length = list.size_hint().unwrap_or(MOST + 1);
        let mut targets = Vec::new();
        while let Some(target) = list.next_element_seed(OneMore { before: &targets })? {
            if targets.len() == MOST {
                return Err(A::Error::invalid_length(length, &self));
            }
            targets.push(target);
        }
        Ok(targets)
    }
}

struct OneMore<'a, T> {
    before: &'a [T],
}

impl<'de, T: Named + Deserialize<'de>> DeserializeSeed<'de> for OneMore<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        let target = T::deserialize(from)?;
        let name = target.name();
        match self.before.iter().any(|other| other.name() == name) {
            true => Err(D::Error::custom(format!(
                "must have a name that no other one has, not \"{name}\" again"
            ))),
            false => Ok(target),
        }
    }
}
