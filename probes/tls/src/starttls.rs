//! What is said before TLS in protocols that begin without it.

use probity_sdk::{Failure, Result};
use serde::Deserialize;
use targets::{Stream, Talk};

/// A protocol that begins without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Starttls {
    /// Mail between servers (RFC 3207).
    Smtp,
    /// Mailboxes (RFC 9051, section 6.2.1).
    Imap,
    /// The older mailboxes (RFC 2595, section 4).
    Pop3,
    /// Files (RFC 4217).
    Ftp,
    /// PostgreSQL (its documentation, "SSL Session Encryption").
    Postgres,
}

/// PostgreSQL's SSLRequest: its length, and a version that none has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// The longest line taken. Those of these protocols have up to 512 bytes, IMAP's greetings more.
const LINE: usize = 2048;
/// The most lines of one answer.
const LINES: usize = 64;

/// Asks for TLS: when it answers well, the next bytes on the connection are TLS'.
///
/// # Errors
/// When the server does not offer it, or speaks another protocol.
pub fn ask<S: Stream>(protocol: Starttls, talk: &mut Talk<S>) -> Result<()> {
    match protocol {
        Starttls::Smtp => {
            numbered(talk, "220")?;
            talk.send(b"EHLO probity\r\n")?;
            numbered(talk, "250")?;
            talk.send(b"STARTTLS\r\n")?;
            numbered(talk, "220")?;
        }
        Starttls::Ftp => {
            numbered(talk, "220")?;
            talk.send(b"AUTH TLS\r\n")?;
            numbered(talk, "234")?;
        }
        Starttls::Imap => {
            until(talk, "* ", "* OK")?;
            talk.send(b"a STARTTLS\r\n")?;
            until(talk, "a ", "a OK")?;
        }
        Starttls::Pop3 => {
            until(talk, "", "+OK")?;
            talk.send(b"STLS\r\n")?;
            until(talk, "", "+OK")?;
        }
        Starttls::Postgres => {
            talk.send(&SSL_REQUEST)?;
            match talk.exact(1)?.as_slice() {
                b"S" => {}
                b"N" => return Err(Failure::unavailable("the server does not offer TLS")),
                other => return Err(unexpected(&String::from_utf8_lossy(other))),
            }
        }
    }
    // Whatever came with the answer came in the clear, and would be taken for TLS.
    match talk.arrived() {
        [] => Ok(()),
        _ => Err(Failure::unavailable(
            "the server says more than it was asked before TLS begins",
        )),
    }
}

/// An answer of one or more lines with this number; the last one has a blank behind it.
fn numbered<S: Stream>(talk: &mut Talk<S>, number: &str) -> Result<()> {
    for _ in 0..LINES {
        let line = line(talk)?;
        if !line.starts_with(number) {
            return Err(unexpected(&line));
        }
        if line.as_bytes().get(number.len()) != Some(&b'-') {
            return Ok(());
        }
    }
    Err(unexpected("an answer without an end"))
}

/// Lines up to one that begins with `mark`, which then has to be a `good` one.
fn until<S: Stream>(talk: &mut Talk<S>, mark: &str, good: &str) -> Result<()> {
    for _ in 0..LINES {
        let line = line(talk)?;
        if line.starts_with(good) {
            return Ok(());
        }
        if line.starts_with(mark) {
            return Err(unexpected(&line));
        }
    }
    Err(unexpected("an answer without an end"))
}

fn line<S: Stream>(talk: &mut Talk<S>) -> Result<String> {
    Ok(String::from_utf8_lossy(&talk.line(LINE)?).into_owned())
}

fn unexpected(line: &str) -> Failure {
    let line: String = line.chars().take(80).collect();
    Failure::unavailable(format!("before TLS the server answers `{line}`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// A server that says its lines one after the other, and what it was told.
    struct Script<'a> {
        says: Vec<&'a [u8]>,
        told: Vec<u8>,
    }

    impl Stream for &mut Script<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<()> {
            self.told.extend(bytes);
            Ok(())
        }

        fn read(&mut self, _: usize) -> Result<Vec<u8>> {
            match self.says.is_empty() {
                true => Ok(Vec::new()),
                false => Ok(self.says.remove(0).to_vec()),
            }
        }
    }

    fn asked(protocol: Starttls, says: &[&[u8]]) -> (Result<()>, Vec<u8>) {
        let mut script = Script {
            says: says.to_vec(),
            told: Vec::new(),
        };
        let answer = ask(protocol, &mut Talk::over(&mut script, 100, 100_000));
        (answer, script.told)
    }

    #[test]
    fn each_protocol_has_its_words() {
        for (protocol, says, told) in [
            (
                Starttls::Smtp,
                &[
                    &b"220-mail\r\n220 mail\r\n"[..],
                    b"250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n",
                    b"220 go\r\n",
                ][..],
                &b"EHLO probity\r\nSTARTTLS\r\n"[..],
            ),
            (
                Starttls::Ftp,
                &[b"220 hello\r\n", b"234 go\r\n"],
                b"AUTH TLS\r\n",
            ),
            (
                Starttls::Imap,
                &[b"* OK hello\r\n", b"* CAPABILITY\r\na OK go\r\n"],
                b"a STARTTLS\r\n",
            ),
            (
                Starttls::Pop3,
                &[b"+OK hello\r\n", b"+OK go\r\n"],
                b"STLS\r\n",
            ),
            (Starttls::Postgres, &[b"S"], &SSL_REQUEST),
        ] {
            let (answer, said) = asked(protocol, says);
            answer.unwrap();
            assert_eq!(said, told, "{protocol:?}");
        }
    }

    #[test]
    fn what_is_not_offered_is_told() {
        for (protocol, says, told) in [
            (
                Starttls::Postgres,
                &[&b"N"[..]][..],
                "the server does not offer TLS",
            ),
            (
                Starttls::Postgres,
                &[b"E"],
                "before TLS the server answers `E`",
            ),
            (
                Starttls::Postgres,
                &[b"Sx"],
                "the server says more than it was asked before TLS begins",
            ),
            (
                Starttls::Smtp,
                &[b"554 no\r\n"],
                "before TLS the server answers `554 no`",
            ),
            (
                Starttls::Smtp,
                &[b"220 a\r\n", b"250 a\r\n", b"502 what?\r\n"],
                "before TLS the server answers `502 what?`",
            ),
            (
                Starttls::Imap,
                &[b"* BYE\r\n"],
                "before TLS the server answers `* BYE`",
            ),
            (
                Starttls::Imap,
                &[b"* OK\r\n", b"a BAD no\r\n"],
                "before TLS the server answers `a BAD no`",
            ),
            (
                Starttls::Pop3,
                &[b"-ERR\r\n"],
                "before TLS the server answers `-ERR`",
            ),
        ] {
            assert_eq!(asked(protocol, says).0.unwrap_err().message(), told);
        }
        let endless = b"220-and so on\r\n".repeat(LINES + 1);
        let refused = asked(Starttls::Smtp, &[&endless]).0.unwrap_err();
        assert_eq!(
            refused.message(),
            "before TLS the server answers `an answer without an end`"
        );
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(says in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..6)) {
            let says: Vec<&[u8]> = says.iter().map(Vec::as_slice).collect();
            for protocol in [Starttls::Smtp, Starttls::Ftp, Starttls::Imap, Starttls::Pop3, Starttls::Postgres] {
                let _ = asked(protocol, &says);
            }
        }
    }
}
