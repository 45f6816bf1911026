//! Archives that are damaged, cut, foreign or newer: each is refused before anything is touched.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use probity::backup::{BackupError, Chosen, Manifest, State};
use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::{Scene, create, restore, rows, verify};

/// Places of an archive that are damaged, spread evenly.
const PLACES: usize = 150;

/// A good archive with its manifest, alone in a folder.
struct Bench {
    scene: Scene,
    manifest: Manifest,
    archive: PathBuf,
    beside: PathBuf,
    bytes: Vec<u8>,
}

impl Bench {
    async fn new() -> Self {
        let scene = Scene::with(60_000).await;
        let created = create(&scene.maker()).await.unwrap();
        let manifest = created.manifest.as_ref().clone();
        let archive = scene.folder().join(manifest.id.archive());
        let beside = scene.folder().join(manifest.id.manifest());
        let bytes = fs::read(&archive).unwrap();
        Self {
            scene,
            manifest,
            archive,
            beside,
            bytes,
        }
    }

    /// Refused by `verify` and by `restore`, which leaves no folder behind.
    async fn refused(&self, what: &str) -> BackupError {
        let into = self.scene.place.path().join("never");
        let error = attempt(&self.archive, None).await.expect_err(what);
        let again = attempt(&self.archive, Some(&into)).await.expect_err(what);
        assert_eq!(error, again, "{what}");
        assert!(!into.exists(), "{what}");
        assert!(!error.next().is_empty());
        error
    }
}

async fn attempt(archive: &Path, into: Option<&Path>) -> Result<Manifest, BackupError> {
    let chosen = Chosen::file(archive).await?;
    match into {
        None => verify(chosen).await,
        Some(into) => Ok(restore(chosen, into, false).await?.manifest),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_damage_anywhere_is_refused() {
    let bench = Bench::new().await;
    let length = bench.bytes.len();
    assert!(length > PLACES * 100, "{length}");
    for place in (0..length).step_by(length / PLACES) {
        for flip in [0x01, 0x80] {
            let mut bytes = bench.bytes.clone();
            bytes[place] ^= flip;
            fs::write(&bench.archive, bytes).unwrap();
            let error = bench.refused(&format!("byte {place}")).await;
            let fits = matches!(
                error,
                BackupError::Damaged { .. } | BackupError::Foreign { .. }
            );
            assert!(fits, "byte {place}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_an_archive_without_its_manifest_is_refused_or_without_effect() {
    let bench = Bench::new().await;
    fs::remove_file(&bench.beside).unwrap();
    let whole = attempt(&bench.archive, None).await.unwrap();
    let mut refused = 0;
    let length = bench.bytes.len();
    for place in (0..24).chain((0..length).step_by(length / PLACES)) {
        let mut bytes = bench.bytes.clone();
        bytes[place] ^= 0x10;
        fs::write(&bench.archive, bytes).unwrap();
        match attempt(&bench.archive, None).await {
            // Some bits of a frame's header mean nothing. The database's own checksum was compared all the same.
            Ok(manifest) => assert_eq!(manifest, whole, "byte {place}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > PLACES, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_a_cut_or_a_longer_archive_is_refused() {
    let bench = Bench::new().await;
    let length = bench.bytes.len();
    for with_manifest in [true, false] {
        if !with_manifest {
            fs::remove_file(&bench.beside).unwrap();
        }
        let cuts = [0, 1, 4, 20, length / 3, length / 2, length - 5, length - 1];
        for cut in cuts {
            fs::write(&bench.archive, &bench.bytes[..cut]).unwrap();
            bench.refused(&format!("cut at {cut}")).await;
        }
        for more in [&b"x"[..], &bench.bytes, &[0; 100_000]] {
            fs::write(&bench.archive, [&bench.bytes, more].concat()).unwrap();
            bench.refused("something follows").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_is_what_lies_there() {
    let bench = Bench::new().await;
    let maker = bench.scene.maker();
    let state = || async {
        let entries = maker.shelf().entries().await.unwrap();
        assert_eq!(entries.len(), 1);
        let chosen = Chosen::latest(maker.shelf()).await;
        assert_eq!(chosen.is_ok(), entries[0].state == State::Good);
        (
            entries[0].state,
            entries[0].reason.clone().unwrap_or_default(),
        )
    };
    assert_eq!(state().await, (State::Good, String::new()));
    fs::write(&bench.archive, &bench.bytes[1..]).unwrap();
    let (damaged, reason) = state().await;
    assert_eq!(damaged, State::Damaged);
    assert!(reason.contains("bytes, and had"), "{reason}");
    fs::remove_file(&bench.archive).unwrap();
    assert!(state().await.1.contains("its archive is gone"));
    fs::write(&bench.archive, &bench.bytes).unwrap();
    fs::remove_file(&bench.beside).unwrap();
    assert_eq!(state().await.0, State::Incomplete);
    for text in ["", "{}", "{\"format\": 1}", "no JSON"] {
        fs::write(&bench.beside, text).unwrap();
        let (damaged, reason) = state().await;
        assert_eq!(damaged, State::Damaged, "{text}");
        assert!(reason.contains("manifest"), "{reason}");
    }
}

/// Packs entries as nobody else does.
fn packed(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes, kind) in entries {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    zstd::encode_all(&tar.into_inner().unwrap()[..], 1).unwrap()
}

/// A name, its bytes and its kind.
type Entry<'a> = (&'a str, &'a [u8], EntryType);

const FILE: EntryType = EntryType::Regular;

/// What a good archive is made of: its manifest's text and its database.
fn pieces(bench: &Bench) -> (Vec<u8>, Vec<u8>) {
    fs::remove_file(&bench.beside).unwrap();
    let manifest = Manifest {
        archive: None,
        ..bench.manifest.clone()
    };
    let database = database_in(&bench.archive);
    (serde_json::to_vec(&manifest).unwrap(), database)
}

/// The database as it lies in an archive: SQLite may have written the one in the state folder since, and a restored one has another word
/// for itself.
fn database_in(archive: &Path) -> Vec<u8> {
    let unpacked = zstd::decode_all(fs::File::open(archive).unwrap()).unwrap();
    let mut archive = tar::Archive::new(&unpacked[..]);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let mut database = entries
        .into_iter()
        .find(|entry| entry.path().unwrap() == Path::new("probity.db"))
        .unwrap();
    let mut bytes = Vec::new();
    database.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Each is refused with these words.
async fn refused_with(bench: &Bench, cases: &[(&str, &[Entry<'_>], &str)]) {
    for (what, entries, wanted) in cases {
        fs::write(&bench.archive, packed(entries)).unwrap();
        let error = bench.refused(what).await.to_string();
        assert!(error.contains(wanted), "{what}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_with_other_entries_are_refused() {
    let bench = Bench::new().await;
    let (text, database) = pieces(&bench);
    let (m, d): (Entry<'_>, Entry<'_>) = (
        ("manifest.json", &text, FILE),
        ("probity.db", &database, FILE),
    );
    fs::write(&bench.archive, packed(&[m, d])).unwrap();
    let whole = attempt(&bench.archive, None).await;
    whole.expect("it is made as it should be");
    let large = vec![b' '; 2 << 20];
    let other = "other entries";
    let cases: [(&str, &[Entry<'_>], &str); 10] = [
        ("nothing", &[], other),
        ("no database", &[m], other),
        ("the wrong order", &[d, m], other),
        ("a third", &[m, d, ("more", b"x", FILE)], other),
        ("a second manifest", &[m, m, d], other),
        ("a path", &[m, ("../probity.db", &database, FILE)], other),
        (
            "an absolute path",
            &[m, ("/etc/passwd", &database, FILE)],
            other,
        ),
        (
            "a link",
            &[m, ("probity.db", b"", EntryType::Symlink)],
            other,
        ),
        (
            "a folder",
            &[m, ("probity.db", b"", EntryType::Directory)],
            other,
        ),
        (
            "a long manifest",
            &[("manifest.json", &large, FILE), d],
            other,
        ),
    ];
    refused_with(&bench, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_that_say_something_else_of_themselves_are_refused() {
    let bench = Bench::new().await;
    let (text, database) = pieces(&bench);
    let changed = |key: &str, value: Value| {
        let mut document: Value = serde_json::from_slice(&text).unwrap();
        document[key] = value;
        serde_json::to_vec(&document).unwrap()
    };
    let format = changed("format", json!(2));
    let schema = changed("schema", json!(9_999));
    let odd = changed("surprise", json!(1));
    let (m, d): (Entry<'_>, Entry<'_>) = (
        ("manifest.json", &text, FILE),
        ("probity.db", &database, FILE),
    );
    let short: Entry<'_> = ("probity.db", &database[..4096], FILE);
    let cases: [(&str, &[Entry<'_>], &str); 5] = [
        ("another database", &[m, short], "as its manifest says"),
        (
            "a later format",
            &[("manifest.json", &format, FILE), d],
            "format version 2",
        ),
        (
            "a later schema",
            &[("manifest.json", &schema, FILE), d],
            "schema version 9999",
        ),
        (
            "an odd manifest",
            &[("manifest.json", &odd, FILE), d],
            "unknown field",
        ),
        (
            "no manifest",
            &[("manifest.json", b"x", FILE), d],
            "cannot be read",
        ),
    ];
    refused_with(&bench, &cases).await;
    let no_tar = zstd::encode_all(&b"x"[..], 1).unwrap();
    for (what, bytes) in [("no archive", &b"not zstd"[..]), ("no tar", &no_tar)] {
        fs::write(&bench.archive, bytes).unwrap();
        bench.refused(what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_lies_about_rows_is_found_out() {
    let bench = Bench::new().await;
    fs::remove_file(&bench.beside).unwrap();
    let database = database_in(&bench.archive);
    let mut manifest = bench.manifest.clone();
    manifest.archive = None;
    manifest.tables.insert("probe_state".into(), 7);
    let text = serde_json::to_vec(&manifest).unwrap();
    let bytes = packed(&[
        ("manifest.json", &text, FILE),
        ("probity.db", &database, FILE),
    ]);
    fs::write(&bench.archive, bytes).unwrap();
    let into = bench.scene.place.path().join("never");
    let error = attempt(&bench.archive, Some(&into)).await.unwrap_err();
    assert!(error.to_string().contains("tables and rows"), "{error}");
    assert!(!into.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_there_stays_unless_it_may_be_replaced() {
    let bench = Bench::new().await;
    let wanted = rows(&bench.scene.database());
    let into = bench.scene.state();
    bench.scene.fill(120_000);
    let later = rows(&bench.scene.database());
    let error = attempt(&bench.archive, Some(&into)).await.unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    assert!(rows(&bench.scene.database()) == later);

    let mut bytes = bench.bytes.clone();
    bytes[bench.bytes.len() / 2] ^= 1;
    fs::write(&bench.archive, bytes).unwrap();
    let chosen = Chosen::file(&bench.archive).await.unwrap();
    restore(chosen, &into, true)
        .await
        .expect_err("it is damaged");
    assert!(
        rows(&bench.scene.database()) == later,
        "it is touched only when the other is whole"
    );

    fs::write(&bench.archive, &bench.bytes).unwrap();
    let chosen = Chosen::file(&bench.archive).await.unwrap();
    let restored = restore(chosen, &into, true).await.unwrap();
    assert!(rows(&bench.scene.database()) == wanted);
    let aside = restored.replaced.unwrap();
    assert_eq!(aside, into.join("replaced-1"));
    assert!(rows(&aside.join("probity.db")) == later);

    let store = probity::store::Store::open(&into, &mut probity::model::Tally::default()).unwrap();
    let chosen = Chosen::file(&bench.archive).await.unwrap();
    let error = restore(chosen, &into, true).await.unwrap_err();
    assert!(
        error.to_string().contains("in use by another instance"),
        "{error}"
    );
    store.close().await;
}
