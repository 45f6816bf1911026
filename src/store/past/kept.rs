//! How much there is: counted with each change, in the same transaction.

use rusqlite::{Connection, Transaction, params};

use super::PastTotals;

/// What a sample takes on disk, in bytes: a thousand series of random numbers at a step of 5 minutes, written step by step, were
/// 64 bytes a row after a day and 62 after four. Days in which each new row lets an old one go do not add to it. Whole numbers
/// take less.
pub(super) const SAMPLE_BYTES: i64 = 64;

/// What a series takes beside its name and labels, which stand in the table and in its index: 20,000 of them, with 70 bytes of
/// text each, were 199 bytes a row.
const SERIES_BYTES: i64 = 60;

/// What a snapshot takes beside its document, mostly the rest of its last page: 2,000 of them with 3 to 30 KB each were 760 to
/// 1,110 bytes more.
const SNAPSHOT_BYTES: i64 = 1_024;

/// One of the two things that are kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// Samples, and the series that they belong to.
    Sample,
    /// Snapshots.
    Snapshot,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Snapshot => "snapshot",
        }
    }
}

/// The size of a series whose name and labels have so many bytes together.
pub(super) fn series_bytes(text: usize) -> i64 {
    SERIES_BYTES + 2 * text as i64
}

/// The size of a snapshot whose document has so many bytes.
pub(super) fn snapshot_bytes(document: i64) -> i64 {
    SNAPSHOT_BYTES + document
}

/// How much there is of one thing while a change is made.
#[derive(Debug)]
pub(super) struct Kept {
    what: What,
    /// How many rows there are.
    pub(super) rows: i64,
    /// How many bytes those take.
    pub(super) bytes: i64,
    /// Rows that went with this change.
    pub(super) pruned: i64,
}

impl Kept {
    /// As it was before the change.
    pub(super) fn load(connection: &Connection, what: What) -> rusqlite::Result<Self> {
        let sql = "SELECT rows, bytes FROM kept WHERE what = ?1";
        connection.query_row(sql, [what.as_str()], |row| {
            Ok(Self {
                what,
                rows: row.get(0)?,
                bytes: row.get(1)?,
                pruned: 0,
            })
        })
    }

    /// So many rows more.
    pub(super) fn add(&mut self, rows: i64, bytes: i64) {
        self.rows += rows;
        self.bytes += bytes;
    }

    /// So many rows were let go.
    pub(super) fn prune(&mut self, rows: i64, bytes: i64) {
        self.add(-rows, -bytes);
        self.pruned += rows;
    }

    /// Writes down how it is after the change.
    pub(super) fn store(&self, transaction: &Transaction<'_>) -> rusqlite::Result<PastTotals> {
        let sql = "UPDATE kept SET rows = ?2, bytes = ?3 WHERE what = ?1";
        transaction
            .prepare(sql)?
            .execute(params![self.what.as_str(), self.rows, self.bytes])?;
        Ok(self.totals())
    }

    /// The same for others.
    pub(super) fn totals(&self) -> PastTotals {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        PastTotals {
            rows: number(self.rows),
            bytes: number(self.bytes),
            pruned: number(self.pruned),
        }
    }
}
