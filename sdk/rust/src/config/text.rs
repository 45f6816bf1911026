//! Text of which not every one will do.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Text for which `fits` holds; `expected` says in words what that is, as in `must be EXPECTED, not "…"`. For a field's
/// `deserialize_with`.
///
/// # Errors
/// That it is none.
pub fn text<'de, D: Deserializer<'de>>(
    from: D,
    expected: &'static str,
    fits: fn(&str) -> bool,
) -> Result<String, D::Error> {
    from.deserialize_str(Fitting { expected, fits })
}

struct Fitting {
    expected: &'static str,
    fits: fn(&str) -> bool,
}

impl Visitor<'_> for Fitting {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        match (self.fits)(text) {
            true => Ok(text.to_owned()),
            false => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// A word that can be a check's id and a label's value: 1 to 64 letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub String);

impl Name {
    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "1 to 64 letters, digits, `-`, `_` and `.`";
        text(from, expected, is_name).map(Self)
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// An absolute path, as it is granted: without a `/` at its end, unless it is nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub String);

impl Path {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a name below it.
    pub fn join(&self, name: &str) -> String {
        let separator = if self.0.ends_with('/') { "" } else { "/" };
        format!("{}{separator}{name}", self.0)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "an absolute path such as \"/var/log\"";
        let path = text(from, expected, |path| path.starts_with('/'))?;
        let short = path.trim_end_matches('/');
        Ok(Self(if short.is_empty() { "/" } else { short }.to_owned()))
    }
}
