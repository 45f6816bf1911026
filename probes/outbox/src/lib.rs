//! What applications keep in tables of SQLite: logs of operations, outboxes of notifications, and how often a column has which value.
//!
//! `settings` is what the operator wrote, `statement` builds queries in which names are quoted and values are parameters, `times` reads times in
//! whatever form they are kept, `groups` keeps the number of different values bounded; `log`, `notices` and `counts` ask for one kind of
//! table each, `judge` says what is thought of the answers.

mod counts;
mod groups;
mod judge;
mod log;
mod metrics;
mod notices;
mod probe;
mod settings;
mod statement;
mod times;

pub use groups::Groups;
pub use probe::OutboxProbe;
pub use settings::{Counts, Log, Outbox, Settings};
pub use statement::{Identifier, Statement};
pub use times::{Form, Kept};

use probity_sdk::{Result, sql};

/// Runs a statement on a database: the host's queries, or a test's.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str, &Statement) -> Result<Rows>;

/// An answer's rows.
pub(crate) type Rows = Vec<Vec<sql::Value>>;
