//! The whole program over a store that is taken, broken or well.

use std::fs;
use std::path::Path;
use std::process::Command;

use probity::app::{App, Obstacle};
use probity::config::{Config, Loaded, Origin};
use probity::model::Status;
use probity::snapshot::{Check, Snapshot};

use crate::{PATIENCE, open};

pub fn loaded(folder: &Path) -> Loaded {
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.probes.folder = folder.join("probes");
    config.health.failures = 1;
    Loaded {
        config,
        origin: Origin {
            file: None,
            overrides: Vec::new(),
        },
        state_directory: folder.join("state"),
        ..Loaded::default()
    }
}

/// The check `store`, once there is one.
async fn check(app: &App) -> Check {
    let find = |snapshot: &Snapshot| {
        let mut checks = snapshot.health.checks.iter();
        checks.find(|check| &*check.name == "store").cloned()
    };
    let mut changes = app.snapshots().changes();
    let found = async {
        loop {
            if let Some(check) = app.snapshots().load().as_deref().and_then(find) {
                return check;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

#[test]
fn s10_a_second_instance_ends_with_75_and_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(["run", "--listen", "127.0.0.1:0", "--state"])
        .arg(folder.path())
        .current_dir(&folder)
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    let pid = format!(
        "in use by another instance (process {})",
        std::process::id()
    );
    assert!(said.contains(&pid), "{said}");
    assert!(said.contains("next: stop the other instance"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_an_embedding_program_can_tell_a_folder_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = loaded(folder.path());
    let app = App::start(&loaded).await.unwrap();
    assert_eq!(check(&app).await.status, Status::Pass);
    let Err(error) = App::start(&loaded).await else {
        panic!("a second one started");
    };
    assert_eq!(Obstacle::of(&error), Obstacle::Occupied, "{error}");
    assert_eq!(app.stop().await, [""; 0]);
    // Closed with the program, not with the process.
    let again = App::start(&loaded).await.unwrap();
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_a_broken_store_does_not_keep_the_program_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = loaded(folder.path());
    let file = loaded.state_directory.join("probity.db");
    fs::create_dir(&loaded.state_directory).unwrap();
    fs::write(&file, "not a database").unwrap();
    let app = App::start(&loaded).await.unwrap();
    let check = check(&app).await;
    assert_eq!(check.status, Status::Fail);
    assert!(
        check.message.contains("kept in memory only"),
        "{}",
        check.message
    );
    assert!(
        check.message.contains(file.to_str().unwrap()),
        "{}",
        check.message
    );
    assert!(
        check.message.contains("next: put a backup"),
        "{}",
        check.message
    );
    app.stop().await;
    assert_eq!(fs::read(&file).unwrap(), b"not a database");
}
