//! `outbox`, on databases of the test.

use std::path::PathBuf;

use probity::model::{ProbeState, Status};
use probity::snapshot::Snapshot;
use rusqlite::Connection;

use super::{judges, watching};

/// Names that would do something if they were not quoted, times in three forms, and a view that never ends.
const SCHEMA: &str = r#"
    CREATE TABLE "log""; DROP TABLE beats; --" ("it's ""started""" INTEGER, [end] INTEGER, "état" TEXT, "kind of" TEXT);
    CREATE TABLE messages (state TEXT, at TEXT, sent TEXT);
    CREATE TABLE beats (level);
    CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS level FROM n;
    CREATE TABLE odd (created TEXT, sent TEXT);
    INSERT INTO odd VALUES ('yesterday', NULL);
"#;

/// A database that its program holds open.
struct Database {
    _folder: tempfile::TempDir,
    file: PathBuf,
    owner: Connection,
}

impl Database {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.db");
        let owner = Connection::open(&file).unwrap();
        owner.execute_batch(SCHEMA).unwrap();
        Self {
            _folder: folder,
            file,
            owner,
        }
    }

    fn section(&self, config: &str) -> String {
        format!(
            "grant = {{ sqlite = {{ app = {:?} }} }}\n{config}",
            self.file
        )
    }
}

/// Seconds ago, in SQL.
fn ago(seconds: u32) -> String {
    format!("unixepoch('now') - {seconds}")
}

const LOG: &str = r#"
    [[probe.config.logs]]
    name = "log"
    database = "app"
    table = "log\"; DROP TABLE beats; --"
    started = "it's \"started\""
    finished = "end"
    status = "état"
    kind = "kind of"
    most = 2
    max_failures = { warn = 0.2 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_whatever_it_is_called() {
    let database = Database::new();
    let rows = [
        format!("({}, NULL, NULL, 'import')", ago(5000)),
        format!("({}, {}, 'ok', 'import')", ago(100), ago(90)),
        format!("({}, {}, 'ok', 'export')", ago(100), ago(80)),
        format!("({}, {}, 'Error', 'export')", ago(100), ago(70)),
        format!("({}, {}, 'ancient', 'export')", ago(90_000), ago(80_000)),
    ];
    let table = r#""log""; DROP TABLE beats; --""#;
    let insert = format!("INSERT INTO {table} VALUES {}", rows.join(", "));
    database.owner.execute_batch(&insert).unwrap();
    let watching = watching("outbox", &database.section(LOG)).await;
    let snapshot = watching.until(ProbeState::Active).await;
    let log = "log=\"log\"";
    let wanted = [
        ("outbox_in_flight", log, 1.0),
        (
            "outbox_in_flight_by_kind",
            "log=\"log\",kind=\"import\"",
            1.0,
        ),
        ("outbox_results", "log=\"log\",outcome=\"ok\"", 2.0),
        ("outbox_failures", log, 1.0),
        ("outbox_duration_mean_seconds", log, 20.0),
        ("outbox_duration_longest_seconds", log, 30.0),
    ];
    watching.shows(&wanted).await;
    let oldest = ("outbox_in_flight_oldest_seconds", log, 5000.0);
    watching.shows_about(&[oldest]).await;
    let failures = "1 of 3 results in the last 1 h failed, 33.3 %: warns from 20 %";
    let stuck = "warns from 1 h; 1 operation in flight";
    let wanted = [
        ("outbox/log.failures", Status::Warn, failures),
        ("outbox/log.stuck", Status::Warn, stuck),
    ];
    judges(&snapshot, &wanted);
    let count = "SELECT count(*) FROM beats";
    let left: rusqlite::Result<u32> = database.owner.query_row(count, [], |row| row.get(0));
    assert_eq!(left, Ok(0), "nothing was dropped");
    watching.stop().await;
}

const OUTBOXES: &str = r#"
    [[probe.config.outboxes]]
    name = "mail"
    database = "app"
    table = "messages"
    created = "at"
    sent = "sent"
    status = "state"
    dead = ["dead"]

    [[probe.config.outboxes]]
    name = "odd"
    database = "app"
    table = "odd"
    created = "created"
    sent = "sent"

    [[probe.config.counts]]
    name = "beats"
    database = "app"
    table = "beats"
    column = "level"
    most = 2
"#;

#[tokio::test(flavor = "multi_thread")]
async fn one_outbox_with_odd_times_hides_no_other() {
    let database = Database::new();
    let insert = "INSERT INTO messages VALUES ('new', datetime('now', '-10 minutes') || 'Z', NULL),
            ('dead', datetime('now', '-2 hours'), NULL),
            ('done', datetime('now'), strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-30 seconds'));
        INSERT INTO beats VALUES (1), (1), (1), ('other'), ('other'), (NULL), (2.5);";
    database.owner.execute_batch(insert).unwrap();
    let watching = watching("outbox", &database.section(OUTBOXES)).await;
    let snapshot = watching.until(ProbeState::Active).await;
    let wanted = [
        ("outbox_pending", "outbox=\"mail\"", 1.0),
        ("outbox_dead", "outbox=\"mail\"", 1.0),
        ("outbox_up", "name=\"odd\"", 0.0),
        ("outbox_rows", "count=\"beats\",value=\"1\"", 3.0),
        ("outbox_rows", "count=\"beats\",value=\"other\"", 4.0),
    ];
    watching.shows(&wanted).await;
    let ages = [
        (
            "outbox_pending_oldest_age_seconds",
            "outbox=\"mail\"",
            600.0,
        ),
        ("outbox_last_sent_age_seconds", "outbox=\"mail\"", 30.0),
    ];
    watching.shows_about(&ages).await;
    let odd = "has \"yesterday\", which is neither Unix time nor a time in the form of ISO 8601";
    let dead = "1 notification dead: warns from 1";
    let wanted = [
        ("outbox/mail.dead", Status::Warn, dead),
        ("outbox/odd", Status::Fail, odd),
    ];
    judges(&snapshot, &wanted);
    watching.stop().await;
}

const SLOW: &str = r#"
    [[probe.config.counts]]
    name = "endless"
    database = "app"
    table = "endless"
    column = "level"

    [[probe.config.counts]]
    name = "beats"
    database = "app"
    table = "beats"
    column = "level"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_takes_for_ever_hides_no_other_for_long() {
    let database = Database::new();
    let section = format!(
        "limits = {{ deadline = \"2s\" }}\n{}",
        database.section(SLOW)
    );
    let watching = watching("outbox", &section).await;
    let status = |snapshot: &Snapshot, check: &str| {
        let mut checks = snapshot.health.checks.iter();
        checks.find(|one| &*one.name == check).map(|one| one.status)
    };
    // In the first run it may come first; from then on the quick ones do.
    let snapshot = watching
        .running
        .until("the quick one is read beside it", |snapshot| {
            status(snapshot, "outbox/beats") == Some(Status::Pass)
                && status(snapshot, "outbox/endless") == Some(Status::Fail)
        })
        .await;
    let endless = ("outbox/endless", Status::Fail, "(limits.deadline)");
    judges(&snapshot, &[endless]);
    let up = [
        ("outbox_up", "name=\"endless\"", 0.0),
        ("outbox_up", "name=\"beats\"", 1.0),
    ];
    watching.shows(&up).await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_its_program_writes_a_table_is_no_failure() {
    let database = Database::new();
    database
        .owner
        .execute_batch("BEGIN EXCLUSIVE; INSERT INTO beats VALUES (1)")
        .unwrap();
    let config = SLOW.split("\n\n").nth(1).unwrap();
    let watching = watching("outbox", &database.section(config)).await;
    let snapshot = watching.until(ProbeState::Active).await;
    let locked = ("outbox/beats", Status::Warn, "database is locked");
    judges(&snapshot, &[locked]);
    database.owner.execute_batch("COMMIT").unwrap();
    let well = |snapshot: &Snapshot| {
        let mut checks = snapshot.health.checks.iter();
        checks.any(|one| &*one.name == "outbox/beats" && one.status == Status::Pass)
    };
    watching.running.until("it is read", well).await;
    watching.stop().await;
}
