//! Addresses of names, as the resolver gave them.

use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Role, Tape};

/// One lookup and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameAnswer {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<IpAddr>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Tape {
    /// The addresses of a name: off the tape, or from the resolver.
    ///
    /// # Errors
    /// What the resolver says, or said.
    pub(in crate::probe) fn resolve(
        &self,
        name: &str,
        live: impl FnOnce() -> io::Result<Vec<IpAddr>>,
    ) -> io::Result<Vec<IpAddr>> {
        let Some(deck) = self.deck() else {
            return live();
        };
        if deck.role == Role::Replaying {
            let found = deck.with_run(|run| {
                let is_it = |one: &NameAnswer| one.name == name;
                run.names.next_or_last(is_it).cloned()
            });
            let Some(answer) = found.flatten() else {
                let missed = deck.miss(&format!("the addresses of {name}"));
                return Err(io::Error::other(missed.message));
            };
            return match answer.error {
                Some(error) => Err(io::Error::other(error)),
                None => Ok(answer.addresses),
            };
        }
        let found = live();
        let answer = NameAnswer {
            name: name.to_owned(),
            addresses: found.as_ref().cloned().unwrap_or_default(),
            error: found.as_ref().err().map(ToString::to_string),
        };
        let bytes = name.len() + 16 * answer.addresses.len();
        deck.record(bytes, name, |run| run.names.push(answer));
        found
    }
}
