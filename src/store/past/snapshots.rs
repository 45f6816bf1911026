//! Snapshots on their way into the database.

use bytes::Bytes;
use rusqlite::{OptionalExtension, Transaction, params};

use super::kept::{Kept, What, snapshot_bytes};
use super::{PastBounds, PastTotals, prune};

/// A snapshot that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSnapshot {
    /// When it was published, in milliseconds since the Unix epoch.
    pub time: i64,
    /// Its number since the start of the program that made it.
    pub sequence: u64,
    /// Its document, compressed.
    pub document: Bytes,
}

/// Writes a snapshot, and lets others go. Gives the rows written.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    snapshot: &KeptSnapshot,
    bounds: PastBounds,
) -> rusqlite::Result<(u64, PastTotals)> {
    let mut kept = Kept::load(transaction, What::Snapshot)?;
    let before = transaction
        .prepare("DELETE FROM snapshot WHERE time = ?1 RETURNING bytes")?
        .query_row([snapshot.time], |row| row.get(0))
        .optional()?;
    if let Some(bytes) = before {
        kept.add(-1, -snapshot_bytes(bytes));
    }
    let bytes = snapshot.document.len() as i64;
    transaction
        .prepare("INSERT INTO snapshot (time, sequence, bytes, document) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            snapshot.time,
            i64::try_from(snapshot.sequence).unwrap_or(i64::MAX),
            bytes,
            &*snapshot.document
        ])?;
    kept.add(1, snapshot_bytes(bytes));
    prune::snapshots(transaction, bounds, &mut kept)?;
    Ok((1, kept.store(transaction)?))
}
