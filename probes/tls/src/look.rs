//! Getting at a chain: from a server, or from a file.

use std::time::Duration;

use probity_sdk::net::Deadline;
use probity_sdk::prelude::*;
use targets::{Stream, Talk};

use crate::judge::Chain;
use crate::settings::Server;
use crate::{Handshake, client_hello, pem, starttls};

/// The most that a server may send until its certificates are there.
const ANSWER: usize = 160 * 1024;
/// The largest file that is read.
const FILE: usize = 1024 * 1024;
/// That the client will say no more: an alert, so that the server sees an end and no fault.
const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

/// Asks a server, one of `servers` in this run.
///
/// # Errors
/// `denied` when it is not granted, `unavailable` when it shows no certificate.
pub fn server(server: &Server, servers: usize, deadline: &Deadline) -> Result<Chain> {
    let mut talk = Talk::connect(&server.address, servers, ANSWER, deadline)?;
    if let Some(protocol) = server.starttls {
        starttls::ask(protocol, &mut talk)?;
    }
    talk.send(&client_hello(server.host(), random()))?;
    let chain = read(&mut talk)?;
    // It may be gone by now, and its certificate is here.
    let _ = talk.send(&CLOSE_NOTIFY);
    Chain::parse(&chain).map_err(Failure::unavailable)
}

fn read<S: Stream>(talk: &mut Talk<S>) -> Result<Vec<Vec<u8>>> {
    let mut handshake = Handshake::default();
    loop {
        let arrived = talk.arrived().len();
        let bytes = talk.exact(arrived)?;
        let taken = handshake.take(&bytes);
        if let Some(chain) = taken.map_err(|refused| Failure::unavailable(refused.to_string()))? {
            return Ok(chain);
        }
        if !talk.more()? {
            return Err(Failure::unavailable(
                "the server ended the connection without a certificate",
            ));
        }
    }
}

/// Bytes that differ from one hello to the next. Nothing is ever encrypted with them, so they need not be hard to guess.
fn random() -> [u8; 32] {
    let mut state = run::now().to_bits() ^ u64::from(run::ordinal());
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        // A step of splitmix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        part.copy_from_slice(&(mixed ^ mixed >> 27).to_be_bytes());
    }
    bytes
}

/// Reads a file.
///
/// # Errors
/// `denied` when it is not granted, `unavailable` when there is no certificate in it.
pub fn file(path: &str) -> Result<Chain> {
    let mut reader = files::open(path)?;
    let mut bytes = Vec::new();
    loop {
        let portion = reader.portion()?;
        if portion.is_empty() {
            break;
        }
        bytes.extend(portion);
        if bytes.len() > FILE {
            return Err(Failure::unavailable(format!("{path} has more than 1 MiB")));
        }
    }
    let chain = pem::certificates(&bytes).and_then(|chain| Chain::parse(&chain));
    chain.map_err(|why| Failure::unavailable(format!("{path}: {why}")))
}

/// When a server that was asked at `asked` is to be asked again.
pub fn next(asked: Duration, every: Duration, is_well: bool) -> Duration {
    /// A server that is down is asked again sooner, so that its return is seen.
    const SOON: Duration = Duration::from_secs(30);
    asked + if is_well { every } else { every.min(SOON) }
}
