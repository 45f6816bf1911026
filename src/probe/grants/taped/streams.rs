//! The two streams of a TCP connection that is recorded or had of a tape.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::pipe::AsyncReadStream;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

use crate::probe::tape::{Deck, TcpAnswer, TcpEnd, TcpPlace};

/// What a guest may write in one call.
const PERMIT_BYTES: usize = 64 * 1024;
/// Pieces that wait to be sent; with more the guest waits.
const WAITING_PIECES: usize = 4;
/// How long what a guest wrote before it left may take to be sent.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What both streams of a connection share.
pub(super) struct Ends {
    /// Bytes that the guest has sent.
    sent: watch::Sender<u64>,
    /// What is written goes here; nothing when no more is.
    speech: Mutex<Option<Speech>>,
    /// The guest wants to hear no more.
    deaf: AtomicBool,
}

enum Speech {
    Live(mpsc::Sender<Bytes>),
    /// How much the server took.
    Taped(Option<u64>),
}

impl Ends {
    fn new(speech: Speech) -> Arc<Self> {
        Arc::new(Self {
            sent: watch::Sender::new(0),
            speech: Mutex::new(Some(speech)),
            deaf: AtomicBool::new(false),
        })
    }

    /// Sends no more; what was written before is sent.
    pub(super) fn hush(&self) {
        *self.speech() = None;
    }

    /// Hears no more.
    pub(super) fn turn_away(&self) {
        self.deaf.store(true, Ordering::Relaxed);
    }

    fn speech(&self) -> std::sync::MutexGuard<'_, Option<Speech>> {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The streams of a connection to a server, which goes onto the tape.
pub(super) fn live(
    stream: TcpStream,
    deck: Arc<Deck>,
    place: TcpPlace,
) -> (Arc<Ends>, DynInputStream, DynOutputStream) {
    let (reader, writer) = stream.into_split();
    let (pieces, waiting) = mpsc::channel(WAITING_PIECES);
    let ends = Ends::new(Speech::Live(pieces));
    let noted = Noted {
        reader,
        deck: deck.clone(),
        place,
        sent: ends.sent.subscribe(),
    };
    let sent = ends.sent.clone();
    tokio::spawn(send(writer, waiting, sent, deck, place));
    let hearing = Hearing {
        inner: Box::new(AsyncReadStream::new(noted)),
        ends: ends.clone(),
    };
    let speaking = Speaking { ends: ends.clone() };
    (ends, Box::new(hearing), Box::new(speaking))
}

/// The streams of a connection as the tape has it.
pub(super) fn taped(
    answer: TcpAnswer,
    to: String,
    deck: Arc<Deck>,
) -> (Arc<Ends>, DynInputStream, DynOutputStream) {
    let ends = Ends::new(Speech::Taped(answer.takes));
    let parts = answer.said.into_iter();
    let played = Played {
        parts: parts
            .map(|part| (part.after, Bytes::from(part.data.0)))
            .collect(),
        end: answer.end,
        sent: ends.sent.subscribe(),
        to,
        deck,
    };
    let hearing = Hearing {
        inner: Box::new(played),
        ends: ends.clone(),
    };
    let speaking = Speaking { ends: ends.clone() };
    (ends, Box::new(hearing), Box::new(speaking))
}

/// Sends what a guest writes until it writes no more.
async fn send(
    mut writer: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Bytes>,
    sent: watch::Sender<u64>,
    deck: Arc<Deck>,
    place: TcpPlace,
) {
    while let Some(piece) = waiting.recv().await {
        let before = *sent.borrow();
        // Counted before it goes, for the answer may be there before this task has another turn.
        sent.send_modify(|sent| *sent += piece.len() as u64);
        // The guest has its other stream no more.
        let left = async {
            sent.closed().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let written = tokio::select! {
            written = writer.write_all(&piece) => written,
            () = left => return,
        };
        if written.is_err() {
            deck.at_tcp(place, |answer| answer.takes = Some(before));
            return;
        }
    }
    // Dropping it ends the guest's side of the connection.
}

/// What a server says, on its way to the guest and onto the tape.
struct Noted {
    reader: OwnedReadHalf,
    deck: Arc<Deck>,
    place: TcpPlace,
    sent: watch::Receiver<u64>,
}

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.reader).poll_read(context, buffer));
        let after = *self.sent.borrow();
        let said = &buffer.filled()[before..];
        if read.is_ok() && !said.is_empty() {
            self.deck.tcp_said(self.place, after, said);
        } else {
            let reset = read.is_err();
            let end = TcpEnd { after, reset };
            // After a failure the stream is read once more.
            self.deck.at_tcp(self.place, |answer| {
                answer.end.get_or_insert(end);
            });
        }
        Poll::Ready(read)
    }
}

/// What a server said, part by part as the guest says its own.
struct Played {
    parts: VecDeque<(u64, Bytes)>,
    end: Option<TcpEnd>,
    sent: watch::Receiver<u64>,
    to: String,
    deck: Arc<Deck>,
}

impl Played {
    /// After how much of the guest's something more comes; nothing: never.
    fn mark(&self) -> Option<u64> {
        let part = self.parts.front().map(|(after, _)| *after);
        part.or_else(|| self.end.as_ref().map(|end| end.after))
    }
}

#[async_trait]
impl Pollable for Played {
    async fn ready(&mut self) {
        match self.mark() {
            // The sender is in what this stream's own end holds.
            Some(mark) => {
                let _ = self.sent.wait_for(|sent| *sent >= mark).await;
            }
            None => std::future::pending().await,
        }
    }
}

#[async_trait]
impl InputStream for Played {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.mark().is_none_or(|mark| *self.sent.borrow() < mark) {
            return Ok(Bytes::new());
        }
        if let Some((_, part)) = self.parts.front_mut() {
            let piece = part.split_to(size.min(part.len()));
            if part.is_empty() {
                self.parts.pop_front();
            }
            return Ok(piece);
        }
        match &self.end {
            Some(end) if end.reset => {
                let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                Err(StreamError::LastOperationFailed(reset.into()))
            }
            _ => Err(StreamError::Closed),
        }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let sent = *self.sent.borrow();
        if let Some(mark) = self.mark().filter(|mark| *mark > sent) {
            self.deck.remark(format!(
                "! TCP to {}: {sent} bytes were sent, and the recorded answer came after {mark}",
                self.to
            ));
        }
    }
}

/// A guest's end of what the server says.
struct Hearing {
    inner: DynInputStream,
    ends: Arc<Ends>,
}

#[async_trait]
impl Pollable for Hearing {
    async fn ready(&mut self) {
        if !self.ends.deaf.load(Ordering::Relaxed) {
            self.inner.ready().await;
        }
    }
}

#[async_trait]
impl InputStream for Hearing {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.ends.deaf.load(Ordering::Relaxed) {
            return Err(StreamError::Closed);
        }
        self.inner.read(size)
    }
}

/// A guest's end of what it says itself.
struct Speaking {
    ends: Arc<Ends>,
}

#[async_trait]
impl Pollable for Speaking {
    async fn ready(&mut self) {
        let pieces = match &*self.ends.speech() {
            Some(Speech::Live(pieces)) => pieces.clone(),
            Some(Speech::Taped(_)) | None => return,
        };
        // It fails when no more is sent, which the guest hears from its next call.
        let _ = pieces.reserve().await;
    }
}

#[async_trait]
impl OutputStream for Speaking {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match &*self.ends.speech() {
            None => Err(StreamError::Closed),
            Some(Speech::Live(pieces)) => match pieces.try_send(bytes) {
                Ok(()) => Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(StreamError::Closed),
                Err(mpsc::error::TrySendError::Full(_)) => {
                    let unpermitted = "it may not write now";
                    Err(StreamError::Trap(wasmtime::Error::msg(unpermitted)))
                }
            },
            Some(Speech::Taped(takes)) => {
                let sent = *self.ends.sent.borrow() + bytes.len() as u64;
                if takes.is_some_and(|takes| sent > takes) {
                    return Err(StreamError::Closed);
                }
                self.ends.sent.send_replace(sent);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        // What is written is on its way.
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match &*self.ends.speech() {
            None => Err(StreamError::Closed),
            Some(Speech::Live(pieces)) if pieces.is_closed() => Err(StreamError::Closed),
            Some(Speech::Live(pieces)) if pieces.capacity() == 0 => Ok(0),
            Some(Speech::Live(_) | Speech::Taped(_)) => Ok(PERMIT_BYTES),
        }
    }
}
