//! Backups as an operator meets them: made while a writer goes on, stored in a folder or a bucket, damaged, cut, and restored.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a failed step fails the test"
)]

mod bucket;
#[path = "../../src/probe/grants/http/tests/certificate.rs"]
mod certificate;
mod command;
mod copy;
mod damage;
mod faults;
mod http;
mod kill;
#[path = "../support/place.rs"]
mod place;
mod proxy;
mod storage;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use probity::backup::{
    BackupError, BackupId, Chosen, Config, Created, Credentials, Maker, Progress, Restored, State,
};
use probity::model::{ByteSize, Tally};
use probity::store::Store;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Every row of every table, as its columns.
pub type Rows = BTreeMap<String, Vec<Vec<Value>>>;

/// A state folder with a database in it, and a folder for backups.
pub struct Scene {
    pub place: TempDir,
}

impl Scene {
    /// With so many bytes of probes' state that cannot be packed.
    pub async fn with(bytes: usize) -> Self {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("state");
        let store = Store::open(&state, &mut Tally::default()).unwrap();
        store.close().await;
        let scene = Self { place };
        scene.fill(bytes);
        scene
    }

    /// Puts so many bytes more into the database, in values of some pages each.
    pub fn fill(&self, bytes: usize) {
        const VALUE: usize = 50_000;
        let mut connection = Connection::open(self.database()).unwrap();
        let transaction = connection.transaction().unwrap();
        let mut insert = transaction
            .prepare("INSERT OR REPLACE INTO probe_state VALUES ('filler', ?1, ?2)")
            .unwrap();
        let mut noise = Noise(bytes as u64 + 1);
        for number in 0..bytes.div_ceil(VALUE) {
            let value = noise.bytes(VALUE.min(bytes - number * VALUE));
            insert.execute((format!("{number:08}"), value)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    pub fn database(&self) -> PathBuf {
        self.state().join("probity.db")
    }

    /// Where backups go that go to a folder.
    pub fn folder(&self) -> PathBuf {
        self.place.path().join("stored")
    }

    pub fn config(&self) -> Config {
        Config {
            folder: Some(self.folder()),
            ..Config::default()
        }
    }

    pub fn maker(&self) -> Maker {
        self.maker_of(&self.config(), None)
    }

    pub fn maker_of(&self, config: &Config, credentials: Option<&Credentials>) -> Maker {
        assert_eq!(config.check(), []);
        Maker::open(config, &self.state(), ByteSize::mib(8), credentials).unwrap()
    }

    /// The names of all files in a folder below the scene's; none where there is none.
    pub fn names(&self, folder: &str) -> Vec<String> {
        names(&self.place.path().join(folder))
    }

    /// Nothing of a backup is left where they are made.
    pub fn is_clear(&self) {
        assert_eq!(self.names("state/backing-up"), ["lock"]);
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Makes one.
pub async fn create(maker: &Maker) -> Result<Created, BackupError> {
    let (told, _) = watch::channel(Progress::BEGINNING);
    let id = BackupId::new(SystemTime::now());
    let stop = CancellationToken::new();
    let created = tokio::time::timeout(PATIENCE, maker.create(id, told, &stop)).await;
    created.expect("it ends")
}

/// Reads a backup through.
pub async fn verify(chosen: Chosen) -> Result<probity::backup::Manifest, BackupError> {
    let (told, _) = watch::channel(Progress::BEGINNING);
    probity::backup::verify(chosen, told, &CancellationToken::new()).await
}

pub async fn restore(chosen: Chosen, into: &Path, replace: bool) -> Result<Restored, BackupError> {
    let (told, _) = watch::channel(Progress::BEGINNING);
    probity::backup::restore(chosen, into, replace, told, &CancellationToken::new()).await
}

/// Ids of the good ones, the newest first; there is nothing else.
pub async fn good(maker: &Maker) -> Vec<BackupId> {
    let entries = maker.shelf().entries().await.unwrap();
    let odd: Vec<_> = entries
        .iter()
        .filter(|one| one.state != State::Good)
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    entries.iter().map(|entry| entry.id).collect()
}

/// Takes away the whole ones, whose files are in `folder`; there is nothing else. Whether there were any.
pub async fn take_whole(maker: &Maker, folder: &Path) -> bool {
    let whole = good(maker).await;
    for id in &whole {
        let chosen = Chosen::by_id(maker.shelf(), *id).await.unwrap();
        verify(chosen).await.unwrap();
        for name in [id.archive(), id.manifest()] {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
    }
    !whole.is_empty()
}

/// Everything in a database but its own word: one that is restored gets another.
pub fn rows(file: &Path) -> Rows {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let check: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'store_identity'")
        .unwrap();
    let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let all = |name: rusqlite::Result<String>| {
        let name = name.unwrap();
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {name}"))
            .unwrap();
        let columns = statement.column_count();
        let read = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        let mut rows: Vec<Vec<Value>> = read.unwrap().map(Result::unwrap).collect();
        rows.sort_by_key(|row| format!("{row:?}"));
        (name, rows)
    };
    names.map(all).collect()
}

/// Numbers that cannot be packed (xorshift).
pub struct Noise(pub u64);

impl Noise {
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.word().to_le_bytes());
        words.flatten().take(count).collect()
    }
}

/// Shared by threads and tasks of one test.
pub type Shared<T> = Arc<std::sync::Mutex<T>>;
