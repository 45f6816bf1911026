//! What is too old, or more than there is room for, goes: the oldest first, a bounded number at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{OptionalExtension, Statement, Transaction, params};

use super::PastBounds;
use super::kept::{Kept, SAMPLE_BYTES, series_bytes, snapshot_bytes};

/// Lets samples go. One look by key finds a series' oldest; no table is gone through.
pub(super) fn samples(
    transaction: &Transaction<'_>,
    bounds: PastBounds,
    kept: &mut Kept,
) -> rusqlite::Result<()> {
    let mut pruning = Pruning::prepare(transaction)?;
    let mut oldest = oldest_of_all(transaction)?;
    let mut left = i64::try_from(bounds.at_once).unwrap_or(i64::MAX);
    let most = i64::try_from(bounds.bytes).unwrap_or(i64::MAX);
    while let Some(Reverse((time, id))) = oldest.pop() {
        let until = if time < bounds.oldest {
            bounds.oldest - 1
        } else if kept.bytes > most {
            time
        } else {
            break;
        };
        let gone = pruning.samples_until(id, until, left)?;
        kept.prune(gone, gone * SAMPLE_BYTES);
        left -= gone;
        match pruning.oldest(id)? {
            Some(time) => oldest.push(Reverse((time, id))),
            None => kept.add(0, -pruning.series(id)?),
        }
        if left <= 0 {
            break;
        }
    }
    Ok(())
}

/// Every series with its oldest sample, the oldest of all on top.
fn oldest_of_all(
    transaction: &Transaction<'_>,
) -> rusqlite::Result<BinaryHeap<Reverse<(i64, i64)>>> {
    let mut statement = transaction.prepare(
        "SELECT coalesce((SELECT min(time) FROM sample WHERE series = id), -9223372036854775808), id FROM series",
    )?;
    let all = statement.query_map([], |row| Ok(Reverse((row.get(0)?, row.get(1)?))))?;
    all.collect()
}

/// The statements, prepared once for all series.
struct Pruning<'a> {
    last_of_many: Statement<'a>,
    remove: Statement<'a>,
    oldest: Statement<'a>,
    remove_series: Statement<'a>,
}

impl<'a> Pruning<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        let prepare = |sql| transaction.prepare(sql);
        Ok(Self {
            last_of_many: prepare(
                "SELECT time FROM sample WHERE series = ?1 AND time <= ?2 ORDER BY time LIMIT 1 OFFSET ?3",
            )?,
            remove: prepare("DELETE FROM sample WHERE series = ?1 AND time <= ?2")?,
            oldest: prepare("SELECT min(time) FROM sample WHERE series = ?1")?,
            remove_series: prepare(
                "DELETE FROM series WHERE id = ?1 RETURNING octet_length(name) + octet_length(labels)",
            )?,
        })
    }

    /// Removes a series' samples up to a time, at most so many of them. Gives their number.
    fn samples_until(&mut self, id: i64, until: i64, most: i64) -> rusqlite::Result<i64> {
        let last = self
            .last_of_many
            .query_row(params![id, until, most - 1], |row| row.get(0))
            .optional()?;
        let gone = self.remove.execute(params![id, last.unwrap_or(until)])?;
        Ok(gone as i64)
    }

    fn oldest(&mut self, id: i64) -> rusqlite::Result<Option<i64>> {
        self.oldest.query_row([id], |row| row.get(0))
    }

    /// Removes a series without samples. Gives the bytes that it took.
    fn series(&mut self, id: i64) -> rusqlite::Result<i64> {
        let text: i64 = self.remove_series.query_row([id], |row| row.get(0))?;
        Ok(series_bytes(usize::try_from(text).unwrap_or(0)))
    }
}

/// Lets snapshots go.
pub(super) fn snapshots(
    transaction: &Transaction<'_>,
    bounds: PastBounds,
    kept: &mut Kept,
) -> rusqlite::Result<()> {
    let most = i64::try_from(bounds.bytes).unwrap_or(i64::MAX);
    let mut find = transaction.prepare("SELECT time, bytes FROM snapshot ORDER BY time LIMIT 1")?;
    let mut remove = transaction.prepare("DELETE FROM snapshot WHERE time = ?1")?;
    for _ in 0..bounds.at_once {
        let oldest = find.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((time, bytes)) = oldest.optional()? else {
            break;
        };
        let time: i64 = time;
        if time >= bounds.oldest && kept.bytes <= most {
            break;
        }
        remove.execute([time])?;
        kept.prune(1, snapshot_bytes(bytes));
    }
    Ok(())
}
