//! A server's side of a handshake (RFC 5246, sections 6.2 and 7.4), read up to its certificates, which TLS 1.2 sends in the clear.

use std::fmt;

/// The largest record: a fragment and what encryption may add (section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// The most that is read of messages. Chains have a few KB; what has more is none.
const MAX_MESSAGES: usize = 128 * 1024;
/// The most certificates of a chain. Those that are in use have up to 5.
const MAX_CHAIN: usize = 32;
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

/// Reads what a server sends.
#[derive(Debug, Default)]
pub struct Handshake {
    /// Bytes of a record that is not whole yet.
    record: Vec<u8>,
    /// Bytes of messages that are not read yet.
    messages: Vec<u8>,
    /// How many bytes of messages there were.
    read: usize,
    greeted: bool,
}

/// Why there are no certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The server sent an alert of this number.
    Alert(u8),
    /// It does not speak TLS.
    NotTls,
    /// What it says breaks TLS' rules: how.
    Broken(&'static str),
    /// It has none.
    NoCertificate,
}

impl Handshake {
    /// Takes what has arrived. Gives the chain in DER, the server's own certificate first, or nothing as long as it is not whole.
    ///
    /// # Errors
    /// Why it will not come.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Refused> {
        self.record.extend(bytes);
        while let Some(fragment) = self.next_fragment()? {
            self.read += fragment.len();
            if self.read > MAX_MESSAGES {
                return Err(Refused::Broken("its first messages have more than 128 KiB"));
            }
            self.messages.extend(fragment);
            while let Some((kind, content)) = self.next_message()? {
                if let Some(chain) = self.understand(kind, &content)? {
                    return Ok(Some(chain));
                }
            }
        }
        Ok(None)
    }

    /// The next record's part of the messages, when it is whole.
    fn next_fragment(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        let kind = match self.record.as_slice() {
            [] => return Ok(None),
            [kind @ (ALERT | HANDSHAKE), 3, ..] | [kind @ (ALERT | HANDSHAKE)] => *kind,
            _ if self.greeted => return Err(Refused::Broken("it sends another kind of record")),
            _ => return Err(Refused::NotTls),
        };
        let [_, _, _, high, low, ..] = self.record.as_slice() else {
            return Ok(None);
        };
        let length = usize::from(*high) << 8 | usize::from(*low);
        if length == 0 || length > MAX_RECORD {
            return Err(Refused::Broken(
                "it sends a record of a length that none may have",
            ));
        }
        if self.record.len() < RECORD_HEADER + length {
            return Ok(None);
        }
        let rest = self.record.split_off(RECORD_HEADER + length);
        let whole = std::mem::replace(&mut self.record, rest);
        let fragment = whole.get(RECORD_HEADER..).unwrap_or_default();
        match kind {
            HANDSHAKE => Ok(Some(fragment.to_vec())),
            // A warning, such as that it does not know the name, does not end it.
            _ => match fragment {
                [1, number] if *number != 0 => Ok(Some(Vec::new())),
                [_, number] => Err(Refused::Alert(*number)),
                _ => Err(Refused::Broken("it sends an alert that is none")),
            },
        }
    }

    /// The next message, when it is whole.
    fn next_message(&mut self) -> Result<Option<(u8, Vec<u8>)>, Refused> {
        let [kind, a, b, c, ..] = *self.messages.as_slice() else {
            return Ok(None);
        };
        let length = number([a, b, c]);
        if length > MAX_MESSAGES {
            return Err(Refused::Broken("it sends a message of more than 128 KiB"));
        }
        if self.messages.len() < MESSAGE_HEADER + length {
            return Ok(None);
        }
        let rest = self.messages.split_off(MESSAGE_HEADER + length);
        let whole = std::mem::replace(&mut self.messages, rest);
        Ok(Some((
            kind,
            whole.get(MESSAGE_HEADER..).unwrap_or_default().to_vec(),
        )))
    }

    fn understand(&mut self, kind: u8, content: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Refused> {
        match (kind, self.greeted) {
            (SERVER_HELLO, false) => {
                self.greeted = true;
                Ok(None)
            }
            (_, false) => Err(Refused::Broken("it does not begin with its hello")),
            (CERTIFICATE, true) => chain(content).map(Some),
            (SERVER_HELLO_DONE, true) => Err(Refused::NoCertificate),
            _ => Ok(None),
        }
    }
}

fn number([a, b, c]: [u8; 3]) -> usize {
    usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)
}

/// The certificates of a message: a list with its length, each with its own.
fn chain(content: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let broken = Refused::Broken("its list of certificates is none");
    let (length, mut rest) = content.split_first_chunk::<3>().ok_or(broken.clone())?;
    if number(*length) != rest.len() {
        return Err(broken);
    }
    let mut chain = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<3>() {
        let (certificate, behind) = behind
            .split_at_checked(number(*length))
            .ok_or(broken.clone())?;
        if chain.len() == MAX_CHAIN {
            return Err(Refused::Broken("it sends more than 32 certificates"));
        }
        chain.push(certificate.to_vec());
        rest = behind;
    }
    match (rest.is_empty(), chain.is_empty()) {
        (false, _) => Err(broken),
        (true, true) => Err(Refused::NoCertificate),
        (true, false) => Ok(chain),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(70) => f.write_str(
                "the server speaks TLS 1.3 and nothing older, which encrypts its certificate, so it cannot be seen here: watch the certificate's file (`files`)",
            ),
            Self::Alert(number) => write!(f, "the server refuses with the alert {number}{}", alert(*number)),
            Self::NotTls => f.write_str("the server does not speak TLS there"),
            Self::Broken(how) => write!(f, "the server's answer is not TLS: {how}"),
            Self::NoCertificate => f.write_str("the server has no certificate"),
        }
    }
}

/// An alert's name (section 7.2), with a blank before it.
fn alert(number: u8) -> &'static str {
    match number {
        0 => " close_notify",
        10 => " unexpected_message",
        40 => " handshake_failure: it takes none of the usual ciphers of TLS 1.2",
        47 => " illegal_parameter",
        50 => " decode_error",
        71 => " insufficient_security",
        80 => " internal_error",
        86 => " inappropriate_fallback",
        112 => " unrecognized_name: it has no certificate for this name (`server_name`)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::testing::flight;

    fn read(bytes: &[u8], at_once: usize) -> Result<Option<Vec<Vec<u8>>>, Refused> {
        let mut handshake = Handshake::default();
        for part in bytes.chunks(at_once) {
            if let Some(chain) = handshake.take(part)? {
                return Ok(Some(chain));
            }
        }
        Ok(None)
    }

    #[test]
    fn alerts_are_told_and_warnings_are_not_the_end() {
        for (alert, told) in [
            (70, "the server speaks TLS 1.3 and nothing older, which"),
            (40, "the server refuses with the alert 40 handshake_failure"),
            (123, "the server refuses with the alert 123"),
        ] {
            let refused = read(&[21, 3, 3, 0, 2, 2, alert], 100).unwrap_err();
            assert!(refused.to_string().starts_with(told), "{refused}");
        }
        let mut warned = vec![21, 3, 3, 0, 2, 1, 112];
        warned.extend(flight(&[vec![1, 2, 3]], 1000));
        assert_eq!(read(&warned, 3), Ok(Some(vec![vec![1, 2, 3]])));
    }

    #[test]
    fn what_is_not_tls_is_told_at_the_first_byte_or_two() {
        for bytes in [
            &b"H"[..],
            b"HTTP/1.1 400 Bad Request\r\n",
            b"220 mail",
            &[22, 2],
            &[0],
        ] {
            assert_eq!(read(bytes, 100), Err(Refused::NotTls), "{bytes:?}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_told() {
        let record = |content: &[u8]| {
            let length = [(content.len() >> 8) as u8, content.len() as u8];
            [&[22, 3, 3][..], &length, content].concat()
        };
        let hello = flight(&[], 10_000);
        let hello = &hello[5..5 + 4 + 38];
        let certificate = |list: &[u8]| [hello, &[11, 0, 0, list.len() as u8], list].concat();
        for (bytes, told) in [
            (vec![22, 3, 3, 0, 0], "a length that none may have"),
            (vec![22, 3, 3, 0xff, 0xff], "a length that none may have"),
            (record(&[2, 0xff, 0xff, 0xff]), "more than 128 KiB"),
            (record(&[11, 0, 0, 0]), "does not begin with its hello"),
            (
                [record(hello), b"HTTP/".to_vec()].concat(),
                "another kind of record",
            ),
            (vec![21, 3, 3, 0, 1, 2], "an alert that is none"),
            (record(&certificate(&[])), "list of certificates is none"),
            (
                record(&certificate(&[0, 0, 9, 0, 0, 1])),
                "list of certificates is none",
            ),
            (
                record(&certificate(&[0, 0, 4, 0, 0, 9, 1])),
                "list of certificates is none",
            ),
            (
                record(&certificate(&[0, 0, 1, 7])),
                "list of certificates is none",
            ),
            (record(&certificate(&[0, 0, 0])), "has no certificate"),
            (
                record(&certificate(&[&[0, 0, 99][..], &[0; 99]].concat())),
                "more than 32 certificates",
            ),
            (
                record(&[hello, &[14, 0, 0, 0]].concat()),
                "has no certificate",
            ),
        ] {
            let refused = read(&bytes, 7).unwrap_err();
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }

    #[test]
    fn records_without_end_come_to_one() {
        let mut handshake = Handshake::default();
        // A message that is never whole, in records of one byte each.
        handshake.take(&[22, 3, 3, 0, 4, 2, 1, 0xff, 0xff]).unwrap();
        let mut taken = Ok(None);
        for _ in 0..200_000 {
            taken = handshake.take(&[22, 3, 3, 0, 1, 0]);
            if taken.is_err() {
                break;
            }
        }
        assert!(matches!(taken, Err(Refused::Broken(_))), "{taken:?}");
    }

    proptest! {
        #[test]
        fn a_chain_is_read_however_it_is_cut(
            chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 1..6),
            record in 1usize..16_384,
            at_once in 1usize..5000,
        ) {
            prop_assert_eq!(read(&flight(&chain, record), at_once), Ok(Some(chain)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), at_once in 1usize..50) {
            let _ = read(&bytes, at_once);
            let _ = read(&[&[22, 3, 3, 1][..], &bytes].concat(), at_once);
        }

        #[test]
        fn nor_do_wrong_bytes_in_a_flight(at in 0usize..200, byte in any::<u8>(), at_once in 1usize..50) {
            let mut bytes = flight(&[vec![1; 60], vec![2; 60]], 50);
            let place = at % bytes.len();
            bytes[place] = byte;
            let _ = read(&bytes, at_once);
        }
    }
}
