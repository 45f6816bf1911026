//! Queries to given name servers: whether and how fast they answer, and whether the answer is the expected one.
//!
//! `domain` is a name in its three forms, `record` a record and its data, `message` a query and its answer (RFC 1035), `exchange` carries
//! one to a server and back, `judge` holds the answer against what the operator expects.

mod domain;
mod exchange;
mod judge;
mod kind;
mod message;
mod probe;
mod record;
mod settings;
#[cfg(test)]
mod writing;

pub use domain::Domain;
pub use exchange::Answered;
pub use judge::{Verdict, judge};
pub use kind::{Kind, Rcode};
pub use message::{Answer, Question};
pub use probe::Dns;
pub use record::{Data, Record};
pub use settings::{Query, Settings};

use std::fmt;

/// Why a message cannot be read, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

probity_sdk::probe!(Dns);
