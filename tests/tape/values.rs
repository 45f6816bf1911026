//! What a guest asks of the host itself: databases, state, the snapshot; and what it writes.

use probity::probe::{ProbeConfig, Tape, TapeDocument};
use rusqlite::Connection;

use crate::scene::{built, record, replay, run, section, try_load};
use crate::support::bench::{GAUGE, SET_ONE};
use crate::support::guest::Guest;

const IMPORTS: &str = r#"
  (import "probity:sql/sql@0.1.0" "query" (func $sql.query (param i32 i32 i32 i32 i32 i32 i32)))
  (import "probity:sql/sql@0.1.0" "[method]rows.take-json" (func $rows.take-json (param i32 i32 i32)))
  (import "probity:host/snapshot@0.1.0" "json" (func $json (param i32 i32 i32)))
  (import "probity:host/snapshot@0.1.0" "hostname" (func $hostname (param i32)))
  (import "probity:host/snapshot@0.1.0" "host-version" (func $host-version (param i32)))
"#;

/// Answers with a failure that says the rows of a query as JSON.
const SAY_ROWS: &str = "(call $sql.query %db %sql (i32.const 0) (i32.const 0) (i32.const 16))
    (if (i32.load8_u (i32.const 16)) (then (return (call $pass-on))))
    (call $rows.take-json (call $handle) (i32.const 100) (i32.const 16))
    (call $fail (call $failure.other (i32.load (i32.const 20)) (i32.load (i32.const 24))))";

fn asking(sql: &str) -> Guest {
    Guest::new()
        .imports(IMPORTS)
        .text("db", "jobs")
        .text("sql", sql)
        .text("name", "value")
        .text("help", "Help.")
        .text("empty", "")
}

/// A database, and the section that grants it.
fn database(folder: &tempfile::TempDir) -> ProbeConfig {
    let file = folder.path().join("jobs.db");
    let jobs = "CREATE TABLE jobs (id INTEGER, name TEXT, cost REAL, body BLOB);
        INSERT INTO jobs VALUES (1, 'one', 0.1, x'00ff'), (NULL, 'two', 1.0, x'');";
    Connection::open(&file)
        .unwrap()
        .execute_batch(jobs)
        .unwrap();
    let granted = format!("sqlite = {{ jobs = \"{}\" }}", file.display());
    section("guest", &granted, &[])
}

#[tokio::test]
async fn rows_are_had_again_when_the_database_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let section = database(&folder);
    for (sql, wanted) in [
        (
            "SELECT * FROM jobs",
            "[[1,\"one\",0.1,\"AP8=\"],[null,\"two\",1.0,\"\"]]",
        ),
        ("SELECT 1 WHERE 0", "[]"),
    ] {
        let guest = built(&folder, &asking(sql).collect(SAY_ROWS));
        let (recorded, text) = record(&guest, &section, 1).await;
        assert_eq!(recorded.said(), [wanted]);
        let replayed = replay(&guest, &text).await;
        assert_eq!(replayed.said(), [wanted]);
        replayed.assert_same();
    }
    let guest = built(&folder, &asking("SELECT nothing").collect(SAY_ROWS));
    let (recorded, text) = record(&guest, &section, 1).await;
    std::fs::remove_file(folder.path().join("jobs.db")).unwrap();
    let replayed = replay(&guest, &text).await;
    assert_eq!(recorded.codes(), ["sql.statement"]);
    assert_eq!(replayed.said(), recorded.said());
}

#[tokio::test]
async fn limits_of_queries_hold_on_replay() {
    let folder = tempfile::tempdir().unwrap();
    let section = database(&folder);
    let guest = built(&folder, &asking("SELECT * FROM jobs").collect(SAY_ROWS));
    let (_, text) = record(&guest, &section, 1).await;
    let tight = text.replace("\"query_rows\": 10000", "\"query_rows\": 1");
    let runs = replay(&guest, &tight).await;
    assert_eq!(runs.codes(), ["sql.too-large"]);
    let ungranted = text.replace("\"sqlite\": { \"jobs\"", "\"sqlite\": { \"other\"");
    assert_ne!(ungranted, text);
    assert_eq!(replay(&guest, &ungranted).await.codes(), ["denied"]);
}

#[tokio::test]
async fn a_mended_guest_is_replayed_and_what_it_does_otherwise_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let section = database(&folder);
    let sql = "SELECT id FROM jobs";
    let broken = built(&folder, &asking(sql).collect(SAY_ROWS));
    let (recorded, text) = record(&broken, &section, 1).await;
    assert_eq!(recorded.codes(), ["other"]);
    let digest = TapeDocument::parse(&text).unwrap().digest().to_owned();

    let query = "(call $sql.query %db %sql (i32.const 0) (i32.const 0) (i32.const 16))";
    let mended = asking(sql).collect(&format!("{query} {GAUGE} {SET_ONE}"));
    let mended = built(&folder, &mended);
    assert_ne!(
        digest,
        probity::probe::read(&mended, &Default::default())
            .unwrap()
            .digest
    );
    let runs = replay(&mended, &text).await;
    assert_eq!(
        (runs.codes(), runs.written()),
        (vec!["ok".into()], vec![vec![1.0]])
    );
    let told = [
        "- outcome failed: other: [[1],[null]]",
        "+ outcome ok",
        "+ sample value 1",
    ];
    assert_eq!(runs.differences[0], told);

    let other = built(&folder, &asking("SELECT name FROM jobs").collect(SAY_ROWS));
    let runs = replay(&other, &text).await;
    assert_eq!(runs.codes(), ["tape.missing"]);
    assert_eq!(
        runs.said(),
        ["not on the tape: SQL on `jobs`: SELECT name FROM jobs"]
    );
}

/// Puts one byte more into the entry `n` in each run, and sets the gauge to how many there were.
const COUNTING: &str = "(local $bytes i32)
    (call $state.get %n (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (local.set $bytes (i32.load (i32.const 72)))))
    (call $state.put %n (i32.const 2048) (i32.add (local.get $bytes) (i32.const 1)) (i32.const 16))";

#[tokio::test]
async fn state_goes_on_from_what_it_was_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let set = "(call $gauge.set (call $handle) %empty (f64.convert_i32_u (local.get $bytes)) (i32.const 16)) (call $pass-on)";
    let counting = asking("")
        .text("n", "n")
        .collect(&format!("{COUNTING} {GAUGE} {set}"));
    let guest = built(&folder, &counting);
    let (recorded, text) = record(&guest, &section("guest", "", &[]), 3).await;
    assert_eq!(recorded.written(), [[0.0], [1.0], [2.0]]);
    let replayed = replay(&guest, &text).await;
    assert_eq!(replayed.written(), recorded.written());
    replayed.assert_same();
    let begun = text.replacen(
        "\"runs\"",
        "\"state\": { \"n\": \"12345\" },\n  \"runs\"",
        1,
    );
    assert_eq!(
        replay(&guest, &begun).await.written(),
        [[5.0], [6.0], [7.0]]
    );
}

#[tokio::test]
async fn questions_about_the_snapshot_are_answered_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let say = "(if (i32.eqz (i32.load8_u (i32.const 16))) (then (return (call $ok))))
        (call $fail (call $failure.other (i32.load (i32.const 20)) (i32.load (i32.const 24))))";
    let asks = format!("(call $json %pointer (i32.const 16)) {say}");
    let guest = built(
        &folder,
        &asking("").text("pointer", "/resources").collect(&asks),
    );
    let (recorded, text) = record(&guest, &section("guest", "", &[]), 1).await;
    assert_eq!(recorded.codes(), ["ok"], "there is no snapshot");
    assert_eq!(replay(&guest, &text).await.codes(), ["ok"]);
    let asked = "{ \"ask\": \"json\", \"of\": \"/resources\"";
    let known = text.replace(asked, &format!("{asked}, \"text\": \"{{}}\""));
    assert_ne!(known, text);
    assert_eq!(replay(&guest, &known).await.said(), ["{}"]);
}

#[tokio::test]
async fn the_host_is_the_one_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let say = "(call $host-version (i32.const 16))
        (call $fail (call $failure.other (i32.load (i32.const 16)) (i32.load (i32.const 20))))";
    let guest = built(&folder, &asking("").collect(say));
    let (recorded, text) = record(&guest, &section("guest", "", &[]), 1).await;
    assert_eq!(recorded.said(), [env!("CARGO_PKG_VERSION")]);
    let host = format!("\"host\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let older = text.replace(&host, "\"host\": \"0.0.1\"");
    assert_eq!(replay(&guest, &older).await.said(), ["0.0.1"]);
}

#[tokio::test]
async fn a_trap_is_had_again_and_the_run_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let guest = built(&folder, &asking("").collect("unreachable"));
    let section = section("guest", "", &[]);
    let tape = Tape::recording(None);
    let mut probe = try_load(&tape, &guest, &section).unwrap();
    let recorded = run(&tape, &mut probe, 2).await;
    assert_eq!(recorded.codes(), ["trap.unreachable", "trap.unreachable"]);
    let replayed = replay(&guest, &tape.recorded().unwrap()).await;
    assert_eq!(replayed.codes(), recorded.codes());
    replayed.assert_same();
}
