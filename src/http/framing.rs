//! Follows where requests begin and end on a connection, to see a length and chunking given together.
//!
//! hyper settles that conflict silently in favour of chunking (RFC 9112, section 6.1, allows it) and removes the
//! length before a service sees the request; another party on the path may have settled it the other way, and
//! then requests can be smuggled. Such a request is refused, so it must be seen.

/// The longest beginning of a line that is looked at: every name and number that matters is shorter, unless somebody
/// wants it to be misread.
const KEPT: usize = 128;

/// Where on the connection the next byte is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// In a header; before its first line, empty lines are passed over.
    Head { begun: bool },
    /// In a body with this many bytes to come.
    Body(u64),
    /// In the line that gives a chunk's size.
    Size,
    /// In a chunk with this many bytes to come, its line end included.
    Chunk(u64),
    /// Behind the last chunk, until an empty line.
    Trailer,
    /// Not to be followed any more: hyper refuses what came and closes.
    Lost,
}

/// Follows one connection's incoming bytes.
#[derive(Debug)]
pub(super) struct Framing {
    at: At,
    line: Vec<u8>,
    /// The line was longer than what is kept of it.
    cut: bool,
    /// The header's length was behind that.
    unread: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    /// At the beginning of a connection.
    pub(super) fn new() -> Self {
        Self {
            at: At::Head { begun: false },
            line: Vec::new(),
            cut: false,
            unread: false,
            length: None,
            chunked: false,
        }
    }

    /// Whether all that came is whole requests.
    pub(super) fn is_between_requests(&self) -> bool {
        self.at == At::Head { begun: false } && self.line.is_empty()
    }

    /// Takes the bytes that came; true when a header among them gave both a length and a transfer encoding, or when it
    /// cannot be told any more where requests begin.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> bool {
        let mut conflict = false;
        while !bytes.is_empty() {
            match self.at {
                At::Lost => return conflict,
                At::Body(left) => {
                    let (rest, left) = skip(bytes, left);
                    bytes = rest;
                    self.at = match left {
                        0 => At::Head { begun: false },
                        _ => At::Body(left),
                    };
                }
                At::Chunk(left) => {
                    let (rest, left) = skip(bytes, left);
                    bytes = rest;
                    self.at = if left == 0 { At::Size } else { At::Chunk(left) };
                }
                At::Head { .. } | At::Size | At::Trailer => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let taken = end.unwrap_or(bytes.len());
                    let room = KEPT - self.line.len();
                    self.line.extend_from_slice(&bytes[..taken.min(room)]);
                    self.cut |= taken > room;
                    bytes = &bytes[(taken + 1).min(bytes.len())..];
                    if end.is_some() {
                        conflict |= self.end_of_line();
                        self.line.clear();
                        self.cut = false;
                    }
                }
            }
        }
        conflict
    }

    fn end_of_line(&mut self) -> bool {
        let empty = matches!(self.line.as_slice(), b"" | b"\r");
        self.at = match self.at {
            At::Head { begun: false } if empty => self.at,
            At::Head { begun: true } if empty => return self.end_of_head(),
            At::Head { .. } => {
                self.field();
                At::Head { begun: true }
            }
            // Blanks or zeros without end before the number.
            At::Size if self.cut && !self.line.iter().any(ends_size) => {
                self.at = At::Lost;
                return true;
            }
            At::Size => match chunk_size(&self.line) {
                Some(0) => At::Trailer,
                // Two more for the line end behind the data.
                Some(size) => At::Chunk(size.saturating_add(2)),
                None => At::Lost,
            },
            At::Trailer if empty => At::Head { begun: false },
            at => at,
        };
        false
    }

    fn field(&mut self) {
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = self.line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.unread |= self.cut;
            let digits = value[1..].trim_ascii();
            let number = std::str::from_utf8(digits)
                .ok()
                .and_then(|d| d.parse().ok());
            // What is no number is refused by hyper; any will do here.
            self.length = Some(number.unwrap_or(0));
        }
    }

    fn end_of_head(&mut self) -> bool {
        let (length, chunked) = (self.length.take(), std::mem::take(&mut self.chunked));
        if std::mem::take(&mut self.unread) {
            self.at = At::Lost;
            return true;
        }
        self.at = match (length, chunked) {
            (_, true) => At::Size,
            (None | Some(0), false) => At::Head { begun: false },
            (Some(length), false) => At::Body(length),
        };
        length.is_some() && chunked
    }
}

/// Leaves out up to `left` bytes; gives the rest of them, and how many are still to be left out.
fn skip(bytes: &[u8], left: u64) -> (&[u8], u64) {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (&bytes[here..], left - here as u64)
}

/// Stands behind a chunk's size.
fn ends_size(byte: &u8) -> bool {
    matches!(byte, b';' | b'\r' | b' ')
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(ends_size).next()?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds it whole, and byte by byte; both must agree.
    fn conflicts(text: &str) -> bool {
        let mut slow = Framing::new();
        let bytewise = text
            .as_bytes()
            .chunks(1)
            .fold(false, |conflict, byte| slow.feed(byte) | conflict);
        assert_eq!(Framing::new().feed(text.as_bytes()), bytewise, "{text}");
        bytewise
    }

    #[test]
    fn only_a_header_with_both_is_a_conflict() {
        let both = "POST / HTTP/1.1\r\nContent-Length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
        let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let length = both.len();
        let sized = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("{length:x};x=y\r\n{both}\r\n0\r\nTrailer: x\r\n\r\n");
        for (text, wanted) in [
            (both.to_owned(), true),
            (both.replace("\r\n", "\n"), true),
            (format!("\r\n\r\n{both}"), true),
            (format!("{get}{get}{both}"), true),
            (get.to_owned(), false),
            // The same words inside a body are no header.
            (format!("{sized}{both}{get}"), false),
            (format!("{sized}{both}{both}"), true),
            (format!("{chunked}{chunk}{get}"), false),
            (format!("{chunked}{chunk}{both}"), true),
            (format!("{chunked}zz\r\n{both}"), false),
            (format!("{get}{}", "x".repeat(1000)), false),
            // What may have been misread is a conflict, whatever follows.
            (both.replace(" 3", &format!("{}3", " ".repeat(500))), true),
            (sized.replace(": ", &format!(":{}", "0".repeat(500))), true),
            (
                sized.replace(": ", &format!(":{}", " \t".repeat(500))),
                true,
            ),
            (format!("{chunked}{}{chunk}{get}", "0".repeat(500)), true),
            (
                format!(
                    "{chunked}{}",
                    chunk.replace(";x=y", &format!(";{}", "x".repeat(500)))
                ),
                false,
            ),
            (
                format!("{}{get}", get.replace(" x", &"x".repeat(500))),
                false,
            ),
        ] {
            assert_eq!(conflicts(&text), wanted, "{text}");
        }
    }
}
