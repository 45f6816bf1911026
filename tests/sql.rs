//! Guests that query databases: what is granted, what is refused, and what a query may cost.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use probity::model::{ByteSize, Failure, Outcome, ProbeState, Span};
use probity::probe::{Candidate, Config, Grants, LimitOverrides, Loaded, Probe, ProbeConfig, load};
use rusqlite::Connection;
use support::bench::{Bench, run};
use support::guest::Guest;

const SQL: &str = r#"
  (import "probity:sql/sql@0.1.0" "query" (func $sql.query (param i32 i32 i32 i32 i32 i32 i32)))
  (import "probity:sql/sql@0.1.0" "[method]rows.columns" (func $rows.columns (param i32 i32)))
  (import "probity:sql/sql@0.1.0" "[method]rows.take" (func $rows.take (param i32 i32 i32)))
  (import "probity:sql/sql@0.1.0" "[method]rows.take-json" (func $rows.take-json (param i32 i32 i32)))
  (import "probity:sql/sql@0.1.0" "[resource-drop]rows" (func $rows.drop (param i32)))
  (import "probity:host/snapshot@0.1.0" "supports" (func $supports (param i32 i32) (result i32)))
"#;

/// Runs the statement, or answers with the failure it got.
const QUERY: &str = "(call $sql.query %db %sql (i32.const 0) (i32.const 0) (i32.const 16))
    (if (i32.load8_u (i32.const 16)) (then (return (call $pass-on))))";

/// Answers with a failure that says the text at 20.
const SAY: &str =
    "(call $fail (call $failure.other (i32.load (i32.const 20)) (i32.load (i32.const 24))))";

/// Says up to a hundred rows as JSON.
const SAY_JSON: &str = "(call $rows.take-json (call $handle) (i32.const 100) (i32.const 16))";

const JOBS: &str =
    "CREATE TABLE jobs (id INTEGER PRIMARY KEY, name TEXT, cost REAL, body BLOB, big INTEGER);
    INSERT INTO jobs VALUES (1, 'one', 0.5, x'00ff', 9007199254740993), (2, NULL, 9e999, x'', -1);";
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

/// How long a test waits for a run that the machine does not hold up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Another program's database, and a host.
struct Place {
    bench: Bench,
    file: PathBuf,
    owner: Connection,
}

impl Place {
    fn new() -> Self {
        let bench = Bench::new();
        let file = bench.folder.path().join("jobs.db");
        let owner = Connection::open(&file).unwrap();
        owner.execute_batch(JOBS).unwrap();
        Self { bench, file, owner }
    }

    /// A probe that asks `jobs`, granted as that, and does `then` with the answer.
    fn probe(&self, sql: &str, then: &str, limits: LimitOverrides) -> Box<Probe> {
        let guest = asking(sql, &format!("{QUERY} {then}"));
        self.load(&guest, limits, &[("jobs", &self.file)])
    }

    fn load(&self, guest: &Guest, limits: LimitOverrides, granted: &[(&str, &Path)]) -> Box<Probe> {
        let file = self.bench.folder.path().join("guest.wasm");
        std::fs::write(&file, guest.build()).unwrap();
        let databases = granted
            .iter()
            .map(|(name, path)| ((*name).into(), (*path).into()));
        let config = ProbeConfig {
            limits,
            grant: Grants {
                sqlite: databases.collect(),
                ..Grants::default()
            },
            ..ProbeConfig::unmentioned("guest")
        };
        let candidate = Candidate {
            name: "guest".into(),
            file,
            generation: 1,
        };
        match load(&self.bench.host, &candidate, &Config::default(), &config) {
            Loaded::Fit(version) => Box::new(Probe::new(version)),
            Loaded::Rejected(_, failure) => panic!("{failure}"),
        }
    }

    /// What a probe says that asks `sql` and says its rows as JSON.
    async fn say(&self, sql: &str) -> String {
        let then = format!("{SAY_JSON} {SAY}");
        let mut probe = self.probe(sql, &then, LimitOverrides::default());
        let failure = failure(&mut probe).await;
        assert_eq!(failure.code, "other", "{failure}");
        failure.message
    }
}

fn asking(sql: &str, collect: &str) -> Guest {
    Guest::new()
        .imports(SQL)
        .text("db", "jobs")
        .text("sql", sql)
        .collect(collect)
}

async fn failure(probe: &mut Probe) -> Failure {
    match run(probe).await.outcome {
        Outcome::Failed(failure) => Failure::clone(&failure),
        other => panic!("{other:?}"),
    }
}

async fn runs_well(probe: &mut Probe) {
    let outcome = run(probe).await.outcome;
    assert!(matches!(outcome, Outcome::Ok), "{outcome:?}");
}

#[tokio::test]
async fn rows_come_as_json_with_what_json_cannot_hold_as_text() {
    let place = Place::new();
    let said = place.say("SELECT * FROM jobs ORDER BY id").await;
    let wanted = r#"[[1,"one",0.5,"AP8=","9007199254740993"],[2,null,null,"",-1]]"#;
    assert_eq!(said, wanted);
    assert_eq!(place.say("SELECT * FROM jobs WHERE id > 2").await, "[]");
}

#[tokio::test]
async fn rows_are_taken_in_portions_until_they_are_used_up_and_parameters_are_typed() {
    let place = Place::new();
    // One parameter of the variant's second case: an integer at +8. A value has 16 bytes, and a row is a list.
    let collect = "
        (i32.store8 (i32.const 512) (i32.const 1)) (i64.store (i32.const 520) (i64.const 2))
        (call $sql.query %db %sql (i32.const 512) (i32.const 1) (i32.const 16))
        (if (i32.load8_u (i32.const 16)) (then (return (call $pass-on))))
        (local.set $rows (call $handle))
        (call $rows.columns (local.get $rows) (i32.const 16))
        (if (i32.ne (i32.load (i32.const 20)) (i32.const 1)) (then unreachable))
        (call $rows.take (local.get $rows) (i32.const 1) (i32.const 16))
        (if (i32.ne (i32.load (i32.const 24)) (i32.const 1)) (then unreachable))
        ;; The list of rows at 20, its first row, its first value.
        (local.set $value (i32.load (i32.load (i32.const 20))))
        (if (i64.ne (i64.load offset=8 (local.get $value)) (i64.const 42)) (then unreachable))
        (call $rows.take (local.get $rows) (i32.const 9) (i32.const 16))
        (if (i32.ne (i32.load (i32.const 24)) (i32.const 2)) (then unreachable))
        (call $rows.take (local.get $rows) (i32.const 9) (i32.const 16))
        (if (i32.ne (i32.load (i32.const 24)) (i32.const 0)) (then unreachable))
        (call $rows.drop (local.get $rows)) (call $ok)";
    let sql = "SELECT ?1 + 40 UNION ALL SELECT 1 UNION ALL SELECT 2";
    let guest = asking(sql, "(call $body)").extra(&format!(
        "(func $body (result i32) (local $rows i32) (local $value i32) {collect})"
    ));
    let mut probe = place.load(&guest, LimitOverrides::default(), &[("jobs", &place.file)]);
    runs_well(&mut probe).await;
}

#[tokio::test]
async fn the_host_says_that_it_supports_sql() {
    let place = Place::new();
    let collect = "(if (i32.eqz (call $supports %word)) (then unreachable)) (call $ok)";
    let guest = asking("", collect).text("word", "sql");
    runs_well(&mut place.load(&guest, LimitOverrides::default(), &[])).await;
}

#[tokio::test]
async fn a_database_that_is_not_granted_is_denied_with_the_line_that_would_grant_it() {
    let place = Place::new();
    let guest = asking("SELECT 1", &format!("{QUERY} (call $ok)"));
    for granted in [&[][..], &[("other", place.file.as_path())]] {
        let mut probe = place.load(&guest, LimitOverrides::default(), granted);
        let failure = failure(&mut probe).await;
        assert_eq!(failure.code, "denied");
        let line = "grant = { sqlite = { jobs = \"/path/to/it.db\" } }";
        assert!(failure.message.contains(line), "{failure}");
        assert_eq!(probe.status().costs.rejected_calls, 1);
        assert_eq!(probe.status().denied, 1);
        let denied = probe.status().denied_attempts[0].grant.as_deref();
        assert_eq!(denied, Some(line));
    }
    let mut probe = place.load(&guest, LimitOverrides::default(), &[("jobs", &place.file)]);
    runs_well(&mut probe).await;
    assert_eq!(probe.identity().granted, ["sqlite jobs"]);
    assert!(probe.identity().asks.contains(&"SQL".to_owned()));
}

#[tokio::test]
async fn what_would_write_or_reach_further_is_refused() {
    let place = Place::new();
    let attach = format!("ATTACH '{}' AS more", place.file.display());
    for sql in [
        "DELETE FROM jobs",
        "DELETE FROM jobs RETURNING id",
        "CREATE TEMP TABLE t (v)",
        "PRAGMA journal_mode = wal",
        "BEGIN",
        "SELEC",
        &attach,
    ] {
        let mut probe = place.probe(sql, "(call $ok)", LimitOverrides::default());
        let failure = failure(&mut probe).await;
        assert_eq!(failure.code, "sql.statement", "{sql}: {failure}");
        assert_eq!(
            probe.status().state,
            ProbeState::Degraded,
            "the guest is well"
        );
    }
    assert_eq!(place.say("SELECT count(*) FROM jobs").await, "[[2]]");
}

#[tokio::test]
async fn a_database_that_is_busy_or_gone_says_so() {
    let place = Place::new();
    let mut probe = place.probe(
        "SELECT id FROM jobs",
        "(call $ok)",
        LimitOverrides::default(),
    );
    place.owner.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(failure(&mut probe).await.code, "sql.busy");
    place.owner.execute_batch("COMMIT").unwrap();
    runs_well(&mut probe).await;
    std::fs::remove_file(&place.file).unwrap();
    let failure = failure(&mut probe).await;
    assert_eq!(failure.code, "sql.failed");
    assert!(failure.message.contains("No such file"), "{failure}");
}

#[tokio::test]
async fn an_answer_has_as_many_rows_as_it_may_and_no_more() {
    let place = Place::new();
    let limits = LimitOverrides {
        query_rows: Some(2),
        ..LimitOverrides::default()
    };
    let mut obeys = place.probe("SELECT id FROM jobs", "(call $ok)", limits.clone());
    runs_well(&mut obeys).await;
    let sql = "SELECT id FROM jobs UNION ALL SELECT 3";
    let failure = failure(&mut place.probe(sql, "(call $ok)", limits)).await;
    assert_eq!(failure.code, "sql.too-large");
    let words = "more than 2 rows (limits.query_rows)";
    assert!(failure.message.contains(words), "{failure}");
}

#[tokio::test]
async fn answers_hold_as_many_bytes_together_as_they_may_and_dropping_one_makes_room() {
    let place = Place::new();
    let limits = LimitOverrides {
        query_bytes: Some(ByteSize::kib(2)),
        ..LimitOverrides::default()
    };
    let once = "SELECT zeroblob(2048)";
    runs_well(&mut place.probe(once, "(call $ok)", limits.clone())).await;
    let over = "SELECT zeroblob(2049)";
    let refused = failure(&mut place.probe(over, "(call $ok)", limits.clone())).await;
    assert_eq!(refused.code, "sql.too-large");
    assert!(refused.message.contains("limits.query_bytes"), "{refused}");

    let half = "SELECT zeroblob(1200)";
    let kept = format!("{QUERY} (call $ok)");
    let refused = failure(&mut place.probe(half, &kept, limits.clone())).await;
    let words = "more than 848 bytes, which is what is left of 2KiB besides 1200B";
    assert!(refused.message.contains(words), "{refused}");
    let dropped = format!("(call $rows.drop (call $handle)) {QUERY} (call $ok)");
    runs_well(&mut place.probe(half, &dropped, limits)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g26_a_long_query_is_interrupted_before_the_deadline_and_the_guest_lives() {
    let place = Place::new();
    let deadline = Duration::from_secs(1);
    let limits = LimitOverrides {
        deadline: Some(Span(deadline)),
        ..LimitOverrides::default()
    };
    let mut probe = place.probe(ENDLESS, "(call $ok)", limits);
    let (mut interrupted, mut late) = (0, 0);
    let test_began = Instant::now();
    while interrupted < 2 {
        let began = Instant::now();
        let failure = failure(&mut probe).await;
        match &*failure.code {
            "sql.interrupted" => {
                interrupted += 1;
                assert!(failure.message.contains("limits.deadline"), "{failure}");
            }
            // The machine held it up: its answer came too late for the guest to pass it on, or its time was up before.
            "limits.deadline" => late += 1,
            code => assert_eq!(code, "sql.busy", "{failure}"),
        }
        assert!(began.elapsed() < deadline * 10, "{:?}", began.elapsed());
        assert!(test_began.elapsed() < PATIENCE, "{failure}");
    }
    assert_eq!(probe.status().crashes, late);
    place.bench.assert_alive().await;
}

/// Probes in an endless query for as long as their deadline.
fn hogs(place: &Place, count: usize, deadline: Duration) -> tokio::task::JoinSet<Failure> {
    let limits = LimitOverrides {
        deadline: Some(Span(deadline)),
        ..LimitOverrides::default()
    };
    let mut hogs = tokio::task::JoinSet::new();
    for _ in 0..count {
        let mut probe = place.probe(ENDLESS, "(call $ok)", limits.clone());
        hogs.spawn(async move { failure(&mut probe).await });
    }
    hogs
}

/// Waits for them, and expects that they end as queries do whose time is up. How many guests were told of it in time.
async fn all_end(mut hogs: tokio::task::JoinSet<Failure>) -> usize {
    let mut interrupted = 0;
    while let Some(failure) = hogs.join_next().await {
        let failure = failure.unwrap();
        // On a machine with more to do than it can, the answer may come too late for the guest to pass it on.
        let ends = ["sql.interrupted", "sql.busy", "limits.deadline"];
        assert!(ends.contains(&&*failure.code), "{failure}");
        interrupted += usize::from(&*failure.code == ends[0]);
    }
    interrupted
}

#[tokio::test(flavor = "multi_thread")]
async fn g45_guests_that_all_wait_for_queries_hold_up_nobody() {
    let place = Place::new();
    // More of them than threads that guests or queries have: another guest runs all the same, before any of them ends.
    let mut endless = hogs(&place, 16, Duration::from_secs(20));
    place.bench.assert_alive().await;
    assert!(endless.try_join_next().is_none());
    endless.shutdown().await;
    let began = Instant::now();
    while all_end(hogs(&place, 16, Duration::from_secs(2))).await == 0 {
        assert!(began.elapsed() < PATIENCE, "no guest is told of it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn g45_so_many_queries_run_at_a_time_and_the_next_waits_for_its_turn() {
    let place = Place::new();
    let short = LimitOverrides {
        deadline: Some(Span::seconds(1)),
        ..LimitOverrides::default()
    };
    let sql = "SELECT id FROM jobs";
    let mut patient = place.probe(sql, "(call $ok)", LimitOverrides::default());
    runs_well(&mut patient).await;
    let mut probe = place.probe(sql, "(call $ok)", short);
    let mut hogs = hogs(&place, 4, Duration::from_secs(10));
    let refused = loop {
        match run(&mut probe).await.outcome {
            // It runs well until all of them have begun.
            Outcome::Ok => {}
            // The machine held it, or the thread of its query, up.
            Outcome::Failed(failure)
                if failure.code == "limits.deadline"
                    || failure.message.contains("an earlier query") => {}
            Outcome::Failed(failure) => break failure,
            other => panic!("{other:?}"),
        }
        assert!(
            hogs.try_join_next().is_none(),
            "they have all had their turn"
        );
    };
    assert_eq!(refused.code, "sql.busy");
    assert!(refused.message.contains("other probes"), "{refused}");
    all_end(hogs).await;
    runs_well(&mut patient).await;
}
