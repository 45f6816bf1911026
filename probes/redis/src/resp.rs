//! The protocol that Redis and its relatives speak (RESP2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>), as far as a client
//! that pings and asks for a report needs it.

use probity_sdk::{Failure, Result};
use targets::{Stream, Talk};

/// The longest line: that of an error, which may quote a command.
const LINE_BYTES: usize = 1024;
/// The longest text: a report has 5 to 20 KB.
const TEXT_BYTES: usize = 512 * 1024;

/// What a server replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A word, such as `PONG`.
    Word(String),
    /// Something went wrong: the kind in capitals, and more.
    Error(String),
    /// A number.
    Number(i64),
    /// Text; nothing when there is none.
    Text(Option<Vec<u8>>),
}

/// A command, as an array of texts.
pub fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Takes one reply.
///
/// # Errors
/// When it breaks off, or is none of those that a ping and a report can have.
pub fn reply<S: Stream>(talk: &mut Talk<S>) -> Result<Reply> {
    let line = talk.line(LINE_BYTES)?;
    let rest = || String::from_utf8_lossy(line.get(1..).unwrap_or_default()).into_owned();
    match line.first() {
        Some(b'+') => Ok(Reply::Word(rest())),
        Some(b'-') => Ok(Reply::Error(rest())),
        Some(b':') => rest().parse().map(Reply::Number).map_err(|_| foreign()),
        Some(b'$') => text(talk, &rest()),
        _ => Err(foreign()),
    }
}

fn text<S: Stream>(talk: &mut Talk<S>, length: &str) -> Result<Reply> {
    if length == "-1" {
        return Ok(Reply::Text(None));
    }
    let length: usize = length.parse().map_err(|_| foreign())?;
    if length > TEXT_BYTES {
        return Err(Failure::unavailable(format!(
            "its reply has {length} bytes: at most {TEXT_BYTES} are read"
        )));
    }
    let mut bytes = talk.exact(length + 2)?;
    match bytes.split_off(length) == b"\r\n" {
        true => Ok(Reply::Text(Some(bytes))),
        false => Err(foreign()),
    }
}

fn foreign() -> Failure {
    Failure::unavailable("it does not speak Redis's protocol")
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

    fn read(said: &[u8], size: usize) -> std::result::Result<Reply, String> {
        let mut talk = Talk::over(Said(said.to_vec(), size), 10_000, 1 << 20);
        reply(&mut talk).map_err(|failure| failure.message().into_owned())
    }

    /// A reply as a server writes it.
    fn written(reply: &Reply) -> Vec<u8> {
        match reply {
            Reply::Word(word) => format!("+{word}\r\n").into_bytes(),
            Reply::Error(error) => format!("-{error}\r\n").into_bytes(),
            Reply::Number(number) => format!(":{number}\r\n").into_bytes(),
            Reply::Text(None) => b"$-1\r\n".to_vec(),
            Reply::Text(Some(text)) => {
                [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
            }
        }
    }

    #[test]
    fn a_command_is_an_array_of_texts() {
        assert_eq!(
            command(&[b"AUTH", b"p\r\n"]),
            b"*2\r\n$4\r\nAUTH\r\n$3\r\np\r\n\r\n"
        );
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        let foreign = "it does not speak Redis's protocol";
        for (said, told) in [
            (&b"SSH-2.0-OpenSSH\r\n"[..], foreign),
            (b"\r\n", foreign),
            (b"*1\r\n+OK\r\n", foreign),
            (b":x\r\n", foreign),
            (b"$x\r\n", foreign),
            (b"$-2\r\n", foreign),
            (b"$2\r\nabcd", foreign),
            (b"$99999999999999999999\r\n", foreign),
            (
                b"$600000\r\n",
                "its reply has 600000 bytes: at most 524288 are read",
            ),
            (b"+OK", "the other side ended in the middle of its answer"),
            (
                b"$5\r\nab",
                "the other side ended in the middle of its answer",
            ),
            (&[b'+'; 2000], "it sends a line of more than 1024 bytes"),
        ] {
            assert_eq!(read(said, 7), Err(told.to_owned()), "{said:?}");
        }
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        prop_oneof![
            "[a-zA-Z ]{0,20}".prop_map(Reply::Word),
            "[A-Z]{1,9} [a-z' ]{0,40}".prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Number),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..80)).prop_map(Reply::Text),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(reply in any_reply(), size in 1..40_usize) {
            prop_assert_eq!(read(&written(&reply), size), Ok(reply));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in prop::sample::select(b"+-:$*_x".to_vec())) {
            let _ = read(&bytes, 5);
            let _ = read(&[&[kind][..], &bytes, b"\r\n", &bytes].concat(), 5);
        }
    }
}
