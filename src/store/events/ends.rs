//! Which end of a run belongs to which of its beginnings: an id may be used again.

use rusqlite::{OptionalExtension, Row, ToSql};

use super::pool::Pooled;
use super::read::one;
use super::row::COLUMNS;
use crate::model::KeptEvent;

// Kinds stand here as the schema has them, for its index is one of ends alone.

/// A run's newest end.
pub(super) fn newest(pooled: &mut Pooled, run: &str) -> rusqlite::Result<Option<KeptEvent>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM event INDEXED BY event_by_run_end WHERE run = ?1 AND kind = 2 \
         ORDER BY time DESC, sequence DESC LIMIT 1"
    );
    one(pooled, &sql, &[&run])
}

/// The end of what was begun here: the newest of those after it and before the run was begun anew; where there is none, the
/// newest that is earlier by its own clock and was told later.
pub(super) fn of(pooled: &mut Pooled, started: &KeptEvent) -> rusqlite::Result<Option<KeptEvent>> {
    let Some(run) = started.event.run.as_deref() else {
        return Ok(None);
    };
    let (time, sequence) = (started.event.time, started.sequence);
    let first = "SELECT time, sequence FROM event INDEXED BY event_by_run_end WHERE run = ?1 AND kind = 2 \
                 AND (time, sequence) > (?2, ?3) ORDER BY time, sequence LIMIT 1";
    let Some((first, place)) = place(pooled, first, &[&run, &time, &sequence])? else {
        return early(pooled, started, run, i64::MAX);
    };
    // Begun anew before that end, it may have had one of its own.
    let next = "SELECT time, sequence FROM event INDEXED BY event_by_run WHERE run = ?1 AND kind = 1 \
                AND time >= ?2 AND (time, sequence) < (?3, ?4) AND sequence > ?5 AND sequence < ?4 \
                ORDER BY time, sequence LIMIT 1";
    let next = self::place(pooled, next, &[&run, &time, &first, &place, &sequence])?;
    if let Some((_, next)) = next
        && let Some(end) = early(pooled, started, run, next)?
    {
        return Ok(Some(end));
    }
    let newest = newest(pooled, run)?;
    if newest.as_ref().is_some_and(|end| end.sequence == place) {
        return Ok(newest);
    }
    // Of what was begun anew, all that lies between is looked at: little, where one run follows on the other.
    let anew = "SELECT time, sequence FROM event INDEXED BY event_by_run WHERE run = ?1 AND kind = 1 \
                AND time >= ?2 AND sequence > ?3 ORDER BY time, sequence LIMIT 1";
    let Some((until, anew)) = self::place(pooled, anew, &[&run, &first, &place])? else {
        return Ok(newest);
    };
    let last = format!(
        "SELECT {COLUMNS} FROM event INDEXED BY event_by_run_end WHERE run = ?1 AND kind = 2 \
         AND time >= ?2 AND (time, sequence) < (?3, ?4) AND sequence < ?4 \
         ORDER BY time DESC, sequence DESC LIMIT 1"
    );
    one(pooled, &last, &[&run, &first, &until, &anew])
}

/// The newest end that is earlier than a beginning by its own clock, and was told later than it and before the place `until`.
fn early(
    pooled: &mut Pooled,
    started: &KeptEvent,
    run: &str,
    until: i64,
) -> rusqlite::Result<Option<KeptEvent>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM event INDEXED BY event_by_run_end WHERE run = ?1 AND kind = 2 \
         AND time <= ?2 AND sequence > ?3 AND sequence < ?4 ORDER BY time DESC, sequence DESC LIMIT 1"
    );
    let (time, sequence) = (started.event.time, started.sequence);
    one(pooled, &sql, &[&run, &time, &sequence, &until])
}

/// The time and the place of the first event that a statement gives.
fn place(
    pooled: &Pooled,
    sql: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Option<(i64, i64)>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut statement = pooled.connection.prepare_cached(sql)?;
    statement.query_row(values, read).optional()
}
