//! A copy of the whole database while it is written, and whether a copy is whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::margin::{Copied, Margin};
use super::open::{self, BUSY_TIMEOUT, beside, immutable};
use super::schema::{APPLICATION_ID, VERSION};
use super::{FILE, Pace, StoreError};

/// Pages copied in one step, a quarter of a mebibyte: short beside a commit, which may wait for the same disk.
const STEP_PAGES: i32 = 64;
/// Bytes after which what was copied is pushed to the disk. All of it at once would hold up every other file's commit.
const PORTION: u64 = 4 << 20;
/// Steps in a row that find a lock. Nobody but us has the copy, so there should be none.
const MOST_BUSY: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Pages between two looks at who wants the check to end.
const CHECK_PAGES: i32 = 256;

/// How long work goes on: who is told of it, and may end it.
pub trait Onlooker {
    /// So many of so many steps, pages or bytes are done.
    fn reached(&mut self, done: u64, all: u64);
    /// Ends it when it is cancelled.
    fn stop(&self) -> &CancellationToken;
}

/// What is in a database at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The schema's version.
    pub schema: i64,
    /// The rows of each table, by its name.
    pub tables: BTreeMap<String, u64>,
}

/// The database of a state folder.
pub fn database(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The newest schema that this program knows.
pub const fn known_schema() -> i64 {
    VERSION
}

/// Copies the database in the state folder `from` to the file `to`, which must not be there: all of it as it is when this begins,
/// whoever writes meanwhile. Another process may have it open. Blocks, and rests between its steps. The copy is on disk
/// when this returns. It ends rather than take from those who write what `margin` leaves them.
///
/// # Errors
/// [`StoreError::Missing`] when there is none, [`StoreError::Short`], [`StoreError::Outgrown`], [`StoreError::Stopped`], or what is wrong with
/// either file. Nothing is left of the copy then.
pub fn copy(
    from: &Path,
    to: &Path,
    margin: Margin,
    pace: &mut Pace,
    onlooker: &mut dyn Onlooker,
) -> Result<(), StoreError> {
    let _copied = Copied::begin(from);
    let source = source(&database(from))?;
    let beside = Beside {
        margin,
        database: database(from),
        folder: to.with_file_name(""),
    };
    beside.look(size(&source, to)?, 0)?;
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| StoreError::io(to, &error))?;
    let copied = fill(&source, &file, to, &beside, pace, onlooker);
    // The log that grew meanwhile is taken in by whoever has the store open.
    drop(source);
    if copied.is_err() {
        remove(to);
    }
    copied
}

/// A connection that reads what is there now, and holds it: a writer goes on, and neither waits for the copy nor has it begin
/// again. The file is not opened in any other way, for closing it would take the locks of every connection of this process.
fn source(file: &Path) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::sqlite(file, &error);
    match fs::metadata(file) {
        Ok(found) if found.len() == 0 => return Err(StoreError::Empty(file.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(file.to_owned()));
        }
        Err(error) => return Err(StoreError::io(file, &error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.execute_batch("BEGIN").map_err(failed)?;
    own(file, &connection)?;
    Ok(connection)
}

/// Whether a database is this program's, and not of a later version. Its first page is read, and with that a transaction begins.
fn own(file: &Path, connection: &Connection) -> Result<i64, StoreError> {
    let pragma = |name| {
        let found = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        found.map_err(|error| StoreError::sqlite(file, &error))
    };
    let found = pragma("application_id")? as u32;
    if found != APPLICATION_ID {
        let file = file.to_owned();
        return Err(StoreError::Foreign { file, found });
    }
    let version = pragma("user_version")?;
    open::not_newer(file, version)?;
    Ok(version)
}

/// Pages that a database has, and bytes of each.
type Size = (u64, u64);

fn size(source: &Connection, to: &Path) -> Result<Size, StoreError> {
    let pragma = |name| {
        let found = source.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        found
            .map(i64::unsigned_abs)
            .map_err(|error| StoreError::sqlite(to, &error))
    };
    Ok((pragma("page_count")?, pragma("page_size")?))
}

/// What happens beside a copy.
struct Beside {
    margin: Margin,
    database: PathBuf,
    /// Where the copy goes.
    folder: PathBuf,
}

impl Beside {
    /// Whether a copy of so many pages, of which so many are written, may go on.
    fn look(&self, (pages, page): Size, done: u64) -> Result<(), StoreError> {
        let left = pages.saturating_sub(done).saturating_mul(page);
        self.margin.fits(&self.folder, left)?;
        self.margin
            .holds(&self.database, pages.saturating_mul(page))
    }
}

fn fill(
    source: &Connection,
    file: &File,
    to: &Path,
    beside: &Beside,
    pace: &mut Pace,
    onlooker: &mut dyn Onlooker,
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::sqlite(to, &error);
    let unwritten = |error: std::io::Error| StoreError::io(to, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags).map_err(failed)?;
    // Half a copy is thrown away, and what is pushed to the disk is pushed from here.
    let settings =
        "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA locking_mode = exclusive";
    copy.execute_batch(settings).map_err(failed)?;
    let size = size(source, to)?;
    let mut steps = Steps::new(Backup::new(source, &mut copy).map_err(failed)?);
    let mut pushed = 0;
    loop {
        if onlooker.stop().is_cancelled() {
            return Err(StoreError::Stopped(to.to_owned()));
        }
        let is_done = steps.step().map_err(failed)?;
        let (done, all) = steps.progress();
        if done.saturating_sub(pushed) * size.1 >= PORTION {
            file.sync_data().map_err(unwritten)?;
            pushed = done;
            beside.look(size, done)?;
        }
        onlooker.reached(done, all);
        if is_done {
            break;
        }
        // The log cannot be taken in meanwhile, and the longer it gets, the longer that takes.
        pace.breathe();
    }
    drop(steps);
    copy.close().map_err(|(_, error)| failed(error))?;
    file.sync_all().map_err(unwritten)
}

/// The copy's steps, and how often in a row one found a lock.
struct Steps<'a, 'b> {
    backup: Backup<'a, 'b>,
    busy: u32,
}

impl<'a, 'b> Steps<'a, 'b> {
    fn new(backup: Backup<'a, 'b>) -> Self {
        Self { backup, busy: 0 }
    }

    /// Whether it was the last one.
    fn step(&mut self) -> rusqlite::Result<bool> {
        match self.backup.step(STEP_PAGES)? {
            StepResult::Done => return Ok(true),
            StepResult::Busy | StepResult::Locked if self.busy >= MOST_BUSY => {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(code, None));
            }
            StepResult::Busy | StepResult::Locked => {
                self.busy += 1;
                std::thread::sleep(BUSY_PAUSE);
            }
            // More; the enum may grow.
            _ => self.busy = 0,
        }
        Ok(false)
    }

    /// Pages copied, and how many there are.
    fn progress(&self) -> (u64, u64) {
        let progress = self.backup.progress();
        let [all, left] =
            [progress.pagecount, progress.remaining].map(|pages| u64::try_from(pages).unwrap_or(0));
        (all.saturating_sub(left), all)
    }
}

/// Reads a database at rest through, which nobody writes: whether it is whole, and what is in it. Blocks, and rests where there is
/// a rhythm to do so in.
///
/// # Errors
/// [`StoreError::Damaged`] and others that say what it is instead; [`StoreError::Newer`]; [`StoreError::Stopped`].
pub fn examine(
    file: &Path,
    pace: Option<Pace>,
    stop: &CancellationToken,
) -> Result<Contents, StoreError> {
    if !open::is_there(file)? {
        return Err(StoreError::Missing(file.to_owned()));
    }
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => StoreError::Stopped(file.to_owned()),
        _ => StoreError::sqlite(file, &error),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable(file), flags).map_err(failed)?;
    let (mut pace, token) = (pace, stop.clone());
    let look = move || {
        if let Some(pace) = &mut pace {
            pace.rest();
        }
        token.is_cancelled()
    };
    connection
        .progress_handler(CHECK_PAGES, Some(look))
        .map_err(failed)?;
    let schema = own(file, &connection)?;
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if stop.is_cancelled() {
        return Err(StoreError::Stopped(file.to_owned()));
    }
    if said != "ok" {
        return Err(StoreError::Damaged {
            file: file.to_owned(),
            reason: crate::model::printable(&said, 200),
        });
    }
    let tables = tables(&connection).map_err(failed)?;
    Ok(Contents { schema, tables })
}

fn tables(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    // A virtual table's rows are in tables of its own, which are counted.
    let all = "SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let mut statement = connection.prepare(all)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let count = |name: rusqlite::Result<String>| {
        let name = name?;
        let sql = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok((name, rows.unsigned_abs()))
    };
    names.map(count).collect()
}

/// Takes away a file and what SQLite may have put beside it. One that is not there is no matter; one that stays is told.
pub(super) fn remove(file: &Path) {
    for path in ["", "-wal", "-shm", "-journal"].map(|suffix| beside(file, suffix)) {
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{} cannot be taken away: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tally;
    use crate::store::Store;

    const MARGIN: Margin = Margin {
        free: 0,
        log: 1 << 20,
    };

    /// Writes while a copy is made.
    struct Writing {
        connection: Connection,
        stop: CancellationToken,
    }

    impl Onlooker for Writing {
        fn reached(&mut self, done: u64, _: u64) {
            let sql = "INSERT OR REPLACE INTO probe_state VALUES ('copied', ?1, zeroblob(1 << 20))";
            let written = self.connection.execute(sql, [done.to_string()]);
            written.expect("it is written");
        }

        fn stop(&self) -> &CancellationToken {
            &self.stop
        }
    }

    /// A state folder whose database has so many mebibytes.
    async fn state(mebibytes: i64) -> (tempfile::TempDir, Writing) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), &mut Tally::default()).expect("it can be opened");
        store.close().await;
        let connection = Connection::open(database(folder.path())).expect("it can be opened");
        let sql = "INSERT INTO probe_state VALUES ('filler', 'x', zeroblob(?1 << 20))";
        connection.execute(sql, [mebibytes]).expect("it is written");
        let stop = CancellationToken::new();
        (folder, Writing { connection, stop })
    }

    fn copied(folder: &Path, margin: Margin, writing: &mut Writing) -> Result<(), StoreError> {
        let to = folder.join("copy");
        let copied = copy(folder, &to, margin, &mut Pace::begin(), writing);
        assert_eq!(to.exists(), copied.is_ok());
        copied
    }

    #[tokio::test]
    async fn s02_one_that_would_take_what_is_to_stay_free_is_not_begun() {
        let (folder, mut writing) = state(1).await;
        let margin = Margin {
            free: u64::MAX >> 1,
            ..MARGIN
        };
        let short = copied(folder.path(), margin, &mut writing);
        assert!(matches!(short, Err(StoreError::Short { .. })), "{short:?}");
        let rows = "SELECT count(*) FROM probe_state";
        let rows: i64 = writing
            .connection
            .query_row(rows, [], |row| row.get(0))
            .expect("it is read");
        assert_eq!(rows, 1, "no step was taken");
    }

    #[tokio::test]
    async fn one_beside_which_the_log_grows_without_end_is_ended() {
        let (folder, mut writing) = state(5).await;
        let outgrown = copied(folder.path(), MARGIN, &mut writing);
        assert!(
            matches!(outgrown, Err(StoreError::Outgrown { .. })),
            "{outgrown:?}"
        );
        let margin = Margin {
            log: 1 << 30,
            ..MARGIN
        };
        assert_eq!(copied(folder.path(), margin, &mut writing), Ok(()));
    }
}
