//! Between threads that may block and tasks that may not: bytes in parts, a few at a time.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::manifest::{Archive, checksum};

/// Parts that wait between the two. With one in the making and one on its way, that is what a backup holds in memory.
pub(super) const PARTS: usize = 2;

/// Makes parts of what is written to it, all of one size but the last.
pub(super) struct PartWriter {
    parts: mpsc::Sender<Bytes>,
    part: Vec<u8>,
    size: usize,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl PartWriter {
    pub(super) fn new(parts: mpsc::Sender<Bytes>, size: usize) -> Self {
        Self {
            parts,
            part: Vec::with_capacity(size),
            size,
            bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Hands the last part on, and gives what all of them come to.
    pub(super) fn finish(mut self) -> io::Result<Archive> {
        self.hand_on()?;
        Ok(Archive {
            bytes: self.bytes,
            checksum: checksum(&self.hasher),
        })
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(self.size));
        // Who takes them has ended, and says why.
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.parts.blocking_send(part.into()).map_err(gone)
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.size - self.part.len());
        let taken = &bytes[..taken];
        self.part.extend_from_slice(taken);
        self.hasher.update(taken);
        self.bytes += taken.len() as u64;
        if self.part.len() == self.size {
            self.hand_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads parts one after the other. They end when who sends them does, whether that had all of them or not.
pub(super) struct PartReader {
    parts: mpsc::Receiver<Bytes>,
    part: Bytes,
}

impl PartReader {
    pub(super) fn new(parts: mpsc::Receiver<Bytes>) -> Self {
        Self {
            parts,
            part: Bytes::new(),
        }
    }
}

impl Read for PartReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            match self.parts.blocking_recv() {
                Some(part) => self.part = part,
                None => return Ok(0),
            }
        }
        let taken = into.len().min(self.part.len());
        self.part.copy_to_slice(&mut into[..taken]);
        Ok(taken)
    }
}
