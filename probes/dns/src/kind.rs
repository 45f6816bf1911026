//! The kinds of records that can be asked for, and the codes that an answer can have.

use std::fmt;

use serde::Deserialize;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "they are the records' own names")]
pub enum Kind {
    A,
    #[serde(rename = "AAAA")]
    Aaaa,
    #[serde(rename = "CNAME")]
    Cname,
    #[serde(rename = "MX")]
    Mx,
    #[serde(rename = "NS")]
    Ns,
    #[serde(rename = "TXT")]
    Txt,
    #[serde(rename = "SOA")]
    Soa,
    #[serde(rename = "PTR")]
    Ptr,
}

/// Names and numbers (RFC 1035, section 3.2.2; RFC 3596).
const KINDS: [(Kind, u16, &str); 8] = [
    (Kind::A, 1, "A"),
    (Kind::Ns, 2, "NS"),
    (Kind::Cname, 5, "CNAME"),
    (Kind::Soa, 6, "SOA"),
    (Kind::Ptr, 12, "PTR"),
    (Kind::Mx, 15, "MX"),
    (Kind::Txt, 16, "TXT"),
    (Kind::Aaaa, 28, "AAAA"),
];

impl Kind {
    /// Its number in messages.
    pub fn number(self) -> u16 {
        KINDS
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or(0, |(_, number, _)| *number)
    }

    /// The kind that has a number.
    pub fn of_number(number: u16) -> Option<Self> {
        KINDS
            .iter()
            .find(|(_, other, _)| *other == number)
            .map(|(kind, ..)| *kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS
            .iter()
            .find(|(kind, ..)| kind == self)
            .map_or("", |(.., name)| name);
        f.write_str(name)
    }
}

/// How a server says that a query went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rcode(pub u16);

/// The names of the codes from 0 (RFC 6895, section 2.3).
const RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
];

impl Rcode {
    /// All is well.
    pub const NO_ERROR: Self = Self(0);
}

impl TryFrom<String> for Rcode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let place = RCODES.iter().position(|name| *name == text);
        let code = place.and_then(|place| u16::try_from(place).ok());
        code.map(Self).ok_or_else(|| {
            format!(
                "must be a code such as \"NOERROR\", \"NXDOMAIN\" or \"REFUSED\", not \"{text}\""
            )
        })
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RCODES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "code {}", self.0),
        }
    }
}
