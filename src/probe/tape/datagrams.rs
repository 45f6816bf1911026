//! UDP: the datagrams that came, each with how many had been sent before.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Deck;
use super::blob::Blob;

/// The traffic of one socket, known by where its first datagram went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct DatagramAnswer {
    /// Address and port of the first datagram sent.
    to: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::probe) came: Vec<Datagram>,
}

/// A datagram that came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct Datagram {
    /// Datagrams that had been sent by then.
    pub(in crate::probe) after: u64,
    pub(in crate::probe) from: SocketAddr,
    pub(in crate::probe) data: Blob,
}

/// Where a socket's traffic stands on a tape that is being recorded.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe) struct DatagramPlace {
    run: usize,
    index: usize,
}

impl DatagramAnswer {
    pub(super) fn shown(&self) -> String {
        format!("UDP to {}", self.to)
    }
}

impl Deck {
    /// What the tape says to a socket that begins with a datagram to `to`.
    pub(in crate::probe) fn udp_replay(&self, to: SocketAddr) -> Option<DatagramAnswer> {
        let to = to.to_string();
        let found = self.with_run(|run| run.udp.next(|one| one.to == to).cloned());
        found.flatten().or_else(|| {
            self.miss(&format!("UDP to {to}"));
            None
        })
    }

    /// A socket sends its first datagram, and is recorded.
    pub(in crate::probe) fn udp_asked(&self, to: SocketAddr) -> Option<DatagramPlace> {
        let to = to.to_string();
        let answer = DatagramAnswer {
            to: to.clone(),
            came: Vec::new(),
        };
        let (run, index) = self.record(64, &to, |run| run.udp.push(answer))?;
        Some(DatagramPlace { run, index })
    }

    /// A datagram came.
    pub(in crate::probe) fn udp_came(&self, place: DatagramPlace, datagram: Datagram) {
        if self.has_room(datagram.data.0.len() + 64, "a datagram") {
            self.with_document(|document| {
                let run = document.runs.get_mut(place.run)?;
                run.udp.at(place.index).map(|one| one.came.push(datagram))
            });
        }
    }
}
