//! What a client wants to hear, read from its request.

use axum::http::{HeaderMap, HeaderName};

use super::topics::TOPICS;
use super::views::{KINDS, Kind};
use crate::http::problem::Problem;
use crate::http::routes::Fields;
use crate::model::printable;
use crate::snapshot::PARTS;

/// The parameters of the stream's query.
pub(in crate::http) const PARAMETERS: [&str; 3] = ["topics", "parts", "last_event_id"];
/// Where a browser says what it was told last.
pub(in crate::http) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What those hear who do not say what they want.
const DEFAULT_TOPICS: &str = "snapshot,probes,health,operations";

/// What a client wants to hear.
#[derive(Debug, Default)]
pub(in crate::http) struct Subscription {
    /// For each of [`TOPICS`], whether it is wanted.
    pub(super) topics: [bool; TOPICS.len()],
    /// The documents that are wanted, each with its parts.
    pub(super) views: Vec<(&'static Kind, Fields)>,
    /// The id of the last event that it was told.
    pub(super) last: Option<Vec<u8>>,
}

impl Subscription {
    /// Reads the query's parameters and `Last-Event-ID`, which a browser sends when it comes back, and which counts for
    /// more than the query of the address that it opened first.
    ///
    /// # Errors
    /// 400 that names an unknown topic with the known ones, or a part that the snapshot does not have.
    pub(in crate::http) fn read(
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let values = |name: &'static str| {
            let named = query.iter().filter(move |(key, _)| key == name);
            named.map(|(_, value)| value.as_str())
        };
        let mut subscription = Self::default();
        let mut parts = values("parts").peekable();
        let parts = match parts.peek() {
            Some(_) => Some(read_parts(parts)?),
            None => None,
        };
        let mut topics: Vec<&str> = values("topics").flat_map(|list| list.split(',')).collect();
        if topics.is_empty() {
            topics.extend(DEFAULT_TOPICS.split(','));
        }
        for topic in topics {
            subscription.add(topic.trim(), parts.as_ref())?;
        }
        if parts.is_some() && !subscription.views.iter().any(|(kind, _)| kind.has_parts) {
            let detail = "`parts` chooses from the topic `snapshot`, which `topics` does not name";
            return Err(Problem::bad_request(detail).member("parameter", "parts".into()));
        }
        let header = headers.get(LAST_EVENT_ID).map(|value| value.as_bytes());
        let last = header.or(values("last_event_id").next_back().map(str::as_bytes));
        subscription.last = last.filter(|last| !last.is_empty()).map(<[u8]>::to_vec);
        Ok(subscription)
    }

    fn add(&mut self, topic: &str, parts: Option<&Fields>) -> Result<(), Problem> {
        if let Some(index) = TOPICS.iter().position(|one| one.name == topic) {
            self.topics[index] = true;
            return Ok(());
        }
        let kind = KINDS.iter().find(|one| one.topic == topic);
        let kind = kind.ok_or_else(|| unknown(topic))?;
        if !self.views.iter().any(|(known, _)| known.topic == topic) {
            let parts = parts.filter(|_| kind.has_parts).cloned();
            self.views.push((kind, parts.unwrap_or_default()));
        }
        Ok(())
    }
}

fn read_parts<'a>(lists: impl Iterator<Item = &'a str>) -> Result<Fields, Problem> {
    let of_parts = |problem: Problem| problem.member("parameter", "parts".into());
    let fields = Fields::parse(lists).map_err(of_parts)?;
    let missing = fields.names().find(|(name, _)| !PARTS.contains(name));
    match missing {
        Some((name, _)) => {
            let name = printable(name, 128);
            let detail = format!(
                "the snapshot has no `{name}` (it has: {})",
                PARTS.join(", ")
            );
            Err(of_parts(Problem::bad_request(detail)))
        }
        None => Ok(fields),
    }
}

fn unknown(topic: &str) -> Problem {
    let documents = KINDS.iter().map(|kind| kind.topic);
    let known: Vec<&str> = documents
        .chain(TOPICS.iter().map(|topic| topic.name))
        .collect();
    let topic = printable(topic, 64);
    let detail = format!(
        "there is no topic `{topic}` (there are: {})",
        known.join(", ")
    );
    Problem::bad_request(detail)
        .member("parameter", "topics".into())
        .member("topics", known.into())
}
