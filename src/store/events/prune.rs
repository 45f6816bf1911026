//! What is too old, or more than there is room for, goes: the oldest first, a bounded number at once.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Transaction, params};

use super::append::EVENT_BYTES;
use super::read::last;
use crate::store::writer::Change;

/// Free pages of which this share of the file stays for what comes next: giving them back only to take them again costs twice.
const SPARE: i64 = 10;
/// Fewer free pages than these are not worth it.
const LEAST_FREE: i64 = 1_024;
/// Pages given back to the file system at once: those at the file's end have to be moved first, some microseconds each.
const PAGES_AT_ONCE: i64 = 512;

/// How many events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventBounds {
    /// What is older goes, in microseconds since the Unix epoch, by the events' own time.
    pub oldest: i64,
    /// As soon as they take more than so many bytes, what is oldest goes.
    pub bytes: u64,
    /// So many at most go with one change, so that no other waits long.
    pub at_once: usize,
}

/// What a change let go, and what there is after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventsPruned {
    /// Events that went.
    pub gone: u64,
    /// Events that are kept.
    pub rows: u64,
    /// What they take on disk, estimated by their number and the length of their texts.
    pub bytes: u64,
    /// There is more to do: the same bounds once more go on.
    pub more: bool,
}

/// One change.
pub(super) struct Prune {
    pub(super) bounds: EventBounds,
    /// Of the last time that it was applied.
    pub(super) pruned: Arc<Mutex<EventsPruned>>,
}

impl Change for Prune {
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let pruned = prune(transaction, self.bounds)?;
        let rows = pruned.gone;
        *self.pruned.lock().unwrap_or_else(PoisonError::into_inner) = pruned;
        Ok(rows)
    }
}

/// One that is to go.
struct Doomed {
    sequence: i64,
    bytes: i64,
}

fn prune(transaction: &Transaction<'_>, bounds: EventBounds) -> rusqlite::Result<EventsPruned> {
    let (rows, bytes): (i64, i64) = transaction
        .prepare_cached("SELECT rows, bytes FROM kept WHERE what = 'event'")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let doomed = doomed(transaction, bounds, bytes)?;
    let gone = doomed.len() as i64;
    let freed: i64 = doomed.iter().map(|one| one.bytes).sum();
    if gone > 0 {
        let (newest, let_go) = last(transaction)?;
        let mut remove = transaction.prepare_cached("DELETE FROM event WHERE sequence = ?1")?;
        for one in &doomed {
            remove.execute([one.sequence])?;
        }
        let highest = doomed.iter().map(|one| one.sequence).max().unwrap_or(0);
        transaction
            .prepare_cached("UPDATE event_last SET sequence = ?1, let_go = ?2")?
            .execute([newest, let_go.max(highest)])?;
        transaction
            .prepare_cached(
                "UPDATE kept SET rows = rows - ?1, bytes = bytes - ?2 WHERE what = 'event'",
            )?
            .execute([gone, freed])?;
    }
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(EventsPruned {
        gone: number(gone),
        rows: number(rows - gone),
        bytes: number(bytes - freed),
        more: shrink(transaction)? || doomed.len() >= bounds.at_once,
    })
}

/// The oldest, as far as they are too old or too much.
fn doomed(
    transaction: &Transaction<'_>,
    bounds: EventBounds,
    mut bytes: i64,
) -> rusqlite::Result<Vec<Doomed>> {
    // As what an event takes is counted when it is appended.
    let mut find = transaction.prepare_cached(
        "SELECT time, sequence, ?2 + octet_length(data) \
         + CASE typeof(id) WHEN 'text' THEN 2 * octet_length(id) ELSE 0 END \
         + coalesce(octet_length(source), 0) + 2 * coalesce(octet_length(trace), 0) \
         + 2 * coalesce(octet_length(run), 0) + 2 * coalesce(octet_length(correlation), 0) \
         FROM event INDEXED BY event_by_time ORDER BY time, sequence LIMIT ?1",
    )?;
    let most = i64::try_from(bounds.bytes).unwrap_or(i64::MAX);
    let limit = i64::try_from(bounds.at_once).unwrap_or(i64::MAX);
    let mut rows = find.query(params![limit, EVENT_BYTES])?;
    let mut doomed = Vec::new();
    while let Some(row) = rows.next()? {
        let time: i64 = row.get(0)?;
        let one = Doomed {
            sequence: row.get(1)?,
            bytes: row.get(2)?,
        };
        if time >= bounds.oldest && bytes <= most {
            break;
        }
        bytes -= one.bytes;
        doomed.push(one);
    }
    Ok(doomed)
}

/// Gives some pages back to the file system if many are free. Gives whether there are more. A database of before version 3 only
/// uses them again.
fn shrink(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let number = |name: &str| -> rusqlite::Result<i64> {
        transaction.pragma_query_value(None, name, |row| row.get(0))
    };
    // SQLite's number for INCREMENTAL.
    if number("auto_vacuum")? != 2 {
        return Ok(false);
    }
    let spare = (number("page_count")? / SPARE).max(LEAST_FREE);
    let beyond = number("freelist_count")? - spare;
    if beyond <= 0 {
        return Ok(false);
    }
    let now = beyond.min(PAGES_AT_ONCE);
    let mut statement = transaction.prepare(&format!("PRAGMA incremental_vacuum({now})"))?;
    let mut steps = statement.query([])?;
    // It gives back a page a step.
    while steps.next()?.is_some() {}
    Ok(beyond > now)
}
