//! TCP, UDP and name lookup, for hosts and ports that the operator granted.
//!
//! In a unit test these are the machine's own sockets, where the test grants them, so a probe can be tested against a server of its test.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasi;
#[cfg(target_arch = "wasm32")]
mod wasi_udp;

#[cfg(not(target_arch = "wasm32"))]
use native as here;
#[cfg(target_arch = "wasm32")]
use wasi as here;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::{Failure, Result, clock, run};

/// Datagrams that are looked at for an answer. More are a flood: each costs calls to the host, and those are the whole run's.
const MOST_DATAGRAMS: usize = 64;

/// The end of an exchange: never later than the run's.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Duration,
    patience: Duration,
}

impl Deadline {
    /// In `patience` from now, or when the run ends if that is sooner.
    pub fn after(patience: Duration) -> Self {
        let patience = patience.min(run::time_left());
        Self {
            at: clock::steady() + patience,
            patience,
        }
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        self.at.saturating_sub(clock::steady())
    }

    fn passed(&self) -> Failure {
        Failure::unavailable(format!("no answer within {} ms", self.patience.as_millis()))
    }
}

/// A TCP connection.
pub struct TcpStream(here::Tcp);

impl TcpStream {
    /// Connects to the first of the host's addresses that answers.
    ///
    /// # Errors
    /// `denied` when host and port are not granted, `unavailable` when nothing answers.
    pub fn connect(host: &str, port: u16, deadline: &Deadline) -> Result<Self> {
        let mut last = Failure::unavailable(format!("{host} has no address"));
        for address in lookup(host, deadline)? {
            match here::Tcp::connect(SocketAddr::new(address, port), deadline) {
                Ok(stream) => return Ok(Self(stream)),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// `unavailable` when the connection breaks off or the deadline passes.
    pub fn write(&mut self, bytes: &[u8], deadline: &Deadline) -> Result<()> {
        self.0.write(bytes, deadline)
    }

    /// What has arrived, at least one byte and at most `most`; empty when the other side has ended.
    ///
    /// # Errors
    /// As [`TcpStream::write`].
    pub fn read(&mut self, most: usize, deadline: &Deadline) -> Result<Vec<u8>> {
        self.0.read(most, deadline)
    }

    /// Exactly `length` bytes.
    ///
    /// # Errors
    /// As [`TcpStream::write`], also when the other side ends before.
    pub fn read_exact(&mut self, length: usize, deadline: &Deadline) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let more = self.read(length - bytes.len(), deadline)?;
            if more.is_empty() {
                let words = format!(
                    "the other side ended after {} of {length} bytes",
                    bytes.len()
                );
                return Err(Failure::unavailable(words));
            }
            bytes.extend(more);
        }
        Ok(bytes)
    }
}

/// Sends one datagram and gives the first answer that `is_answer` takes for one, among the first 64 that come.
///
/// # Errors
/// `denied` when the address is not granted, `unavailable` when no answer comes in time or among those.
pub fn exchange(
    to: SocketAddr,
    datagram: &[u8],
    is_answer: impl Fn(&[u8]) -> bool,
    deadline: &Deadline,
) -> Result<Vec<u8>> {
    here::exchange(to, datagram, &is_answer, deadline)
}

/// What is said when none of the datagrams that may be looked at was an answer.
fn flooded() -> Failure {
    Failure::unavailable(format!("none of {MOST_DATAGRAMS} datagrams was an answer"))
}

/// A host's addresses, in the order in which they are to be tried; an address is its own.
///
/// # Errors
/// `denied` when no grant names the host, `unavailable` when the name is not known.
pub fn lookup(host: &str, deadline: &Deadline) -> Result<Vec<IpAddr>> {
    match host.parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) => here::lookup(host, deadline),
    }
}
