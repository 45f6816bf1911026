//! Headers as an operator writes them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::Request;
use crate::{Result, secrets};

/// Names and values in a table of the configuration: `{ authorization = "Bearer {secret:api}" }`. `{secret:NAME}` in a value stands for
/// a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Request {
    /// Adds headers as an operator wrote them, with the placeholders of their secrets.
    ///
    /// # Errors
    /// As [`secrets::fill`].
    pub fn with(mut self, headers: &Headers) -> Result<Self> {
        for (name, value) in &headers.0 {
            self = self.header(name, &secrets::fill(value)?);
        }
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> core::result::Result<Self, D::Error> {
        from.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> core::result::Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some((name, value)) = table.next_entry::<String, String>()? {
            let fault = if !is_token(&name) {
                "is no header's name"
            } else if value.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
                // The value is not repeated: it may be what somebody wrote where a secret belongs.
                "has a control character in its value"
            } else {
                headers.push((name, value));
                continue;
            };
            return Err(A::Error::custom(format!(
                "must be headers that can be sent, and \"{name}\" {fault}"
            )));
        }
        Ok(Headers(headers))
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn what_can_be_sent_is_taken() {
        let headers: Headers = config::parse(r#"{"Authorization":"Bearer {secret:t}","x-a":""}"#)
            .expect("it is right");
        assert_eq!(headers.0[0].1, "Bearer {secret:t}");
        for (json, told) in [
            (
                r#"{"a b":"c"}"#,
                "the configuration must be headers that can be sent, and \"a b\" is no header's name",
            ),
            (
                r#"{"a":"c\nd"}"#,
                "the configuration must be headers that can be sent, and \"a\" has a control character in its value",
            ),
            (r#"{"a":1}"#, "`a` must be text, not 1"),
            (
                "[]",
                "the configuration must be a table of headers, not a list",
            ),
        ] {
            let fault = config::parse::<Headers>(json).expect_err(json);
            assert_eq!(fault.to_string(), told);
        }
    }
}
