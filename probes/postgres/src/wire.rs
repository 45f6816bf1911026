//! The messages of PostgreSQL's protocol, version 3.0 (its documentation, chapter "Frontend/Backend Protocol").

use probity_sdk::{Failure, Result};
use targets::{Stream, Talk};

/// The protocol's version.
const VERSION: u32 = 3 << 16;
/// The longest message that is read: a row of a statistics view has a few hundred bytes.
const MESSAGE_BYTES: usize = 64 * 1024;

/// A message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its kind: a letter.
    pub kind: u8,
    /// What it says.
    pub body: Vec<u8>,
}

/// An error as the server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// SQLSTATE, five letters and digits.
    pub code: String,
    /// In the server's language.
    pub message: String,
}

/// The message that begins a session. It alone has no kind.
pub fn startup(user: &str, database: &str) -> Vec<u8> {
    let mut body = VERSION.to_be_bytes().to_vec();
    for word in [
        "user",
        user,
        "database",
        database,
        "application_name",
        "probity",
        "client_encoding",
        "UTF8",
    ] {
        body.extend(text(word));
    }
    body.push(0);
    [&length(&body), body.as_slice()].concat()
}

/// Any other message.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &length(body)[..], body].concat()
}

/// Text with the 0 that ends it; a 0 within would end it early.
pub fn text(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| *byte != 0).chain([0]).collect()
}

/// A body's length with that of its length.
fn length(body: &[u8]) -> [u8; 4] {
    u32::try_from(body.len() + 4)
        .unwrap_or(u32::MAX)
        .to_be_bytes()
}

/// Takes the next message.
///
/// # Errors
/// When the connection breaks off, or what comes is none.
pub fn receive<S: Stream>(talk: &mut Talk<S>) -> Result<Message> {
    let head = talk.exact(5)?;
    let mut rest = Body(&head);
    let (Some([kind]), Some(length)) = (rest.take::<1>(), rest.number()) else {
        return Err(foreign());
    };
    // Whoever speaks something else sends letters here, which make a huge number.
    let length = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_sub(4))
        .filter(|length| *length <= MESSAGE_BYTES);
    let length = length
        .filter(|_| kind.is_ascii_alphanumeric())
        .ok_or_else(foreign)?;
    Ok(Message {
        kind,
        body: talk.exact(length)?,
    })
}

/// What is said of bytes that make no sense.
pub fn foreign() -> Failure {
    Failure::unavailable("it does not speak PostgreSQL's protocol")
}

/// What is left to read of a message's body.
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    /// The next bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// The next 32-bit number.
    pub fn number(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    /// The next `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The next text, up to the 0 that ends it.
    pub fn text(&mut self) -> Option<String> {
        let length = self.0.iter().position(|byte| *byte == 0)?;
        let text = String::from_utf8_lossy(self.bytes(length)?).into_owned();
        self.take::<1>()?;
        Some(text)
    }
}

impl Problem {
    /// Reads an error's body: fields, each a letter and text. A server from before 9.6 gives the message in its own language alone.
    pub fn read(body: &[u8]) -> Self {
        let mut problem = Self {
            code: String::new(),
            message: String::new(),
        };
        let mut body = Body(body);
        while let Some([field]) = body.take().filter(|field| *field != [0]) {
            let Some(text) = body.text() else { break };
            match field {
                b'C' => problem.code = text,
                b'M' => problem.message = text,
                _ => {}
            }
        }
        problem
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A server that has said all it will say, in pieces of one size.
    pub(crate) struct Said(pub(crate) Vec<u8>, pub(crate) usize);

    impl Stream for Said {
        fn write(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }

        fn read(&mut self, most: usize) -> Result<Vec<u8>> {
            let length = self.1.min(most).min(self.0.len());
            Ok(self.0.drain(..length).collect())
        }
    }

    pub(crate) fn said(bytes: Vec<u8>, size: usize) -> Talk<Said> {
        Talk::over(Said(bytes, size), 10_000, 1 << 20)
    }

    /// An error's message, as a server writes it.
    pub(crate) fn problem(code: &str, words: &str) -> Vec<u8> {
        let fields = [("S", "FATAL"), ("C", code), ("M", words)];
        let body: Vec<u8> = fields
            .iter()
            .flat_map(|(field, value)| [field.as_bytes(), &text(value)].concat())
            .chain([0])
            .collect();
        message(b'E', &body)
    }

    #[test]
    fn a_session_begins_with_who_we_are() {
        let bytes = startup("u", "d\0x");
        assert_eq!(bytes[..8], [0, 0, 0, bytes.len() as u8, 0, 3, 0, 0]);
        assert!(bytes[8..].starts_with(b"user\0u\0database\0dx\0application_name\0probity\0"));
        assert!(bytes.ends_with(b"UTF8\0\0"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"R\0\0\0\x03",
            b"E\xff\xff\xff\xff",
            b"\0\0\0\0\x08",
            b"R\0\x01\x01\0",
        ] {
            let failure = receive(&mut said(bytes.to_vec(), 3)).expect_err("it is none");
            assert_eq!(
                failure.message(),
                "it does not speak PostgreSQL's protocol",
                "{bytes:?}"
            );
        }
        let failure = receive(&mut said(b"R\0\0\0\x09ab".to_vec(), 3)).expect_err("it is cut off");
        assert_eq!(
            failure.message(),
            "the other side ended in the middle of its answer"
        );
    }

    #[test]
    fn a_problem_has_a_code() {
        let message = receive(&mut said(
            problem("57P03", "the database system is starting up"),
            4,
        ))
        .expect("it is one");
        assert_eq!(message.kind, b'E');
        assert_eq!(
            Problem::read(&message.body).to_string(),
            "the database system is starting up (57P03)"
        );
        assert_eq!(Problem::read(b"Mno end").message, "");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(kind in "[A-Za-z]", body in prop::collection::vec(any::<u8>(), 0..60), size in 1..20_usize) {
            let kind = kind.as_bytes()[0];
            let read = receive(&mut said(message(kind, &body), size)).expect("it is one");
            prop_assert_eq!(read, Message { kind, body });
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = receive(&mut said(bytes.clone(), 7));
            Problem::read(&bytes);
        }
    }
}
