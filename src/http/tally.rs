//! What the server counts of itself.

use super::StreamTally;
use crate::model::{Tally, TallyCounter};

/// Status codes counted by themselves: those that the routes and checks give. Others share `other`.
const CODES: [(u16, &str); 24] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (303, "303"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (421, "421"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (507, "507"),
    (0, "other"),
];

/// The server's counters. Cloning shares them.
#[derive(Debug, Clone)]
pub struct HttpTally {
    requests: Vec<(u16, TallyCounter)>,
    /// Connections accepted.
    pub(super) opened: TallyCounter,
    /// Connections ended, in whatever way.
    pub(super) closed: TallyCounter,
    /// Failed attempts to accept a connection, such as for want of descriptors.
    pub(super) accept_errors: TallyCounter,
    /// Requests that were no HTTP: answered 400 or 431 and closed before any route saw them.
    pub(super) malformed: TallyCounter,
    /// Headers that did not come in time, and idle connections.
    pub(super) header_timeouts: TallyCounter,
    /// Bodies that did not come in time.
    pub(super) body_timeouts: TallyCounter,
    /// Answers that the client did not take in time.
    pub(super) write_timeouts: TallyCounter,
    /// Connections still at work when the drain ended.
    pub(super) stragglers: TallyCounter,
    /// Handlers and connection tasks that panicked.
    pub(super) panics: TallyCounter,
    /// Bodies encoded; requests beyond them were answered from a ready one.
    pub(super) encoded: TallyCounter,
    /// Series left out of an exposition, summed over expositions encoded.
    pub(super) left_out: TallyCounter,
    /// The live stream's.
    pub stream: StreamTally,
}

impl HttpTally {
    /// Makes the counters in `tally`, so that the merge publishes them.
    pub fn new(tally: &mut Tally) -> Self {
        let requests = requests(tally);
        let stream = StreamTally::new(tally);
        let mut timeout = |phase| {
            let help = "Clients cut off, by what did not come in time.";
            tally.counter("probity_http_timeouts_total", help, Some(("phase", phase)))
        };
        let (header_timeouts, body_timeouts, write_timeouts) =
            (timeout("header"), timeout("body"), timeout("write"));
        let mut plain = |name, help| tally.counter(name, help, None);
        Self {
            requests,
            stream,
            header_timeouts,
            body_timeouts,
            write_timeouts,
            opened: plain("probity_http_connections_total", "Connections accepted."),
            closed: plain(
                "probity_http_connections_closed_total",
                "Connections ended; the difference to those accepted is open.",
            ),
            accept_errors: plain(
                "probity_http_accept_errors_total",
                "Failed attempts to accept a connection.",
            ),
            malformed: plain(
                "probity_http_malformed_total",
                "Requests that were not HTTP, refused before any route.",
            ),
            stragglers: plain(
                "probity_http_stragglers_total",
                "Connections cut off because they outlasted the drain.",
            ),
            panics: plain("probity_http_panics_total", "Handlers that panicked."),
            encoded: plain(
                "probity_http_bodies_encoded_total",
                "Bodies encoded; all other answers were ready ones.",
            ),
            left_out: plain(
                "probity_http_series_left_out_total",
                "Series that an exposition could not hold beside others of the same name.",
            ),
        }
    }

    /// Connections open now.
    pub fn open_connections(&self) -> u64 {
        // Closed is read first: read the other way round, a connection that comes and goes in
        // between would make the difference negative.
        let closed = self.closed.get();
        self.opened.get().saturating_sub(closed)
    }

    /// Bodies encoded so far.
    pub fn bodies_encoded(&self) -> u64 {
        self.encoded.get()
    }

    /// Requests answered with this status code; codes without a counter of their own are counted as 0.
    pub fn answered(&self, code: u16) -> u64 {
        self.request(code).get()
    }

    pub(super) fn request(&self, code: u16) -> &TallyCounter {
        let known = self.requests.iter().find(|(known, _)| *known == code);
        let (_, counter) = known
            .or(self.requests.last())
            .expect("the list of codes is not empty");
        counter
    }
}

fn requests(tally: &mut Tally) -> Vec<(u16, TallyCounter)> {
    let help = "Requests answered, by status code.";
    let mut counter =
        |label| tally.counter("probity_http_requests_total", help, Some(("code", label)));
    CODES
        .iter()
        .map(|(code, label)| (*code, counter(*label)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use axum::http::StatusCode;

    use super::*;

    /// The names behind `StatusCode::` in all files of a folder and below.
    fn named(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                named(&path, found);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            for rest in text.split("StatusCode::").skip(1) {
                let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
                let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
                found.insert(rest[..end].to_owned());
            }
        }
    }

    #[test]
    fn every_status_that_this_room_names_is_counted_by_itself() {
        let mut found = BTreeSet::new();
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
        named(&room, &mut found);
        // What is behind it is no status, as in `StatusCode::from_u16`.
        found.remove("");
        assert!(found.len() > 10, "{found:?}");
        let tally = HttpTally::new(&mut Tally::default());
        let name_of = |status: StatusCode| {
            let reason = status.canonical_reason().unwrap_or_default();
            reason.to_ascii_uppercase().replace([' ', '-'], "_")
        };
        let counted = tally.requests.iter().map(|(code, _)| *code);
        let counted = counted.filter_map(|code| StatusCode::from_u16(code).ok());
        let counted: BTreeSet<String> = counted.map(name_of).collect();
        let missing: Vec<_> = found.difference(&counted).collect();
        assert!(missing.is_empty(), "in `other`: {missing:?}");
    }
}
