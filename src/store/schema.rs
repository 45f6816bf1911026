//! The database's schema: steps that only go forward. `tests/golden/schema.sql` shows where they lead.

use rusqlite_migration::{M, Migrations};

/// `Prob` in ASCII, in the header of every database of the program's own.
pub(super) const APPLICATION_ID: u32 = 0x5072_6f62;

/// A released step is never changed: a database that has taken it does not take it again.
const STEPS: &[M<'static>] = &[M::up(
    "CREATE TABLE probe_state (
    probe TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (probe, key)
) STRICT, WITHOUT ROWID;",
)];

/// All steps.
pub(super) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// The schema's version when all steps are taken, as SQLite's `user_version` has it.
pub(super) const VERSION: i64 = STEPS.len() as i64;

#[cfg(test)]
mod tests {
    #[test]
    fn the_steps_can_be_taken() {
        assert_eq!(super::MIGRATIONS.validate(), Ok(()));
    }
}
