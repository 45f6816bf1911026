//! The write-ahead log: how long it is, and how it is taken in.
//!
//! That is long work, so the upkeep does it beside the writer, who goes on. But the log is begun anew only when all of it is in the
//! database at the moment at which a change begins, and while much is written that moment never comes: when little is left, the
//! writer takes in the rest between two changes. While a reader holds on to the log nothing is gained by trying, and to try takes the
//! longer the longer the log is: SQLite's own way of trying after each commit would have every commit wait for it.

use std::cell::Cell;

use rusqlite::Connection;

/// The log is begun anew when it has more pages than this, of 4 KiB.
pub(super) const LOG_PAGES: u64 = 4_000;

/// What a page takes in the database.
pub(super) const PAGE_BYTES: u64 = 4_096;

thread_local! {
    /// Pages in the log after this thread's last commit.
    static PAGES: Cell<u64> = const { Cell::new(0) };
}

/// What a pass found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    /// Pages in the log when it began.
    pub(super) pages: u64,
    /// So many of them are in the database now.
    pub(super) done: u64,
}

impl Pass {
    /// Whether a reader holds on to some of them.
    pub(super) fn is_held(self) -> bool {
        self.done < self.pages
    }
}

/// Has whoever commits with this connection know how long the log is, and takes nothing in for it.
pub(super) fn watch(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        PAGES.set(pages.unsigned_abs().into());
        Ok(())
    }));
}

/// Pages in the log after the calling thread's last commit.
pub(super) fn pages() -> u64 {
    PAGES.get()
}

/// Takes in what no reader holds on to, while others write. Where somebody else is at it, there is nothing to do.
///
/// # Errors
/// What SQLite says.
pub(super) fn take_in(connection: &Connection) -> rusqlite::Result<Pass> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        // They are -1 where nothing could be done.
        let [pages, done] =
            [row.get(1)?, row.get(2)?].map(|pages: i64| pages.max(0).unsigned_abs());
        Ok(Pass { pages, done })
    })
}
