//! Events that a guest told, with what the host said to each.

use serde::{Deserialize, Serialize};

use super::blob::Blob;
use super::{Role, Tape};
use crate::model::{Event, Failure};

/// One event and the host's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventAnswer {
    kind: String,
    body: Blob,
    /// Why it was refused, a code and a message; nothing: it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<(String, String)>,
}

impl Tape {
    /// What the host says to an event: what the tape has, which knows kinds that were declared where it was recorded, and
    /// else what `live` says.
    ///
    /// # Errors
    /// Why it is refused, or was.
    pub(in crate::probe) fn event(
        &self,
        kind: &str,
        body: &str,
        live: impl FnOnce() -> Result<Option<Event>, Failure>,
    ) -> Result<Option<Event>, Failure> {
        let Some(deck) = self.deck() else {
            return live();
        };
        if deck.role == Role::Replaying {
            let is_it = |one: &EventAnswer| one.kind == kind && one.body.0 == body.as_bytes();
            let found = deck.with_run(|run| run.events.next_or_last(is_it).cloned());
            return match found.flatten().map(|answer| answer.error) {
                // Nobody keeps it.
                Some(None) => Ok(None),
                Some(Some((code, message))) => Err(Failure::new(code, message)),
                None => live(),
            };
        }
        let said = live();
        let refused = said.as_ref().err();
        let answer = EventAnswer {
            kind: kind.to_owned(),
            body: Blob(body.as_bytes().to_vec()),
            error: refused.map(|failure| (failure.code.clone(), failure.message.clone())),
        };
        let refusal = refused.map_or(0, |failure| failure.message.len());
        deck.record(kind.len() + body.len() + refusal, kind, |run| {
            run.events.push(answer)
        });
        said
    }
}
