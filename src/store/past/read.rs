//! Reading what is kept, on a connection of one's own and within a time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::kept::{Kept, What};
use super::series::{read_sample, read_series};
use super::{KeptSnapshot, PastSeries, PastTotals, Sample};
use crate::store::StoreError;

/// Steps of SQLite's machine between two looks at the clock: well under a millisecond.
const STEPS: i32 = 10_000;

/// Series whose rows are looked at for the steps that they were written at, and rows of each: the first series are usually the
/// program's own, which are there as long as it runs.
const LOOKED_AT: i64 = 3;
const ROWS_LOOKED_AT: i64 = 10_000;
/// Rows at one distance in a row that show a step.
const SHOWN_BY: usize = 3;

/// Sees the past as it was when the reader was opened, whatever is written meanwhile. Every method blocks, and fails with
/// [`StoreError::Slow`] when the reader's time is over.
#[derive(Debug)]
pub struct PastReader {
    connection: Connection,
    file: PathBuf,
}

/// A snapshot without its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// When it was published, in milliseconds since the Unix epoch.
    pub time: i64,
    /// Its number since the start of the program that made it.
    pub sequence: u64,
    /// The size of its document, compressed, in bytes.
    pub bytes: u64,
}

impl PastReader {
    pub(super) fn open(file: &Path, patience: Duration) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let until = Instant::now() + patience;
        let open = || {
            let connection = Connection::open_with_flags(file, flags)?;
            connection.busy_timeout(patience)?;
            connection.progress_handler(STEPS, Some(move || Instant::now() >= until))?;
            connection.execute_batch("BEGIN")?;
            // A transaction begins with the first look.
            connection.query_row("SELECT count(*) FROM kept", [], |_| Ok(()))?;
            Ok(connection)
        };
        let connection = open().map_err(|error| StoreError::sqlite(file, &error))?;
        let file = file.to_owned();
        Ok(Self { connection, file })
    }

    /// The series that `is_meant` takes, of one name or of all, in order of names and labels. Those beyond `most` are left out.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn series(
        &self,
        name: Option<&str>,
        most: usize,
        is_meant: impl Fn(&PastSeries) -> bool,
    ) -> Result<Vec<(i64, PastSeries)>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT id, name, labels, kind, unit, source, cumulative FROM series \
                 WHERE ?1 IS NULL OR name = ?1 ORDER BY name, labels",
            )?;
            let mut rows = statement.query([name])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let series = read_series(row)?;
                if is_meant(&series) {
                    found.push((row.get(0)?, series));
                    if found.len() >= most {
                        break;
                    }
                }
            }
            Ok(found)
        };
        self.or_fault(read())
    }

    /// The samples of each series whose steps end from `from` until `until`, both included, in order of time. As soon as there
    /// are `most` of all series together, the rest is left out.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn samples(
        &self,
        ids: impl Iterator<Item = i64>,
        from: i64,
        until: i64,
        most: usize,
    ) -> Result<Vec<Vec<Sample>>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT time, count, average, minimum, maximum, last, early FROM sample \
                 WHERE series = ?1 AND time >= ?2 AND time <= ?3 ORDER BY time LIMIT ?4",
            )?;
            let mut left = most;
            ids.map(|id| {
                let limit = i64::try_from(left).unwrap_or(i64::MAX);
                let rows = statement.query_map(params![id, from, until, limit], read_sample)?;
                let samples = rows.collect::<rusqlite::Result<Vec<Sample>>>()?;
                left -= samples.len();
                Ok(samples)
            })
            .collect()
        };
        self.or_fault(read())
    }

    /// The longest step at which samples that are kept were written, in milliseconds; nothing where there are too few to tell.
    /// The oldest ones of a few series are looked at.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn longest_step(&self) -> Result<Option<i64>, StoreError> {
        let read = || {
            let mut series = self
                .connection
                .prepare("SELECT id FROM series ORDER BY id LIMIT ?1")?;
            let mut rows = self
                .connection
                .prepare("SELECT time FROM sample WHERE series = ?1 ORDER BY time LIMIT ?2")?;
            let mut longest = None;
            for id in series.query_map([LOOKED_AT], |row| row.get::<_, i64>(0))? {
                let times = rows.query_map([id?, ROWS_LOOKED_AT], |row| row.get(0))?;
                let times = times.collect::<rusqlite::Result<Vec<i64>>>()?;
                longest = longest.max(times.windows(SHOWN_BY).filter_map(step_of).max());
            }
            Ok(longest)
        };
        self.or_fault(read())
    }

    /// How much there is: samples, and snapshots.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn totals(&self) -> Result<[PastTotals; 2], StoreError> {
        let of = |what| Kept::load(&self.connection, what).map(|kept| kept.totals());
        let read = || Ok([of(What::Sample)?, of(What::Snapshot)?]);
        self.or_fault(read())
    }

    /// The snapshots from `from` on and before `until`, the newest first, at most so many.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn snapshots(
        &self,
        from: i64,
        until: i64,
        most: usize,
    ) -> Result<Vec<SnapshotEntry>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT time, sequence, bytes FROM snapshot \
                 WHERE time >= ?1 AND time < ?2 ORDER BY time DESC LIMIT ?3",
            )?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![from, until, most], |row| {
                Ok(SnapshotEntry {
                    time: row.get(0)?,
                    sequence: unsigned(row.get(1)?),
                    bytes: unsigned(row.get(2)?),
                })
            })?;
            rows.collect()
        };
        self.or_fault(read())
    }

    /// The newest snapshot that is not younger than `time`; nothing if there is none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn snapshot_at(&self, time: i64) -> Result<Option<KeptSnapshot>, StoreError> {
        let sql = "SELECT time, sequence, document FROM snapshot WHERE time <= ?1 ORDER BY time DESC LIMIT 1";
        let read = self.connection.query_row(sql, [time], |row| {
            let document: Vec<u8> = row.get(2)?;
            Ok(KeptSnapshot {
                time: row.get(0)?,
                sequence: unsigned(row.get(1)?),
                document: Bytes::from(document),
            })
        });
        self.or_fault(read.optional())
    }

    fn or_fault<T>(&self, read: rusqlite::Result<T>) -> Result<T, StoreError> {
        read.map_err(|error| StoreError::sqlite(&self.file, &error))
    }
}

/// The step that rows one after the other show: each ends at a multiple of it. Gaps are hardly ever so.
fn step_of(times: &[i64]) -> Option<i64> {
    let step = times[1] - times[0];
    let regular = times.windows(2).all(|pair| pair[1] - pair[0] == step);
    (regular && times[0].rem_euclid(step) == 0).then_some(step)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
