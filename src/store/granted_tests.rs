//! Queries on databases of other programs: what they give, what is refused, and what ends them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::store::open::beside;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// A query that has no end.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
const JOBS: &str = "CREATE TABLE jobs (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO jobs VALUES (1, 'one'), (2, 'two'), (3, 'three');
    CREATE VIEW late AS SELECT name FROM jobs WHERE id > 1;";

/// Another program's database.
struct Bench {
    databases: Databases,
    folder: tempfile::TempDir,
    file: PathBuf,
    /// Its own program's connection.
    owner: Option<Connection>,
}

impl Bench {
    fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it's 100%?.db");
        let owner = Connection::open(&file).unwrap();
        owner.execute_batch(sql).unwrap();
        Self {
            databases: Databases::default(),
            folder,
            file,
            owner: Some(owner),
        }
    }

    fn ask(&self, statement: &str) -> Result<SqlRows, QueryError> {
        self.ask_with(statement, &[], 100, 1000, PATIENCE)
    }

    fn ask_with(
        &self,
        statement: &str,
        parameters: &[SqlValue],
        rows: u32,
        bytes: u64,
        time: Duration,
    ) -> Result<SqlRows, QueryError> {
        let query = Query {
            statement: statement.into(),
            parameters: parameters.into(),
            bounds: QueryBounds { rows, bytes },
            until: Instant::now() + time,
        };
        self.databases.query(&self.file, &query, &Stop::default())
    }

    /// How many jobs there are.
    fn count(&self) -> Result<i64, QueryError> {
        match self.ask("SELECT count(*) FROM jobs")?.rows[0][0] {
            SqlValue::Integer(count) => Ok(count),
            ref other => panic!("{other:?}"),
        }
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

#[test]
fn every_class_of_value_comes_and_goes_as_it_is() {
    let bench = Bench::new("CREATE TABLE t (v)");
    let values = [
        SqlValue::Null,
        SqlValue::Integer(i64::MIN),
        SqlValue::Real(-0.5),
        SqlValue::Text("zwölf\0".into()),
        SqlValue::Blob(vec![0, 255]),
    ];
    let sql = "SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e";
    let answer = bench.ask_with(sql, &values, 1, 1000, PATIENCE).unwrap();
    assert_eq!(answer.columns, ["a", "b", "c", "d", "e"]);
    assert_eq!(answer.rows, [values]);
    assert_eq!(answer.bytes, 5 * 8);
    assert_eq!(bench.ask("SELECT v FROM t").unwrap().columns, ["v"]);
}

#[test]
fn what_describes_the_database_is_allowed() {
    let bench = Bench::new(JOBS);
    for (sql, rows) in [
        ("SELECT name FROM late", 2),
        ("PRAGMA table_info(jobs)", 2),
        ("SELECT name FROM pragma_table_info('jobs')", 2),
        ("SELECT name FROM sqlite_schema", 2),
        ("PRAGMA user_version", 1),
        ("PRAGMA quick_check", 1),
        ("SELECT value FROM json_each('[1,2,3]')", 3),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4) SELECT i FROM n",
            4,
        ),
        ("EXPLAIN QUERY PLAN SELECT * FROM jobs", 1),
    ] {
        let answer = bench
            .ask(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(answer.rows.len(), rows, "{sql}");
    }
}

#[test]
fn what_does_more_than_read_is_refused_and_changes_nothing() {
    let mut bench = Bench::new(JOBS);
    bench.owner = None;
    let before = fs::read(&bench.file).unwrap();
    for (sql, words) in [
        (
            "INSERT INTO jobs VALUES (4, 'x') RETURNING id",
            "not allowed",
        ),
        (
            "UPDATE jobs SET name = 'x' RETURNING id",
            "writing to jobs is not allowed",
        ),
        ("DELETE FROM jobs RETURNING id", "not allowed"),
        ("CREATE TABLE u (v)", "not allowed"),
        ("CREATE TEMP TABLE u (v)", "not allowed"),
        ("DROP TABLE jobs", "not allowed"),
        ("ALTER TABLE jobs ADD COLUMN x", "not allowed"),
        (
            "ATTACH '/etc/passwd' AS other",
            "another database is not allowed",
        ),
        ("VACUUM", "no rows"),
        ("VACUUM INTO '/tmp/copy.db'", "no rows"),
        ("REINDEX", "no rows"),
        ("ANALYZE", "not allowed"),
        ("BEGIN", "a transaction is not allowed"),
        ("SAVEPOINT s", "a transaction is not allowed"),
        (
            "PRAGMA user_version = 7",
            "PRAGMA user_version with the value 7 is not allowed",
        ),
        ("PRAGMA journal_mode = wal", "not allowed"),
        ("PRAGMA query_only = 0", "not allowed"),
        ("PRAGMA writable_schema = 1", "not allowed"),
        ("PRAGMA database_list", "not allowed"),
        ("SELECT load_extension('x')", "load_extension"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT 1; DROP TABLE jobs", "not allowed"),
        ("SELECT ?1", "1 parameters, and 0 values"),
        ("SELEC 1", "syntax error"),
        ("SELECT missing FROM jobs", "no such column"),
        ("SELECT 1\0", "NUL"),
        ("", "no rows"),
        ("-- nothing", "no rows"),
    ] {
        let error = bench.ask(sql).expect_err(sql);
        assert!(
            matches!(error, QueryError::Statement(_)),
            "{sql}: {error:?}"
        );
        assert!(error.to_string().contains(words), "{sql}: {error}");
    }
    let deep = format!("SELECT {}1{}", "(1+".repeat(300), ")".repeat(300));
    assert!(matches!(bench.ask(&deep), Err(QueryError::Statement(_))));
    let long = format!("SELECT 1 -- {}", "x".repeat(MAX_STATEMENT_BYTES));
    assert!(matches!(bench.ask(&long), Err(QueryError::Statement(_))));
    assert_eq!(fs::read(&bench.file).unwrap(), before);
    assert_eq!(bench.files().len(), 1);
}

#[test]
fn an_answer_may_be_as_large_as_its_bounds_and_no_larger() {
    let bench = Bench::new(JOBS);
    let ask = |sql, rows, bytes| bench.ask_with(sql, &[], rows, bytes, PATIENCE);
    assert_eq!(ask("SELECT id FROM jobs", 3, 24).unwrap().rows.len(), 3);
    let error = ask("SELECT id FROM jobs", 2, 24).unwrap_err();
    assert_eq!(error, QueryError::TooManyRows(2));
    let error = ask("SELECT id FROM jobs", 3, 23).unwrap_err();
    assert_eq!(error, QueryError::TooManyBytes(23));
    assert_eq!(ask("SELECT zeroblob(1000)", 1, 1000).unwrap().bytes, 1000);
    let error = ask("SELECT zeroblob(1001)", 1, 1000).unwrap_err();
    assert_eq!(error, QueryError::TooManyBytes(1000));
    // SQLite makes none of it.
    let error = ask("SELECT length(zeroblob(2000000000))", 1, 1000).unwrap_err();
    assert!(error.to_string().contains("too big"), "{error}");
}

#[test]
fn a_long_query_ends_when_its_time_is_up() {
    let numbers = "CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n";
    let bench = Bench::new(numbers);
    let sorting = "SELECT a.i FROM n a, n b, n c ORDER BY random()";
    for sql in [ENDLESS, sorting, "SELECT count(*) FROM n a, n b, n c"] {
        let (began, time) = (Instant::now(), Duration::from_millis(100));
        let error = bench.ask_with(sql, &[], 1, 1000, time).unwrap_err();
        assert_eq!(error, QueryError::Interrupted, "{sql}");
        let took = began.elapsed();
        assert!(took >= time && took < PATIENCE, "{sql}: {took:?}");
    }
}

#[test]
fn a_query_that_nobody_waits_for_ends_from_another_thread() {
    let bench = Bench::new(JOBS);
    let query = Query {
        statement: ENDLESS.into(),
        parameters: Vec::new(),
        bounds: QueryBounds { rows: 1, bytes: 8 },
        until: Instant::now() + PATIENCE,
    };
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| bench.databases.query(&bench.file, &query, &stop));
        // Before it begins or after: both end it.
        stop.now();
        assert_eq!(asked.join().unwrap(), Err(QueryError::Interrupted));
    });
    assert!(Instant::now() < query.until);
}

#[test]
fn a_program_that_writes_makes_it_busy_and_then_it_is_read() {
    let bench = Bench::new(JOBS);
    let owner = bench.owner.as_ref().unwrap();
    owner.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = bench.count().unwrap_err();
    assert!(
        matches!(&error, QueryError::Busy(why) if why.contains("locked")),
        "{error:?}"
    );
    owner.execute_batch("COMMIT").unwrap();
    assert_eq!(bench.count(), Ok(3));
}

#[test]
fn a_log_that_is_in_use_is_read_with_what_was_committed_last() {
    let bench = Bench::new("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;");
    let owner = bench.owner.as_ref().unwrap();
    owner.execute_batch(JOBS).unwrap();
    assert_eq!(bench.count(), Ok(3));
    // Neither waits for the other.
    owner
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM jobs WHERE id = 1")
        .unwrap();
    assert_eq!(bench.count(), Ok(3));
    owner.execute_batch("COMMIT").unwrap();
    assert_eq!(bench.count(), Ok(2));
}

#[test]
fn a_database_whose_log_is_closed_is_read_and_no_file_is_made_beside_it() {
    let mut bench = Bench::new("PRAGMA journal_mode = wal;");
    let owner = bench.owner.take().unwrap();
    owner.execute_batch(JOBS).unwrap();
    owner.close().unwrap();
    assert_eq!(bench.files().len(), 1);
    assert_eq!(bench.count(), Ok(3));
    assert_eq!(bench.files().len(), 1);
    // Its program comes back.
    let owner = Connection::open(&bench.file).unwrap();
    owner
        .execute_batch("DELETE FROM jobs WHERE id = 1")
        .unwrap();
    assert_eq!(bench.count(), Ok(2));
}

#[test]
fn a_database_that_changes_while_it_is_read_without_a_lock_is_asked_for_again() {
    let mut bench = Bench::new("PRAGMA journal_mode = wal;");
    bench.owner.take().unwrap().close().unwrap();
    let opened = bench.databases.open(&bench.file).unwrap();
    assert_eq!(opened.assert_unchanged(), Ok(()));
    let owner = Connection::open(&bench.file).unwrap();
    owner.execute_batch(JOBS).unwrap();
    assert!(matches!(
        opened.assert_unchanged(),
        Err(QueryError::Busy(_))
    ));
}

#[test]
fn a_log_that_was_left_behind_is_not_touched() {
    let mut bench = Bench::new("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;");
    bench.owner.as_ref().unwrap().execute_batch(JOBS).unwrap();
    let copy = bench.folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        fs::copy(beside(&bench.file, suffix), beside(&copy, suffix)).unwrap();
    }
    bench.file = copy;
    let before = bench.files();
    let error = bench.count().unwrap_err();
    assert!(error.to_string().contains("open it there once"), "{error}");
    assert_eq!(bench.files(), before);
}

#[test]
fn what_is_no_database_fails_and_says_why() {
    let mut bench = Bench::new(JOBS);
    let text = bench.folder.path().join("text");
    fs::write(
        &text,
        "not a database, but long enough to be taken for one\n".repeat(40),
    )
    .unwrap();
    let fifo = bench.folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    for (path, words) in [
        (text, "not a database"),
        (fifo, "not a regular file"),
        (bench.folder.path().to_owned(), "not a regular file"),
        ("/nowhere/at/all.db".into(), "No such file"),
    ] {
        bench.file = path;
        let error = bench.count().unwrap_err();
        assert!(matches!(error, QueryError::Failed(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn text_that_is_not_utf_8_can_be_had_as_bytes() {
    let bench = Bench::new("CREATE TABLE t (v); INSERT INTO t VALUES (CAST(x'ff' AS TEXT));");
    let error = bench.ask("SELECT v FROM t").unwrap_err();
    assert!(error.to_string().contains("column `v` of row 1"), "{error}");
    let answer = bench.ask("SELECT CAST(v AS BLOB) FROM t").unwrap();
    assert_eq!(answer.rows, [[SqlValue::Blob(vec![255])]]);
}
