//! Opening the database: whose it is, whether it is whole, and making a new one.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::schema::{APPLICATION_ID, MIGRATIONS, VERSION};
use super::{StoreError, log};

/// How long another program that looks into the database, a shell for example, may hold up a commit.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// What is left of the write-ahead log after a checkpoint, bytes.
pub(super) const LOG_BYTES: u64 = 16 << 20;
/// Pages that a connection that writes keeps, in KiB, as SQLite counts it. With fewer, what a large transaction changes is
/// written twice.
const CACHE_KIB: i64 = 16 << 10;
/// Statements that it keeps prepared.
const STATEMENTS: usize = 64;

/// SQLite's file format, chapter 1.3: the header's length, how it begins, and where two numbers stand in it.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// Opens the database, brings its schema up to date and looks whether it is whole. The folder's lock is held.
///
/// # Errors
/// Why it is refused. It is left as it is then.
pub(super) fn open(file: &Path) -> Result<Connection, StoreError> {
    if !is_there(file)? {
        create(file)?;
    }
    let mut connection = connect(file)?;
    let failed = |error: rusqlite::Error| StoreError::sqlite(file, &error);
    // Once more, for a migration may still be in the write-ahead log.
    let found = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    not_newer(file, found)?;
    migrate(file, &mut connection)?;
    whole(file, &connection)?;
    name(file, &connection)?;
    Ok(connection)
}

/// Gives the database a word that tells it from others, if it has none yet.
fn name(file: &Path, connection: &Connection) -> Result<(), StoreError> {
    let sql = "INSERT INTO store_identity SELECT lower(hex(randomblob(4))) \
               WHERE NOT EXISTS (SELECT * FROM store_identity)";
    let named = connection.execute(sql, []);
    named
        .map(drop)
        .map_err(|error| StoreError::sqlite(file, &error))
}

/// The word that tells the database from others.
pub(super) fn epoch(connection: &Connection) -> rusqlite::Result<Box<str>> {
    let sql = "SELECT epoch FROM store_identity";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Makes a database at rest that is about to take another one's place forget what it was told apart by: it goes on from where it was
/// copied, and what was committed after that in the one before has the same places as what comes now.
///
/// # Errors
/// What SQLite says.
pub(super) fn forget(file: &Path) -> Result<(), StoreError> {
    let connection = connect(file)?;
    let failed = |error: rusqlite::Error| StoreError::sqlite(file, &error);
    let is_there = connection
        .table_exists(None, "store_identity")
        .map_err(failed)?;
    if is_there {
        connection
            .execute("DELETE FROM store_identity", [])
            .map_err(failed)?;
    }
    close(connection, file)?;
    File::open(file)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::io(file, &error))
}

/// Opens the database anew after the disk failed, and takes its log in. Until that is done, what stands in the log may be known to the
/// kernel's memory alone, and what is written behind it would be lost with it.
///
/// # Errors
/// Why it cannot be; [`StoreError::Busy`] while a reader holds on to the log.
pub(super) fn again(file: &Path) -> Result<Connection, StoreError> {
    let connection = connect(file)?;
    take_log_in(&connection, file)?;
    Ok(connection)
}

/// Moves all of the write-ahead log into the file.
///
/// # Errors
/// [`StoreError::Busy`] while a reader holds on to the log; what SQLite says.
fn take_log_in(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let held: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|error| StoreError::sqlite(file, &error))?;
    if held {
        return Err(StoreError::Busy(file.to_owned()));
    }
    Ok(())
}

/// Closes a database that is about to be renamed, with its log in it. SQLite takes the log in by itself when it closes, but does not
/// say when that failed, and what is renamed without its log has lost what stood there.
///
/// # Errors
/// As [`take_log_in`]; [`StoreError::Failed`] when there is a log all the same.
fn close(connection: Connection, file: &Path) -> Result<(), StoreError> {
    take_log_in(&connection, file)?;
    connection
        .close()
        .map_err(|(_, error)| StoreError::sqlite(file, &error))?;
    if is_unclean(file) {
        return Err(StoreError::Failed {
            path: file.to_owned(),
            reason: "its log is still beside it".to_owned(),
        });
    }
    Ok(())
}

/// Whether somebody did not close the database: then its log is still there.
pub(super) fn is_unclean(file: &Path) -> bool {
    fs::metadata(beside(file, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Whether there is a database, judged by its header alone, before SQLite may touch it.
pub(super) fn is_there(file: &Path) -> Result<bool, StoreError> {
    let failed = |error: std::io::Error| StoreError::io(file, &error);
    let length = match fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.is_file() => {
            let reason = "not a regular file".to_owned();
            let path = file.to_owned();
            return Err(StoreError::Failed { path, reason });
        }
        Ok(metadata) => metadata.len(),
    };
    if length == 0 {
        return Err(StoreError::Empty(file.to_owned()));
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    File::open(file)
        .and_then(|opened| opened.take(HEADER_BYTES as u64).read_to_end(&mut header))
        .map_err(failed)?;
    let begins_well = MAGIC.len().min(header.len());
    if header[..begins_well] != MAGIC[..begins_well] {
        return Err(StoreError::Garbage(file.to_owned()));
    }
    if header.len() < HEADER_BYTES {
        return Err(StoreError::Damaged {
            file: file.to_owned(),
            reason: format!("it ends after {length} bytes, within its header"),
        });
    }
    let found = number(&header, APPLICATION_ID_AT);
    if found != APPLICATION_ID {
        let file = file.to_owned();
        return Err(StoreError::Foreign { file, found });
    }
    not_newer(file, i64::from(number(&header, USER_VERSION_AT)))?;
    Ok(true)
}

fn number(header: &[u8], at: usize) -> u32 {
    header[at..at + 4]
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

pub(super) fn not_newer(file: &Path, found: i64) -> Result<(), StoreError> {
    if found <= VERSION {
        return Ok(());
    }
    Err(StoreError::Newer {
        file: file.to_owned(),
        found,
        known: VERSION,
    })
}

/// Makes a whole database aside and renames it, so that a kill at any moment leaves either none or a whole one: an empty
/// file in its place is never the program's own doing.
fn create(file: &Path) -> Result<(), StoreError> {
    let aside = beside(file, ".new");
    let failed = |error: std::io::Error| StoreError::io(file, &error);
    for left in [
        aside.clone(),
        beside(&aside, "-wal"),
        beside(&aside, "-shm"),
    ] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io(&left, &error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    // SQLite gives its own files the mode of this one.
    let made = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed)?;
    let mut connection = connect_to(&aside, true)?;
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(|error| StoreError::sqlite(&aside, &error))?;
    migrate(&aside, &mut connection)?;
    close(connection, &aside)?;
    made.sync_all().map_err(failed)?;
    fs::rename(&aside, file).map_err(failed)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

/// The same path with something after its last name.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The path as a URI (RFC 3986) that tells SQLite to read the file alone, without locks.
pub(super) fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// A connection that writes: a commit is on disk when it returns.
pub(super) fn connect(file: &Path) -> Result<Connection, StoreError> {
    connect_to(file, false)
}

fn connect_to(file: &Path, new: bool) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || {
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        // Where the file may not be written, SQLite opens it for reading and says nothing.
        let read_only = connection.is_readonly(MAIN_DB)?;
        if !read_only {
            if new {
                // Its file shall shrink when much was let go. Of one that is there already it cannot be changed.
                connection.pragma_update(None, "auto_vacuum", "incremental")?;
            }
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "cell_size_check", true)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            log::watch(&connection);
            let left = LOG_BYTES as i64;
            connection.pragma_update_and_check(None, "journal_size_limit", left, |_| Ok(()))?;
        }
        Ok((connection, read_only))
    };
    match set_up() {
        Ok((connection, false)) => Ok(connection),
        Ok((_, true)) => Err(StoreError::ReadOnly {
            path: file.to_owned(),
            reason: "this user may only read it".to_owned(),
        }),
        Err(error) => Err(StoreError::sqlite(file, &error)),
    }
}

fn migrate(file: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    use rusqlite_migration::Error;
    MIGRATIONS
        .to_latest(connection)
        .map_err(|error| match &error {
            Error::RusqliteError { err, .. } => StoreError::sqlite(file, err),
            _ => StoreError::Damaged {
                file: file.to_owned(),
                reason: error.to_string(),
            },
        })
}

/// Reads the probes' state through; it is small. Larger tables are not read at a start, which would have to wait for it.
fn whole(file: &Path, connection: &Connection) -> Result<(), StoreError> {
    let said: String = connection
        .query_row("PRAGMA quick_check('probe_state')", [], |row| row.get(0))
        .map_err(|error| StoreError::sqlite(file, &error))?;
    if said == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged {
        file: file.to_owned(),
        reason: crate::model::printable(&said, 200),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri_with_everything_odd_in_it_escaped() {
        assert_eq!(
            immutable(Path::new("/srv/a b?c=%.db")),
            "file:/srv/a%20b%3Fc%3D%25.db?immutable=1"
        );
    }
}
