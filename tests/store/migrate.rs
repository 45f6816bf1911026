//! Databases of every version there was: each goes forward to the newest, with its rows.

use std::fs;
use std::path::{Path, PathBuf};

use probity::model::Tally;
use probity::store::Store;
use rusqlite::Connection;

use crate::{changes, database, load, open, save};

/// Names the folder of an old database to a child that opens it.
const FOLDER: &str = "PROBITY_TEST_MIGRATE";
/// Tells it to make that first, and no more.
const MAKE: &str = "PROBITY_TEST_MIGRATE_MAKE";
/// The schema of each version, and what is put into it.
const VERSIONS: [(&str, &str); 3] = [
    (
        include_str!("../golden/schema/1.sql"),
        "INSERT INTO probe_state VALUES ('old', 'key', CAST('value' AS BLOB));",
    ),
    (
        include_str!("../golden/schema/2.sql"),
        "INSERT INTO probe_state VALUES ('old', 'key', CAST('value' AS BLOB));
         INSERT INTO kept VALUES ('sample', 1, 64), ('snapshot', 1, 1027);
         INSERT INTO series VALUES (1, 'a_total', '{}', 'counter', '', 'old', 1);
         INSERT INTO sample VALUES (1, 1000, 1, 1.5, 1.5, 1.5, 1.5, 0);
         INSERT INTO snapshot VALUES (1000, 1, 3, x'010203');",
    ),
    (
        include_str!("../golden/schema/3.sql"),
        "INSERT INTO probe_state VALUES ('old', 'key', CAST('value' AS BLOB));
         INSERT INTO kept VALUES ('sample', 0, 0), ('snapshot', 0, 0), ('event', 1, 130);
         INSERT INTO event_kind VALUES (1, 'run.started'), (2, 'run.finished');
         INSERT INTO event_last VALUES (7, 7);
         INSERT INTO checked VALUES (5);
         INSERT INTO store_identity VALUES ('0a1b2c3d');
         INSERT INTO event VALUES (6, 'old', 1, 1, 1000, NULL, 'r', NULL, NULL, NULL, '{}');",
    ),
];

/// Makes a database of a version as that version left it.
fn make(folder: &Path, index: usize) {
    let (schema, rows) = VERSIONS[index];
    let connection = database(folder);
    connection.execute_batch(schema).unwrap();
    connection.execute_batch(rows).unwrap();
    connection
        .pragma_update(None, "application_id", 0x5072_6f62)
        .unwrap();
    connection
        .pragma_update(None, "user_version", index as i64 + 1)
        .unwrap();
    connection.close().unwrap();
}

/// The rows of each table that `of` had, as text.
fn rows(connection: &Connection, of: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for table in of {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
            .unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let value = |index| format!("{:?}", row.get_ref(index).unwrap());
            let values: Vec<_> = (0..columns).map(value).collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    all
}

fn tables(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('kept', 'event_last', 'checked', 'store_identity')";
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// As the golden files have it.
fn schema(connection: &Connection) -> String {
    let pragma = |name: &str| -> i64 {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .unwrap()
    };
    let (id, version) = (pragma("application_id"), pragma("user_version"));
    let mut text = format!("-- application_id {id:#x}, user_version {version}\n");
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let tables = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    for table in tables {
        text += &format!("{};\n", table.unwrap());
    }
    text
}

fn newest() -> &'static str {
    VERSIONS[VERSIONS.len() - 1].0
}

#[test]
fn the_schema_is_the_one_that_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    assert_eq!(schema(&database(folder.path())), newest());
}

#[tokio::test]
async fn every_version_goes_forward_with_its_rows() {
    for (index, (written, _)) in VERSIONS.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), index);
        let connection = database(folder.path());
        let (old, of) = (schema(&connection), tables(&connection));
        assert_eq!(&old, written, "it is made as it is written down");
        let before = rows(&connection, &of);
        assert!(before.len() > index, "{before:?}");
        connection.close().unwrap();

        let (store, _) = open(folder.path());
        assert_eq!(load(&store.states(), "old").await["key"], "value");
        save(&store.states(), "new", changes([("k", Some(b"v"))])).await;
        let sequences =
            crate::events::append(&store.events(), &[crate::events::event("w", 1)]).await;
        // One more than was ever given.
        assert_eq!(sequences, [if index == 2 { 8 } else { 1 }]);
        store.close().await;

        let connection = database(folder.path());
        assert_eq!(schema(&connection), newest(), "version {}", index + 1);
        let after = rows(&connection, &of);
        for row in before {
            assert!(after.contains(&row), "version {}: {row}", index + 1);
        }
    }
}

/// Not a test of its own: `.ci/durability` kills it at each step of migrating, and calls it again. Then everything has to be
/// there.
#[tokio::test]
async fn child_that_migrates() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    if std::env::var_os(MAKE).is_some() {
        fs::create_dir(&folder).unwrap();
        return make(&folder, 1);
    }
    let store = Store::open(&folder, &mut Tally::default()).unwrap();
    assert_eq!(load(&store.states(), "old").await["key"], "value");
    store.close().await;
    let connection = database(&folder);
    assert_eq!(schema(&connection), newest());
    let number = |sql| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(number("SELECT count(*) FROM sample"), 1);
    assert_eq!(number("SELECT count(*) FROM kept"), 3);
    let whole = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'";
    assert_eq!(number(whole), 1);
}
