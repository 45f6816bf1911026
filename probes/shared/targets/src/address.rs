//! Where a server is, as an operator writes it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// A host and a port, such as `127.0.0.1:6379`, `[::1]:53` or `db.internal:5432`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port, not 0.
    pub port: u16,
}

/// The longest name of a host, in bytes (RFC 1035, section 2.3.4, as text).
const MAX_HOST_BYTES: usize = 253;

impl Address {
    /// Reads it. `usual`: the port when none is written; without one it has to be.
    pub fn parse(text: &str, usual: Option<u16>) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']')?;
                host.contains(':').then_some((host, rest))?
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(digits) => number(digits)?,
            None if rest.is_empty() => usual?,
            None => return None,
        };
        let plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'%')
        };
        let fits = (1..=MAX_HOST_BYTES).contains(&host.len()) && host.bytes().all(plain);
        (fits && port > 0).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Form)
    }
}

struct Form;

impl Visitor<'_> for Form {
    type Value = Address;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host and a port such as \"127.0.0.1:6379\" or \"db.internal:5432\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Address, E> {
        Address::parse(text, None).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_have_ports() {
        for (text, host, port) in [
            ("127.0.0.1:6379", "127.0.0.1", 6379),
            ("[::1]:53", "::1", 53),
            ("db.internal:5432", "db.internal", 5432),
            ("my_host:1", "my_host", 1),
        ] {
            let address = Address::parse(text, None).expect(text);
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "",
            ":80",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "::1",
            "::1:53",
            "[::1]",
            "[a]:1",
            "[::1]53",
            "a b:1",
            "a/b:1",
            "http://a:1",
        ] {
            assert_eq!(Address::parse(text, None), None, "{text}");
        }
    }

    #[test]
    fn a_usual_port_may_be_left_out() {
        for (text, written) in [
            ("1.1.1.1", "1.1.1.1:53"),
            ("[::1]", "[::1]:53"),
            ("a:5", "a:5"),
        ] {
            let address = Address::parse(text, Some(53)).expect(text);
            assert_eq!(address.to_string(), written);
        }
        assert_eq!(Address::parse("a:", Some(53)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "\\PC{0,40}") {
            if let Some(address) = Address::parse(&text, Some(53)) {
                prop_assert_eq!(Address::parse(&address.to_string(), None), Some(address));
            }
        }
    }
}
