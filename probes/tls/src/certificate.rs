//! What an X.509 certificate says (RFC 5280), read far enough for its names and dates. No signature is checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::der::{BIT_STRING, Der, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, Value};
use crate::time;

/// The version's and the extensions' places in a certificate; the latter hold a list.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17, the subject's other names.
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// A name of DNS, and an address, among those.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.4.3 and 2.5.4.10, a common name and an organization's.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
/// Text of which each character has two bytes (BMPString) or one of Latin 1 (TeletexString, as it is used).
const BMP_STRING: u8 = 0x1e;
const TELETEX_STRING: u8 = 0x14;
/// The longest name that is shown, in characters.
const SHOWN: usize = 128;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// The first moment at which it holds, Unix seconds.
    pub not_before: f64,
    /// The last one.
    pub not_after: f64,
    /// Whose it is: the common name, or else the organization.
    pub subject: String,
    /// Who made it, likewise.
    pub issuer: String,
    /// Its number, in hexadecimal digits.
    pub serial: String,
    /// The hosts that it is for.
    pub names: Vec<Name>,
    /// Subject and issuer as they are written, to see which certificate made which.
    subject_whole: Vec<u8>,
    issuer_whole: Vec<u8>,
}

/// A host that a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A name of DNS, in lower case; its first label may be `*`.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

impl Certificate {
    /// Reads a certificate in DER; nothing when it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut certificate = Der::new(bytes).enter(SEQUENCE)?;
        let mut body = certificate.enter(SEQUENCE)?;
        certificate.enter(SEQUENCE)?;
        certificate.take(BIT_STRING)?;
        body.take(VERSION);
        let serial = body.take(INTEGER)?.content;
        body.enter(SEQUENCE)?;
        let issuer = body.take(SEQUENCE)?;
        let mut validity = body.enter(SEQUENCE)?;
        let subject = body.take(SEQUENCE)?;
        body.enter(SEQUENCE)?;
        Some(Self {
            not_before: time::unix_seconds(validity.next()?)?,
            not_after: time::unix_seconds(validity.next()?)?,
            subject: shown(subject),
            issuer: shown(issuer),
            serial: hexadecimal(serial),
            names: alternative_names(body)?,
            subject_whole: subject.whole.to_vec(),
            issuer_whole: issuer.whole.to_vec(),
        })
    }

    /// Whether the other one's holder made this one, going by their names.
    pub fn is_from(&self, maker: &Self) -> bool {
        self.issuer_whole == maker.subject_whole
    }

    /// Whether it was made by its own holder, likewise.
    pub fn is_from_itself(&self) -> bool {
        self.is_from(self)
    }
}

/// The names in the extensions, which may be missing; nothing when they are no extensions.
fn alternative_names(mut body: Der<'_>) -> Option<Vec<Name>> {
    while !body.is_empty() {
        let part = body.next()?;
        if part.tag != EXTENSIONS {
            continue;
        }
        let mut extensions = Der::new(part.content).enter(SEQUENCE)?;
        while !extensions.is_empty() {
            let mut extension = extensions.enter(SEQUENCE)?;
            if extension.take(OID)?.content == SUBJECT_ALTERNATIVE_NAME {
                return names(extension);
            }
        }
    }
    Some(Vec::new())
}

fn names(mut extension: Der<'_>) -> Option<Vec<Name>> {
    // Whether it is critical may stand between.
    let mut value = extension.next()?;
    if value.tag != OCTET_STRING {
        value = extension.take(OCTET_STRING)?;
    }
    let mut list = Der::new(value.content).enter(SEQUENCE)?;
    let mut names = Vec::new();
    while !list.is_empty() {
        names.extend(name(list.next()?));
    }
    Some(names)
}

fn name(value: Value<'_>) -> Option<Name> {
    match value.tag {
        DNS_NAME => {
            let text = core::str::from_utf8(value.content).ok()?;
            Some(Name::Dns(text.to_ascii_lowercase()))
        }
        IP_ADDRESS => {
            let address: Option<IpAddr> = match value.content.len() {
                4 => <[u8; 4]>::try_from(value.content)
                    .ok()
                    .map(|octets| Ipv4Addr::from(octets).into()),
                _ => <[u8; 16]>::try_from(value.content)
                    .ok()
                    .map(|octets| Ipv6Addr::from(octets).into()),
            };
            address.map(Name::Address)
        }
        _ => None,
    }
}

/// A name in words: its common name, else its organization, else that there is none.
fn shown(name: Value<'_>) -> String {
    let found = attribute(name, COMMON_NAME).or_else(|| attribute(name, ORGANIZATION));
    let found = found.unwrap_or_else(|| "(no name)".to_owned());
    found.chars().take(SHOWN).collect()
}

fn attribute(name: Value<'_>, kind: &[u8]) -> Option<String> {
    let mut parts = Der::new(name.content);
    while let Some(mut part) = parts.enter(SET) {
        while let Some(mut attribute) = part.enter(SEQUENCE) {
            if attribute.take(OID)?.content == kind {
                return attribute.next().map(text);
            }
        }
    }
    None
}

fn text(value: Value<'_>) -> String {
    match value.tag {
        BMP_STRING => {
            let units = value.content.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        TELETEX_STRING => value.content.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(value.content).into_owned(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    // A number of this kind has at most 20 bytes; the zero in front only says that it is not negative.
    let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
    let digits = b"0123456789abcdef";
    let both = |byte: &u8| {
        [
            digits[usize::from(byte >> 4)],
            digits[usize::from(byte & 0xf)],
        ]
    };
    let digits = bytes.iter().take(SHOWN / 2).flat_map(both);
    digits.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Made, sequence, value};

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let certificate = Certificate::parse(&Made::new().der()).unwrap();
        assert_eq!(certificate.subject, "example.com");
        assert_eq!(certificate.issuer, "An Issuer");
        assert_eq!(certificate.serial, "abcd");
        assert_eq!(certificate.not_before, 1_767_225_600.0);
        assert_eq!(certificate.not_after, 1_798_761_599.0);
        assert_eq!(
            certificate.names,
            [
                Name::Dns("example.com".into()),
                Name::Dns("*.example.com".into()),
                Name::Address([127, 0, 0, 1].into()),
            ]
        );
        assert!(!certificate.is_from_itself());
        let root = Made {
            subject: "An Issuer".into(),
            ..Made::new()
        };
        let root = Certificate::parse(&root.der()).unwrap();
        assert!(certificate.is_from(&root) && root.is_from_itself());
    }

    #[test]
    fn what_others_made_is_read_too() {
        for (pem, subject, issuer, names) in [
            (
                &include_bytes!("../fixtures/rsa.pem")[..],
                "rsa.example",
                "Test Root",
                3,
            ),
            (
                include_bytes!("../fixtures/ec.pem"),
                "ec.example",
                "ec.example",
                1,
            ),
            (
                include_bytes!("../fixtures/old.pem"),
                "(no name)",
                "(no name)",
                0,
            ),
        ] {
            let chain = crate::pem::certificates(pem).unwrap();
            let certificate = Certificate::parse(&chain[0]).unwrap();
            assert_eq!(
                (certificate.subject.as_str(), certificate.issuer.as_str()),
                (subject, issuer)
            );
            assert_eq!(certificate.names.len(), names, "{subject}");
            assert!(certificate.not_before < certificate.not_after);
        }
    }

    #[test]
    fn names_in_other_alphabets_are_read() {
        let of = |tag: u8, bytes: &[u8]| {
            let attribute = sequence(&[&value(OID, COMMON_NAME), &value(tag, bytes)]);
            let name = sequence(&[&value(SET, &attribute)]);
            shown(Der::new(&name).next().unwrap())
        };
        assert_eq!(of(BMP_STRING, &[0, b'K', 0, 0xf6, 0, b'n']), "Kön");
        assert_eq!(of(TELETEX_STRING, b"K\xf6n"), "Kön");
        assert_eq!(of(0x0c, "Kön".as_bytes()), "Kön");
        assert_eq!(of(0x0c, b"K\xff"), "K\u{fffd}");
        assert_eq!(of(0x0c, "x".repeat(1000).as_bytes()).len(), SHOWN);
    }

    #[test]
    fn nesting_without_end_is_no_certificate() {
        let mut nested = Vec::new();
        for _ in 0..2000 {
            nested = value(SEQUENCE, &nested);
        }
        assert_eq!(Certificate::parse(&nested), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            subject in "[a-zA-Z0-9 .äß-]{0,40}",
            dns in prop::collection::vec("[a-z0-9.*-]{1,40}", 0..20),
            addresses in prop::collection::vec(any::<[u8; 4]>(), 0..5),
        ) {
            let made = Made { subject: subject.clone(), dns: dns.clone(), addresses: addresses.clone(), ..Made::new() };
            let read = Certificate::parse(&made.der()).unwrap();
            prop_assert_eq!(read.subject, subject);
            let names = dns.into_iter().map(Name::Dns);
            let addresses = addresses.into_iter().map(|octets| Name::Address(octets.into()));
            prop_assert_eq!(read.names, names.chain(addresses).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::parse(&bytes);
        }

        #[test]
        fn nor_does_a_certificate_with_wrong_bytes_in_it(at in 0usize..300, byte in any::<u8>(), end in 0usize..400) {
            let mut bytes = Made::new().der();
            let place = at % bytes.len();
            bytes[place] = byte;
            bytes.truncate(end);
            let _ = Certificate::parse(&bytes);
        }
    }
}
