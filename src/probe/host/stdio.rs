//! A guest's standard output and error: kept in a small tail, for the last words before a trap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::transcript::Transcript;
use crate::model::{ByteSize, printable};

/// How much of it goes into a failure's message.
const MESSAGE_BYTES: usize = 512;
/// What a guest may write in one call.
const PERMIT_BYTES: usize = 64 * 1024;

/// The last bytes a guest wrote; clones share them. Writing never waits and never fails.
#[derive(Clone)]
pub(in crate::probe) struct OutputTail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    /// How much is kept.
    limit: usize,
    /// Where else it goes, for somebody who listens.
    copy: Option<Box<OutputTail>>,
}

impl OutputTail {
    /// A tail of at most `limit` bytes.
    pub(in crate::probe) fn new(limit: ByteSize) -> Self {
        Self {
            bytes: Arc::default(),
            limit: usize::try_from(limit.0).unwrap_or(usize::MAX),
            copy: None,
        }
    }

    /// What is written goes to `listener` too.
    pub(in crate::probe) fn heard_by(self, listener: Option<&Transcript>) -> Self {
        Self {
            copy: listener.map(|listener| Box::new(listener.output().clone())),
            ..self
        }
    }

    fn push(&self, bytes: &[u8]) {
        if let Some(copy) = &self.copy {
            copy.push(bytes);
        }
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        let mut tail = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = (tail.len() + bytes.len()).saturating_sub(self.limit);
        tail.drain(..excess);
        tail.extend(bytes);
    }

    fn drain(&self) -> Vec<u8> {
        let mut tail = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        tail.drain(..).collect()
    }

    /// What was written since the last call, as printable lines.
    pub(super) fn take_lines(&self) -> String {
        let bytes = self.drain();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.trim_end().lines();
        lines
            .map(|line| printable(line, self.limit) + "\n")
            .collect()
    }

    /// What was written since the last call, as one printable line; nothing if nothing was.
    pub(in crate::probe) fn take(&self) -> Option<String> {
        let bytes = self.drain();
        let last = &bytes[bytes.len().saturating_sub(MESSAGE_BYTES)..];
        let text = printable(String::from_utf8_lossy(last).trim(), MESSAGE_BYTES);
        (!text.is_empty()).then_some(text)
    }
}

impl IsTerminal for OutputTail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for OutputTail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for OutputTail {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for OutputTail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_words_are_kept_and_only_once() {
        let tail = OutputTail::new(ByteSize::kib(1));
        tail.push(&[b'x'; 3 * 1024]);
        tail.push(b"panicked\n");
        assert_eq!(tail.bytes.lock().expect("nobody else has it").len(), 1024);
        let text = tail.take().expect("something was written");
        assert!(
            text.ends_with("xpanicked") && text.len() <= MESSAGE_BYTES,
            "{text}"
        );
        assert_eq!(tail.take(), None);
    }
}
