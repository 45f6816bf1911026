//! The database's schema: steps that only go forward. `tests/golden/schema/` shows where each of them leads.

use rusqlite_migration::{M, Migrations};

/// `Prob` in ASCII, in the header of every database of the program's own.
pub(super) const APPLICATION_ID: u32 = 0x5072_6f62;

/// A released step is never changed: a database that has taken it does not take it again.
const STEPS: &[M<'static>] = &[M::up(PROBE_STATE), M::up(PAST), M::up(EVENT)];

/// What probes keep.
const PROBE_STATE: &str = "CREATE TABLE probe_state (
    probe TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (probe, key)
) STRICT, WITHOUT ROWID;";

/// What is kept of the past. Times are in milliseconds since the Unix epoch; a sample has the end of its step, and `early`
/// is how long before that its last value was. A number that is
/// none is NULL. `kept` says how many rows there are, and what they take.
const PAST: &str = "CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    source TEXT NOT NULL,
    cumulative INTEGER NOT NULL,
    UNIQUE (name, labels)
) STRICT;
CREATE TABLE sample (
    series INTEGER NOT NULL,
    time INTEGER NOT NULL,
    count INTEGER NOT NULL,
    average REAL,
    minimum REAL,
    maximum REAL,
    last REAL,
    early INTEGER NOT NULL,
    PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshot (
    time INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    document BLOB NOT NULL
) STRICT;
CREATE TABLE kept (
    what TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO kept VALUES ('sample', 0, 0), ('snapshot', 0, 0);";

/// Events, in the order in which they were committed. Times are in microseconds since the Unix epoch. An id that is a UUID takes
/// its 16 bytes, any other its text. `outcome` is its place in the model's list, from 0. Of all outcomes together only those that
/// went wrong are worth an index. An index ends with the row's key, so each gives its events in order of time and sequence. `trace` is a
/// `traceparent`, in which the trace id is the 32 characters from the fourth on.
/// `event_last` has the last sequence that was given when something was let go, and the highest that was let go. `kept` has a
/// row for events, too. `store_identity` has a word that tells this database from all others, and from itself before a restore; no row
/// until it is opened. `checked` says when the database was last found whole, in seconds.
const EVENT: &str = "CREATE TABLE event_kind (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO event_kind VALUES (1, 'run.started'), (2, 'run.finished');
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    id ANY NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    time INTEGER NOT NULL,
    source TEXT,
    run TEXT,
    correlation TEXT,
    trace TEXT,
    outcome INTEGER,
    data TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_by_id ON event (id);
CREATE INDEX event_by_time ON event (time);
CREATE INDEX event_by_kind ON event (kind, outcome, time);
CREATE INDEX event_by_run ON event (run, time) WHERE run IS NOT NULL;
CREATE INDEX event_by_run_end ON event (run, time) WHERE kind = 2;
CREATE INDEX event_by_correlation ON event (correlation, time) WHERE correlation IS NOT NULL;
CREATE INDEX event_by_trace ON event (substr(trace, 4, 32), time) WHERE trace IS NOT NULL;
CREATE INDEX event_by_outcome ON event (outcome, time) WHERE outcome > 0;
CREATE TABLE event_last (
    sequence INTEGER NOT NULL,
    let_go INTEGER NOT NULL
) STRICT;
INSERT INTO event_last VALUES (0, 0);
INSERT INTO kept VALUES ('event', 0, 0);
CREATE TABLE checked (
    time INTEGER NOT NULL
) STRICT;
INSERT INTO checked VALUES (0);
CREATE TABLE store_identity (
    epoch TEXT NOT NULL
) STRICT;";

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
