//! Databases and folders that are not fit to be used: each is refused with its name and a next step, and left as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use probity::model::Tally;
use probity::store::{Store, StoreError};
use rustix::process::{Uid, geteuid};
use rustix::thread::set_thread_uid;
use tempfile::TempDir;

use crate::{changes, database, load, open, refusal, save};

/// A folder with a database of some size in it.
async fn used() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let value = vec![b'x'; 100_000];
    save(&store.states(), "p", changes([("k", Some(&value))])).await;
    store.close().await;
    folder
}

/// Refuses the folder's database, names it with a next step, and leaves it.
fn refused(folder: &Path) -> StoreError {
    let file = folder.join("probity.db");
    let before = fs::read(&file).unwrap();
    let error = refusal(folder);
    assert!(
        error.to_string().contains(file.to_str().unwrap()),
        "{error}"
    );
    assert!(!error.next().is_empty());
    assert_eq!(fs::read(&file).unwrap(), before, "{error}");
    error
}

#[tokio::test]
async fn s04_an_empty_database_is_refused() {
    let folder = used().await;
    fs::write(folder.path().join("probity.db"), "").unwrap();
    assert!(matches!(refused(folder.path()), StoreError::Empty(_)));
}

#[tokio::test]
async fn s05_garbage_is_refused() {
    let folder = used().await;
    for garbage in ["x", "not a database\n", &"y".repeat(10_000)] {
        fs::write(folder.path().join("probity.db"), garbage).unwrap();
        assert!(matches!(refused(folder.path()), StoreError::Garbage(_)));
    }
}

#[tokio::test]
async fn s06_a_truncated_database_is_refused() {
    for length in [10, 50, 99, 100, 3000, 4096, 5000, 60_000] {
        let folder = used().await;
        let file = fs::File::options()
            .write(true)
            .open(folder.path().join("probity.db"));
        file.unwrap().set_len(length).unwrap();
        let error = refused(folder.path());
        assert!(
            matches!(error, StoreError::Damaged { .. } | StoreError::Garbage(_)),
            "{length}: {error:?}"
        );
    }
}

#[tokio::test]
async fn s07_a_bad_page_of_the_probes_state_is_found_at_the_start() {
    let folder = used().await;
    let file = folder.path().join("probity.db");
    let mut bytes = fs::read(&file).unwrap();
    // The second page is the table's root.
    bytes[4096..4200].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn s16_a_newer_schema_is_refused_also_when_only_the_log_says_so() {
    let folder = used().await;
    let newer = |error: &StoreError| {
        matches!(
            error,
            StoreError::Newer {
                found: 99,
                known: 3,
                ..
            }
        )
    };
    let later = database(folder.path());
    later.pragma_update(None, "user_version", 99).unwrap();
    assert!(newer(&refused(folder.path())));
    later.close().unwrap();
    assert!(newer(&refused(folder.path())));
}

#[tokio::test]
async fn s22_another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = database(folder.path());
    foreign.execute_batch("CREATE TABLE t (v)").unwrap();
    assert!(matches!(
        refused(folder.path()),
        StoreError::Foreign { found: 0, .. }
    ));
    foreign.pragma_update(None, "application_id", 7).unwrap();
    assert!(matches!(
        refused(folder.path()),
        StoreError::Foreign { found: 7, .. }
    ));
}

#[test]
fn s22_a_folder_that_cannot_be_one_and_a_file_that_is_a_folder_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        refusal(&file.join("state")),
        StoreError::Folder { .. }
    ));
    fs::create_dir_all(place.path().join("probity.db")).unwrap();
    let error = refusal(place.path());
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[tokio::test]
async fn s03_what_may_only_be_read_is_refused() {
    let folder = used().await;
    let mode =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let (file, lock) = (
        folder.path().join("probity.db"),
        folder.path().join("probity.lock"),
    );
    mode(folder.path(), 0o777);
    mode(&lock, 0o666);
    mode(&file, 0o444);
    let error = as_nobody(folder.path());
    assert!(
        matches!(&error, StoreError::ReadOnly { path, .. } if *path == file),
        "{error:?}"
    );
    fs::remove_file(&lock).unwrap();
    mode(folder.path(), 0o555);
    let error = as_nobody(folder.path());
    assert!(
        matches!(&error, StoreError::ReadOnly { path, .. } if *path == lock),
        "{error:?}"
    );
    mode(folder.path(), 0o755);
}

/// Refuses the folder as a user whom permissions concern.
fn as_nobody(folder: &Path) -> StoreError {
    let opening = || {
        if geteuid().is_root() {
            // This thread alone becomes another user.
            set_thread_uid(Uid::from_raw(65534)).unwrap();
        }
        match Store::open(folder, &mut Tally::default()) {
            Ok(_) => panic!("it was opened"),
            Err(error) => error,
        }
    };
    std::thread::scope(|scope| scope.spawn(opening).join().unwrap())
}

#[tokio::test]
async fn s10_a_second_store_on_the_folder_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let error = refusal(folder.path());
    let pid = std::process::id();
    assert_eq!(
        error,
        StoreError::Locked {
            folder: folder.path().to_owned(),
            pid: Some(pid)
        }
    );
    assert!(
        error.to_string().contains(&format!("(process {pid})")),
        "{error}"
    );
    store.close().await;
    open(folder.path());
}

#[tokio::test]
async fn s13_what_an_interrupted_start_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    for left in ["probity.db.new", "probity.db.new-wal", "probity.db.new-shm"] {
        fs::write(folder.path().join(left), "half of it").unwrap();
    }
    let (store, _) = open(folder.path());
    save(&store.states(), "p", changes([("k", Some(b"v"))])).await;
    assert_eq!(load(&store.states(), "p").await["k"], "v");
    store.close().await;
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["probity.db", "probity.lock"]);
}
