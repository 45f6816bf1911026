//! What is replaced is never without its log, however far replacing it comes.
#![allow(clippy::unwrap_used)]

use super::*;

/// A database that was not closed, in WAL mode: its row stands in the log alone.
fn unclosed(folder: &Path) {
    let place = folder.join(FILE);
    let aside = tempfile::tempdir().unwrap();
    let file = aside.path().join(FILE);
    let connection = Connection::open(&file).unwrap();
    connection
        .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (n); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (7)",
        )
        .unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(beside(&file, suffix), beside(&place, suffix)).unwrap();
    }
}

/// A whole database, as one that is restored.
fn another(file: &Path) {
    let connection = Connection::open(file).unwrap();
    connection
        .execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (8)")
        .unwrap();
}

fn row(database: &Path) -> i64 {
    let connection = Connection::open(database).unwrap();
    connection
        .query_row("SELECT n FROM t", [], |row| row.get(0))
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_that_is_replaced_is_one_file_with_its_log_in_it() {
    let folder = tempfile::tempdir().unwrap();
    unclosed(folder.path());
    let vacancy = Vacancy::take(folder.path(), true).unwrap();
    another(&vacancy.aside());
    let replaced = vacancy.fill().unwrap().unwrap();
    assert_eq!(names(&replaced), [FILE]);
    assert_eq!(row(&replaced.join(FILE)), 7);
    assert_eq!(row(&folder.path().join(FILE)), 8);
    assert_eq!(names(folder.path()), [FILE, LOCK_FILE, "replaced-1"]);
}

#[test]
fn one_that_is_not_replaced_after_all_has_its_log_in_it_too() {
    let folder = tempfile::tempdir().unwrap();
    unclosed(folder.path());
    // As late as it can end before the other one is in its place.
    let vacancy = Vacancy::take(folder.path(), true).unwrap();
    vacancy.replaced(&folder.path().join(FILE)).unwrap();
    drop(vacancy);
    assert_eq!(row(&folder.path().join(FILE)), 7);
    assert_eq!(row(&folder.path().join("replaced-1").join(FILE)), 7);
}

#[test]
fn one_that_another_program_reads_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    unclosed(folder.path());
    let reader = Connection::open(folder.path().join(FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT n FROM t").unwrap();
    let vacancy = Vacancy::take(folder.path(), true).unwrap();
    another(&vacancy.aside());
    let error = vacancy.fill().unwrap_err();
    assert!(
        error.to_string().contains("another program reads it"),
        "{error}"
    );
    drop(reader);
    assert_eq!(row(&folder.path().join(FILE)), 7);
    assert_eq!(names(folder.path()), [FILE, LOCK_FILE]);
}

#[test]
fn what_is_no_database_is_kept_as_it_is_with_all_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let parts = [FILE, "probity.db-shm", "probity.db-wal"];
    for part in parts {
        fs::write(
            folder.path().join(part),
            format!("not a {part}").repeat(100),
        )
        .unwrap();
    }
    let vacancy = Vacancy::take(folder.path(), true).unwrap();
    another(&vacancy.aside());
    let replaced = vacancy.fill().unwrap().unwrap();
    assert_eq!(names(&replaced), parts);
    for part in parts {
        let kept = fs::read_to_string(replaced.join(part)).unwrap();
        assert_eq!(kept, format!("not a {part}").repeat(100));
    }
    assert_eq!(names(folder.path()), [FILE, LOCK_FILE, "replaced-1"]);
}

#[test]
fn one_whose_log_cannot_be_taken_in_takes_no_place() {
    let folder = tempfile::tempdir().unwrap();
    another(&folder.path().join(FILE));
    let vacancy = Vacancy::take(folder.path(), true).unwrap();
    let aside = vacancy.aside();
    another(&aside);
    let reader = Connection::open(&aside).unwrap();
    reader
        .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .unwrap();
    reader
        .execute_batch(
            "CREATE TABLE store_identity (epoch); INSERT INTO store_identity VALUES ('a'); \
             UPDATE t SET n = 9; BEGIN; SELECT n FROM t",
        )
        .unwrap();
    let error = vacancy.fill().unwrap_err();
    assert_eq!(error, StoreError::Busy(aside), "{error}");
    drop(reader);
    assert_eq!(row(&folder.path().join(FILE)), 8);
    assert_eq!(names(folder.path()), [FILE, LOCK_FILE]);
}
