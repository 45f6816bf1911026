//! A connection on which a server cannot hold up the run: what it sends is bounded in time, in bytes and in pieces.

use probity_sdk::net::{Deadline, TcpStream};
use probity_sdk::{Failure, Result};

use crate::Address;

/// Pieces that all servers of one run may answer in together. Each costs about ten calls to the host, of the 10,000 that a run has
/// (`limits.host_calls`); the rest is for metrics and checks.
const PIECES: u32 = 700;
/// The fewest pieces that a server may answer in.
const FEWEST_PIECES: u32 = 12;
/// Bytes asked for at once.
const PORTION: usize = 16 * 1024;

/// What a talk needs of a connection.
pub trait Stream {
    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// When it breaks off or its time is up.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// What has arrived, at least one byte and at most `most`; empty when the other side has ended.
    ///
    /// # Errors
    /// As [`Stream::write`].
    fn read(&mut self, most: usize) -> Result<Vec<u8>>;
}

impl Stream for (TcpStream, Deadline) {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes, &self.1)
    }

    fn read(&mut self, most: usize) -> Result<Vec<u8>> {
        self.0.read(most, &self.1)
    }
}

/// A connection with what has arrived on it and was not taken yet.
pub struct Talk<S> {
    stream: S,
    arrived: Vec<u8>,
    taken: usize,
    pieces: u32,
    bytes: usize,
}

impl Talk<(TcpStream, Deadline)> {
    /// Connects to `to`, one of `targets` servers that are visited in a run. `bytes`: the most that it may send.
    ///
    /// # Errors
    /// `denied` when host and port are not granted, with the line that grants them; `unavailable` when nothing answers.
    pub fn connect(
        to: &Address,
        targets: usize,
        bytes: usize,
        deadline: &Deadline,
    ) -> Result<Self> {
        let stream = TcpStream::connect(&to.host, to.port, deadline).map_err(|failure| match failure.is_denied() {
            true => Failure::denied(format!("{to} is not granted: add `grant = {{ tcp = [\"{to}\"] }}` to this probe's section")),
            false => failure,
        })?;
        let targets = u32::try_from(targets.max(1)).unwrap_or(u32::MAX);
        Ok(Self::over(
            (stream, *deadline),
            (PIECES / targets).max(FEWEST_PIECES),
            bytes,
        ))
    }
}

impl<S: Stream> Talk<S> {
    /// A talk over any stream, in at most `pieces` and `bytes`.
    pub fn over(stream: S, pieces: u32, bytes: usize) -> Self {
        Self {
            stream,
            arrived: Vec::new(),
            taken: 0,
            pieces,
            bytes,
        }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// When the connection breaks off or its time is up.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write(bytes)
    }

    /// What has arrived and was not taken.
    pub fn arrived(&self) -> &[u8] {
        self.arrived.get(self.taken..).unwrap_or_default()
    }

    /// Waits for more to arrive. False when the other side has ended.
    ///
    /// # Errors
    /// When the connection breaks off, its time is up, or the answer is too long or in too many pieces.
    pub fn more(&mut self) -> Result<bool> {
        if self.bytes == 0 {
            return Err(Failure::unavailable("its answer is too long"));
        }
        if self.pieces == 0 {
            return Err(Failure::unavailable("its answer comes in too many pieces"));
        }
        self.pieces -= 1;
        let piece = self.stream.read(PORTION.min(self.bytes))?;
        self.bytes = self.bytes.saturating_sub(piece.len());
        self.arrived.drain(..self.taken);
        self.taken = 0;
        self.arrived.extend_from_slice(&piece);
        Ok(!piece.is_empty())
    }

    /// Takes exactly `length` bytes.
    ///
    /// # Errors
    /// As [`Talk::more`], also when the other side ends before.
    pub fn exact(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.arrived().len() < length {
            if !self.more()? {
                return Err(ended());
            }
        }
        let bytes = self.arrived().iter().take(length).copied().collect();
        self.taken += length;
        Ok(bytes)
    }

    /// Takes a line that ends with CR and LF, without these.
    ///
    /// # Errors
    /// As [`Talk::exact`], also when it is longer than `most` bytes.
    pub fn line(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut searched = 0_usize;
        loop {
            let arrived = self.arrived();
            // The CR may have been the last byte of the piece before.
            let from = searched.saturating_sub(1);
            let end = arrived
                .get(from..)
                .and_then(|rest| rest.windows(2).position(|pair| pair == b"\r\n"));
            match end {
                Some(end) if from + end <= most => {
                    let line = self.exact(from + end)?;
                    self.taken += 2;
                    return Ok(line);
                }
                None if arrived.len() <= most + 1 => searched = arrived.len(),
                _ => {
                    return Err(Failure::unavailable(format!(
                        "it sends a line of more than {most} bytes"
                    )));
                }
            }
            if !self.more()? {
                return Err(ended());
            }
        }
    }
}

fn ended() -> Failure {
    Failure::unavailable("the other side ended in the middle of its answer")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A server that has said all it will say, in pieces.
    struct Said(Vec<Vec<u8>>);

    impl Stream for Said {
        fn write(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }

        fn read(&mut self, most: usize) -> Result<Vec<u8>> {
            let Some(first) = self.0.first_mut() else {
                return Ok(Vec::new());
            };
            let piece: Vec<u8> = first.drain(..most.min(first.len())).collect();
            self.0.retain(|piece| !piece.is_empty());
            Ok(piece)
        }
    }

    fn talk(said: &[u8], size: usize) -> Talk<Said> {
        Talk::over(
            Said(said.chunks(size).map(<[u8]>::to_vec).collect()),
            100,
            1000,
        )
    }

    #[test]
    fn too_much_and_too_many_pieces_are_refused() {
        let mut long = Talk::over(Said(vec![vec![b'a'; 2000]]), 100, 1000);
        let failure = long.exact(1500).expect_err("it is too long");
        assert_eq!(failure.message(), "its answer is too long");
        let failure = talk(&[b'a'; 200], 1)
            .exact(150)
            .expect_err("they are too many");
        assert_eq!(failure.message(), "its answer comes in too many pieces");
        let failure = talk(b"abc", 2).exact(4).expect_err("it ends");
        assert_eq!(
            failure.message(),
            "the other side ended in the middle of its answer"
        );
    }

    #[test]
    fn a_line_has_a_longest_length() {
        assert_eq!(talk(b"12345\r\n", 1).line(5).expect("it fits"), b"12345");
        let failure = talk(b"123456\r\n", 3).line(5).expect_err("it is too long");
        assert_eq!(failure.message(), "it sends a line of more than 5 bytes");
        assert!(talk(b"12345", 1).line(5).is_err());
        assert_eq!(talk(b"\r\n", 1).line(0).expect("it fits"), b"");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            lines in prop::collection::vec(prop_oneof!["[a-c\r]{0,9}", "[a-c\n]{0,9}"], 1..5),
            size in 1..9_usize,
            tail in 0..9_usize,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let text = text + &"x".repeat(tail);
            let mut talk = talk(text.as_bytes(), size);
            for line in &lines {
                prop_assert_eq!(talk.line(9).expect("it is there"), line.as_bytes());
            }
            prop_assert_eq!(talk.exact(tail).expect("it is there").len(), tail);
            prop_assert!(talk.exact(1).is_err());
        }
    }
}
