//! Looking the database through for damage, beside everything else and behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use super::StoreError;
use super::pace::Pace;
use super::writer::Change;
use crate::model::printable;

/// A database of up to so many bytes is looked through at once, which takes well under a second. In a larger one the events are
/// looked through step by step: a look that goes on for long keeps the log from being taken in.
pub(super) const AT_ONCE: u64 = 256 << 20;
/// Events in one step: some milliseconds.
const STEP: i64 = 20_000;
/// Steps of SQLite's machine between two looks at whether it shall end.
const STEPS: i32 = 10_000;
/// How long another program may hold it up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest report of damage that is passed on, in bytes.
const MAX_REPORT_BYTES: usize = 200;

/// Looks every page of every table through that can be reached: as a whole up to `at_once` bytes. Gives whether it came to the
/// end before `stop`. Blocks for as long as that takes, and stands back behind every other thread from then on.
///
/// # Errors
/// [`StoreError::Damaged`] with the first fault that was found, or why nothing could be.
pub(super) fn check(file: &Path, stop: &Arc<AtomicBool>, at_once: u64) -> Result<bool, StoreError> {
    let mut pace = Pace::begin();
    let mut look = || {
        let connection = open(file, stop)?;
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        if pages.saturating_mul(size) <= i64::try_from(at_once).unwrap_or(i64::MAX) {
            return quick_check(&connection, None);
        }
        for table in tables(&connection)? {
            let report = quick_check(&connection, Some(&table))?;
            if report.is_some() {
                return Ok(report);
            }
            pace.rest();
        }
        events(&connection, &mut pace)?;
        Ok(None)
    };
    match look() {
        Ok(None) => Ok(true),
        Ok(Some(report)) => Err(StoreError::Damaged {
            file: file.to_owned(),
            reason: printable(&report, MAX_REPORT_BYTES),
        }),
        Err(_) if stop.load(Ordering::Relaxed) => Ok(false),
        Err(error) => Err(StoreError::sqlite(file, &error)),
    }
}

fn open(file: &Path, stop: &Arc<AtomicBool>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let stop = stop.clone();
    connection.progress_handler(STEPS, Some(move || stop.load(Ordering::Relaxed)))?;
    Ok(connection)
}

/// What is wrong with a table or with all; nothing if it is well.
fn quick_check(connection: &Connection, table: Option<&str>) -> rusqlite::Result<Option<String>> {
    let sql = table.map_or_else(
        || "PRAGMA quick_check(1)".to_owned(),
        |table| format!("PRAGMA quick_check('{table}')"),
    );
    let report: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok((report != "ok").then_some(report))
}

/// All but the events.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'event'";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Reads every event, some at a time, and then each index; SQLite says where a page is none.
fn events(connection: &Connection, pace: &mut Pace) -> rusqlite::Result<()> {
    let sql = "SELECT max(sequence), sum(length(data)) FROM \
        (SELECT sequence, data FROM event NOT INDEXED WHERE sequence > ?1 ORDER BY sequence LIMIT ?2)";
    let mut statement = connection.prepare(sql)?;
    let mut after = Some(0_i64);
    while let Some(sequence) = after {
        after = statement.query_row([sequence, STEP], |row| row.get(0))?;
        pace.rest();
    }
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'event'";
    let mut statement = connection.prepare(sql)?;
    let indices = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let indices: Vec<(String, String)> = indices.collect::<rusqlite::Result<_>>()?;
    for (name, sql) in indices {
        // One of some events alone is used where the question is for those alone.
        let some = sql.find(" WHERE ").map_or("", |place| &sql[place..]);
        let sum = format!("SELECT total(sequence) FROM event INDEXED BY {name}{some}");
        let _: f64 = connection.query_row(&sum, [], |row| row.get(0))?;
        pace.rest();
    }
    Ok(())
}

/// When the database was last found whole, in seconds since the Unix epoch; 0 if it never was.
pub(super) fn last_good(connection: &Connection) -> rusqlite::Result<u64> {
    let time = connection.query_row("SELECT time FROM checked", [], |row| row.get::<_, i64>(0));
    Ok(u64::try_from(time.optional()?.unwrap_or(0)).unwrap_or(0))
}

/// It was found whole at this time.
pub(super) struct Checked(pub(super) u64);

impl Change for Checked {
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let time = i64::try_from(self.0).unwrap_or(i64::MAX);
        let rows = transaction.execute("UPDATE checked SET time = ?1", [time])?;
        Ok(rows as u64)
    }
}
