//! Which statuses an endpoint should answer with.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// One status, or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Such as 204.
    One(u16),
    /// Such as `2xx`: the digit in front.
    Class(u16),
}

/// One or more, any of which will do: `["2xx", 304]`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Codes(Vec<Code>);

impl Default for Codes {
    fn default() -> Self {
        Self(vec![Code::Class(2)])
    }
}

impl Codes {
    /// Whether a status is one of them.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|code| match code {
            Code::One(one) => status == *one,
            Code::Class(class) => status / 100 == *class,
        })
    }

    /// Whether there is none, which no answer could satisfy.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, code) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            match code {
                Code::One(one) => write!(f, "{comma}{one}")?,
                Code::Class(class) => write!(f, "{comma}{class}xx")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Form)
    }
}

struct Form;

impl Visitor<'_> for Form {
    type Value = Code;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status such as 204 or a class such as \"2xx\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Code, E> {
        match u16::try_from(number) {
            Ok(one @ 100..=599) => Ok(Code::One(one)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Code, E> {
        match text.as_bytes() {
            [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                Ok(Code::Class(u16::from(digit - b'0')))
            }
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::config;

    use super::*;

    #[test]
    fn a_class_has_a_hundred_and_a_code_is_itself() {
        let codes: Codes = config::parse(r#"["2xx", 304, "5XX"]"#).unwrap();
        for (status, contained) in [
            (200, true),
            (299, true),
            (301, false),
            (304, true),
            (404, false),
            (503, true),
        ] {
            assert_eq!(codes.contain(status), contained, "{status}");
        }
        assert_eq!(codes.to_string(), "2xx, 304, 5xx");
        assert_eq!(Codes::default().to_string(), "2xx");
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for (json, found) in [
            ("[99]", "99"),
            ("[600]", "600"),
            (r#"["6xx"]"#, "\"6xx\""),
            (r#"["200"]"#, "\"200\""),
            ("[true]", "true"),
        ] {
            assert_eq!(
                config::parse::<Codes>(json).unwrap_err().to_string(),
                format!(
                    "`[0]` must be a status such as 204 or a class such as \"2xx\", not {found}"
                )
            );
        }
    }
}
