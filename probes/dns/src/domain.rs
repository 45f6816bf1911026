//! Names: as an operator writes them, as a message holds them, as people read them.

use std::fmt::{self, Write};
use std::net::IpAddr;

use crate::Malformed;

/// A name: its labels in lower case, each behind its length, with the root's 0 at the end (RFC 1035, section 3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Domain(Vec<u8>);

/// The longest name and the longest label, in bytes.
const MAX_BYTES: usize = 255;
const MAX_LABEL_BYTES: usize = 63;
/// As many pointers as a name can have labels. A message has room for eight thousand in a row, and for as many names that begin there.
const MAX_POINTERS: u32 = 127;
/// The two bits that make a length a pointer, and those of a label.
const POINTER: u8 = 0b11;
const LABEL: u8 = 0b00;

impl Domain {
    /// Reads a name as people write it, with or without the dot at its end; `.` is the root.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text {
            "." => "",
            _ => text.strip_suffix('.').unwrap_or(text),
        };
        let mut wire = Vec::new();
        if !text.is_empty() {
            for label in text.split('.') {
                let plain = label
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
                if !plain || !push(&mut wire, label.as_bytes()) {
                    return None;
                }
            }
        }
        wire.push(0);
        Some(Self(wire))
    }

    /// The name under which an address's own name is kept (RFC 1035, section 3.5; RFC 3596, section 2.5).
    pub fn of_address(address: IpAddr) -> Self {
        let mut wire = Vec::new();
        let zone = match address {
            IpAddr::V4(v4) => {
                for byte in v4.octets().iter().rev() {
                    push(&mut wire, byte.to_string().as_bytes());
                }
                &b"in-addr"[..]
            }
            IpAddr::V6(v6) => {
                for byte in v6.octets().iter().rev() {
                    for digit in [byte & 15, byte >> 4] {
                        push(&mut wire, &[b"0123456789abcdef"[usize::from(digit)]]);
                    }
                }
                &b"ip6"[..]
            }
        };
        push(&mut wire, zone);
        push(&mut wire, b"arpa");
        wire.push(0);
        Self(wire)
    }

    /// As a message holds it, uncompressed.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// Reads the name that begins at `at` in `message`, which may point back to what stands before, and moves `at` behind it.
    ///
    /// # Errors
    /// When it ends too early, is too long, or points anywhere but back: each pointer has to lead before the one that led there, so that
    /// no message can send the reader in circles.
    pub fn read(message: &[u8], at: &mut usize) -> Result<Self, Malformed> {
        let (mut place, mut floor, mut end, mut pointers) = (*at, *at, None, 0);
        let mut wire = Vec::new();
        let byte = |place: usize| message.get(place).copied().ok_or(ENDS);
        loop {
            let length = byte(place)?;
            match length >> 6 {
                LABEL if length == 0 => break,
                LABEL => {
                    let (from, to) = (place + 1, place + 1 + usize::from(length));
                    let label = message.get(from..to).ok_or(ENDS)?;
                    if !push(&mut wire, label) {
                        return Err(Malformed("a name is longer than 255 bytes"));
                    }
                    place = to;
                }
                POINTER => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(byte(place + 1)?);
                    end.get_or_insert(place + 2);
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(Malformed("a name has more pointers than labels"));
                    }
                    if target >= floor {
                        return Err(Malformed("a name points to itself or behind itself"));
                    }
                    (place, floor) = (target, target);
                }
                _ => return Err(Malformed("a label is of an unknown kind")),
            }
        }
        wire.push(0);
        *at = end.unwrap_or(place + 1);
        Ok(Self(wire))
    }
}

const ENDS: Malformed = Malformed("a name is cut off");

/// Adds a label in lower case. False when it has no or too many bytes, or makes the name too long.
fn push(wire: &mut Vec<u8>, label: &[u8]) -> bool {
    // One for its length, one for the root's.
    let fits =
        (1..=MAX_LABEL_BYTES).contains(&label.len()) && wire.len() + label.len() + 2 <= MAX_BYTES;
    if fits {
        wire.push(label.len() as u8);
        wire.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    fits
}

impl fmt::Display for Domain {
    /// Without the dot at the end; bytes that are no plain letters as `\DDD` (RFC 1035, section 5.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_char('.');
        }
        let mut at = 0;
        while let Some(length) = self.0.get(at).copied().filter(|length| *length > 0) {
            if at > 0 {
                f.write_char('.')?;
            }
            let end = at + 1 + usize::from(length);
            for byte in self.0.get(at + 1..end).unwrap_or_default() {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    byte if byte.is_ascii_graphic() => f.write_char(char::from(*byte))?,
                    byte => write!(f, "\\{byte:03}")?,
                }
            }
            at = end;
        }
        Ok(())
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(message: &[u8], mut at: usize) -> Result<(String, usize), Malformed> {
        Domain::read(message, &mut at).map(|domain| (domain.to_string(), at))
    }

    #[test]
    fn names_are_written_in_many_ways() {
        for (text, shown) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("_sip._tcp.a", "_sip._tcp.a"),
            (".", "."),
            ("", "."),
        ] {
            assert_eq!(Domain::parse(text).expect(text).to_string(), shown);
        }
        let long = ["a".repeat(63).as_str(); 4].join(".");
        assert!(Domain::parse(&long[..253]).is_some());
        for text in [
            "a..b",
            ".a",
            "..",
            "a b",
            "é.com",
            "a\\.b",
            &long,
            &"a".repeat(64),
        ] {
            assert_eq!(Domain::parse(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_have_names() {
        let name = |text: &str| Domain::of_address(text.parse().expect("it is one")).to_string();
        assert_eq!(name("192.0.2.7"), "7.2.0.192.in-addr.arpa");
        let zeros = "0.".repeat(23);
        assert_eq!(
            name("2001:db8::1"),
            format!("1.{zeros}8.b.d.0.1.0.0.2.ip6.arpa")
        );
    }

    #[test]
    fn pointers_lead_back() {
        // F.ISI.ARPA at 0, FOO and a pointer to it at 12, a pointer to ARPA at 18 (RFC 1035, section 4.1.4).
        let message = b"\x01F\x03ISI\x04ARPA\0\x03FOO\xc0\0\xc0\x06";
        assert_eq!(read(message, 0), Ok(("f.isi.arpa".into(), 12)));
        assert_eq!(read(message, 12), Ok(("foo.f.isi.arpa".into(), 18)));
        assert_eq!(read(message, 18), Ok(("arpa".into(), 20)));
    }

    #[test]
    fn what_leads_in_circles_is_refused() {
        let behind = Malformed("a name points to itself or behind itself");
        for (message, at) in [
            (&b"\xc0\0"[..], 0),
            (b"\xc0\x02\0\0", 0),
            (b"\x01a\xc0\0", 0),
            (b"\x01a\xc0\0", 2),
            // Two pointers to each other.
            (b"\xc0\x02\xc0\0", 2),
        ] {
            assert_eq!(read(message, at), Err(behind), "{message:?}");
        }
        for message in [&b""[..], b"\x05abc", b"\xc0", b"\x01a"] {
            assert_eq!(read(message, 0), Err(ENDS), "{message:?}");
        }
        assert_eq!(
            read(b"\x40a\0", 0),
            Err(Malformed("a label is of an unknown kind"))
        );
        let long = [&[63; 64][..]; 5].concat();
        assert_eq!(
            read(&long, 0),
            Err(Malformed("a name is longer than 255 bytes"))
        );
    }

    #[test]
    fn pointers_have_an_end() {
        // The root, and pointers each to the one before.
        let chain = |count: u16| {
            let pointer = |place: u16| (0xc000 | (2 * place)).to_be_bytes();
            [0, 0]
                .into_iter()
                .chain((0..count).flat_map(pointer))
                .collect::<Vec<u8>>()
        };
        assert_eq!(read(&chain(127), 254), Ok((".".into(), 256)));
        assert_eq!(
            read(&chain(128), 256),
            Err(Malformed("a name has more pointers than labels"))
        );
    }

    #[test]
    fn odd_bytes_are_shown_as_numbers() {
        assert_eq!(read(b"\x05a.\\\0 \0", 0), Ok((r"a\.\\\000\032".into(), 7)));
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(message in prop::collection::vec(any::<u8>(), 0..300), at in 0..310_usize) {
            let mut behind = at;
            if let Ok(domain) = Domain::read(&message, &mut behind) {
                prop_assert!(domain.wire().len() <= 255 && behind > at && behind <= message.len());
            }
        }

        #[test]
        fn what_is_written_is_read_back(labels in prop::collection::vec("[a-z0-9_-]{1,20}", 0..10)) {
            let domain = Domain::parse(&labels.join(".")).expect("it is a name");
            let mut at = 0;
            prop_assert_eq!(Domain::read(domain.wire(), &mut at).expect("it is a name"), domain.clone());
            prop_assert_eq!(Domain::parse(&domain.to_string()), Some(domain));
        }
    }
}
