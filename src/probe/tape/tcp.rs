//! TCP conversations: what the server said, each part with how much the client had said before.

use serde::{Deserialize, Serialize};

use super::blob::Blob;
use super::scrub::Scrubber;
use super::{Deck, Role};
use crate::probe::grants::is_socket_error;

/// One connection. With neither an error nor `connected` the server never answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct TcpAnswer {
    /// Address and port.
    to: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::probe) connected: bool,
    /// The name of WASI's error with which connecting failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) error: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::probe) said: Vec<TcpPart>,
    /// How the server ended it; nothing: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) end: Option<TcpEnd>,
    /// How much the server took before it took no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::probe) takes: Option<u64>,
}

/// A part of what the server said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct TcpPart {
    /// Bytes that the client had sent by then.
    pub(in crate::probe) after: u64,
    pub(in crate::probe) data: Blob,
}

/// How a server ended a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::probe) struct TcpEnd {
    /// Bytes that the client had sent by then.
    pub(in crate::probe) after: u64,
    /// It did not close, it broke off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::probe) reset: bool,
}

/// Where a connection stands on a tape that is being recorded.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe) struct TcpPlace {
    run: usize,
    index: usize,
}

impl TcpAnswer {
    /// What is wrong in it, where somebody has edited it.
    pub(super) fn fault(&self) -> Option<String> {
        let marks = self.said.iter().map(|part| part.after);
        let marks = marks.chain(self.end.as_ref().map(|end| end.after));
        let falls = !marks.collect::<Vec<_>>().is_sorted();
        let to = &self.to;
        let unknown = self.error.as_deref().filter(|name| !is_socket_error(name));
        if let Some(name) = unknown {
            return Some(format!("{to}: `{name}` is no error code of wasi:sockets"));
        }
        falls.then(|| format!("{to}: `after` falls, and bytes that were sent stay sent"))
    }

    /// Keeps secrets out that an echo brought back, also where they come in two parts.
    pub(super) fn scrub(&mut self, scrubber: &Scrubber) {
        let mut all: Vec<u8> = self
            .said
            .iter()
            .flat_map(|part| part.data.0.clone())
            .collect();
        if scrubber.bytes(&mut all).is_some() {
            let mut rest = &all[..];
            for part in &mut self.said {
                let (piece, behind) = rest.split_at(part.data.0.len());
                part.data.0.copy_from_slice(piece);
                rest = behind;
            }
        }
    }

    pub(super) fn shown(&self) -> String {
        format!("TCP to {}", self.to)
    }
}

impl Deck {
    /// What the tape says to a connection; nothing, and a miss, when it has none.
    pub(in crate::probe) fn tcp_replay(&self, to: &str) -> Option<TcpAnswer> {
        let found = self.with_run(|run| run.tcp.next(|one| one.to == to).cloned());
        found.flatten().or_else(|| {
            self.miss(&format!("TCP to {to}"));
            None
        })
    }

    /// Whether connections are made as a tape says.
    pub(in crate::probe) fn replays(&self) -> bool {
        self.role == Role::Replaying
    }

    /// A connection is being made that is recorded.
    pub(in crate::probe) fn tcp_asked(&self, to: &str) -> Option<TcpPlace> {
        let answer = TcpAnswer {
            to: to.to_owned(),
            connected: false,
            error: None,
            said: Vec::new(),
            end: None,
            takes: None,
        };
        let (run, index) = self.record(64, to, |run| run.tcp.push(answer))?;
        Some(TcpPlace { run, index })
    }

    /// The server said something after so many bytes of the client's.
    pub(in crate::probe) fn tcp_said(&self, place: TcpPlace, after: u64, data: &[u8]) {
        if self.has_room(data.len() + 16, "what a server says over TCP") {
            let data = Blob(data.to_vec());
            self.at_tcp(place, |answer| answer.said.push(TcpPart { after, data }));
        }
    }

    /// Something else became of the connection.
    pub(in crate::probe) fn at_tcp(&self, place: TcpPlace, change: impl FnOnce(&mut TcpAnswer)) {
        self.with_document(|document| {
            let run = document.runs.get_mut(place.run)?;
            run.tcp.at(place.index).map(change)
        });
    }
}
