//! A JSON value as serde reads it.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::Wrong;
use crate::json::Value;

/// A value to read from.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Value);

/// Whole numbers up to here are exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => visit_number(*number, visitor),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visit_list(items, visitor),
            Value::Object(entries) => visitor.visit_map(Entries { entries, place: 0 }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    /// What has no content takes an empty table.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Object(entries) => match entries.first() {
                None => visitor.visit_unit(),
                Some((key, _)) => {
                    let problem = "is not known here: this probe has no configuration";
                    Err(Wrong::new(problem).below_key(key))
                }
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Text(name) => visitor.visit_enum(Choice {
                name,
                content: None,
            }),
            Value::Object(entries) => match entries.as_slice() {
                [(name, content)] => visitor.visit_enum(Choice {
                    name,
                    content: Some(content),
                }),
                _ => Err(Wrong::new("must be a table with one key")),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    /// A list is no table, though serde would read one field after the other from it.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::List(_) => Err(Wrong::invalid_type(Unexpected::Seq, &"a table")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct seq tuple tuple_struct
        map identifier
    }
}

/// A whole number as one, so that it fits both `u32` and `f64`.
fn visit_number<'de, V: Visitor<'de>>(number: f64, visitor: V) -> Result<V::Value, Wrong> {
    if number.fract() != 0.0 || number.abs() > EXACT {
        visitor.visit_f64(number)
    } else if number < 0.0 {
        visitor.visit_i64(number as i64)
    } else {
        visitor.visit_u64(number as u64)
    }
}

fn visit_list<'de, V: Visitor<'de>>(items: &'de [Value], visitor: V) -> Result<V::Value, Wrong> {
    let mut elements = Elements { items, place: 0 };
    let list = visitor.visit_seq(&mut elements)?;
    match elements.place < items.len() {
        true => Err(Wrong::new(format!(
            "must be a list of {}, not of {}",
            elements.place,
            items.len()
        ))),
        false => Ok(list),
    }
}

struct Elements<'a> {
    items: &'a [Value],
    place: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(item) = self.items.get(self.place) else {
            return Ok(None);
        };
        let place = self.place;
        self.place += 1;
        seed.deserialize(Reader(item))
            .map(Some)
            .map_err(|fault| fault.below_index(place))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.place)
    }
}

struct Entries<'a> {
    entries: &'a [(String, Value)],
    place: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        match self.entries.get(self.place) {
            Some((key, _)) => seed.deserialize(Key(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, value)) = self.entries.get(self.place) else {
            return Err(Wrong::new("has a key without a value"));
        };
        self.place += 1;
        seed.deserialize(Reader(value))
            .map_err(|fault| fault.below_key(key))
    }
}

struct Key<'a>(&'a str);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_borrowed_str(self.0)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// One of an enum's variants, by its name.
struct Choice<'a> {
    name: &'a str,
    content: Option<&'a Value>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        Ok((seed.deserialize(Key(self.name))?, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<Reader<'de>, Wrong> {
        self.content
            .map(Reader)
            .ok_or_else(|| Wrong::invalid_type(Unexpected::Str(self.name), &"a table with one key"))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Wrong::new(format!(
                "must be \"{}\", not a table",
                self.name
            ))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self.content()?)
            .map_err(|fault| fault.below_key(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.content()?
            .deserialize_any(visitor)
            .map_err(|fault| fault.below_key(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.content()?
            .deserialize_any(visitor)
            .map_err(|fault| fault.below_key(self.name))
    }
}
