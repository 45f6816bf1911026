//! Backups in object storage, without any fault.

use std::fs;

use probity::backup::{BackupError, Chosen};

use crate::storage::{SECRET, Storage, config, credentials, maker};
use crate::{Scene, create, good, restore, rows, verify};

#[tokio::test(flavor = "multi_thread")]
async fn s21_a_backup_of_several_parts_goes_there_and_back() {
    // Two whole parts of 8 MiB, and a rest.
    let scene = Scene::with(17 << 20).await;
    let storage = Storage::start(&scene).await;
    let maker = maker(&scene, storage.address);
    assert_eq!(good(&maker).await, []);
    let created = create(&maker).await.unwrap();
    let id = created.manifest.id;
    assert_eq!(storage.objects(), [id.manifest(), id.archive()]);
    assert_eq!(storage.uploads(), [""; 0]);
    scene.is_clear();
    assert_eq!(good(&maker).await, [id]);
    let size = fs::metadata(storage.object(&id.archive())).unwrap().len();
    assert_eq!(created.manifest.archive.as_ref().unwrap().bytes, size);
    let chosen = Chosen::by_id(maker.shelf(), id).await.unwrap();
    verify(chosen).await.unwrap();
    let into = scene.place.path().join("restored");
    let chosen = Chosen::latest(maker.shelf()).await.unwrap();
    restore(chosen, &into, false).await.unwrap();
    assert!(rows(&into.join("probity.db")) == rows(&scene.database()));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_objects_go_and_damaged_ones_are_found() {
    let scene = Scene::with(100_000).await;
    let storage = Storage::start(&scene).await;
    let mut two = config(storage.address);
    two.keep = 2;
    let maker = scene.maker_of(&two, Some(&credentials(SECRET)));
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, create(&maker).await.unwrap().manifest.id);
    }
    made.truncate(2);
    assert_eq!(good(&maker).await, made);
    assert_eq!(storage.objects().len(), 4);

    let archive = storage.object(&made[0].archive());
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let chosen = Chosen::by_id(maker.shelf(), made[0]).await.unwrap();
    let error = verify(chosen).await.unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bucket_has_not_is_told() {
    let scene = Scene::with(10_000).await;
    let storage = Storage::start(&scene).await;
    let maker = maker(&scene, storage.address);
    let none = Chosen::latest(maker.shelf()).await.unwrap_err();
    assert!(matches!(none, BackupError::None(_)), "{none}");
    let id = "probity-20260131T140500Z-0f1e2d3c".parse().unwrap();
    let none = Chosen::by_id(maker.shelf(), id).await.unwrap_err();
    assert_eq!(none, BackupError::NotFound(id.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_and_never_shown() {
    const WRONG: &str = "wrong-wrong-wrong-wrong";
    let scene = Scene::with(10_000).await;
    let storage = Storage::start(&scene).await;
    let credentials = credentials(WRONG);
    let maker = scene.maker_of(&config(storage.address), Some(&credentials));
    let error = create(&maker).await.unwrap_err();
    let told = format!(
        "{error} {error:?} {:?} {credentials:?} {maker:?}",
        error.failure()
    );
    assert!(told.contains("SignatureDoesNotMatch"), "{told}");
    for secret in [WRONG, "AKIDEXAMPLE"] {
        assert!(!told.contains(secret), "{told}");
    }
}
