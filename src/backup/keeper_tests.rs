//! The schedule at work: what is due is made, told and counted; what fails shows, and mends.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::super::{BackupId, Progress};
use super::*;
use crate::model::Span;
use crate::store::Store;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Shorter than anybody may configure, and longer than one takes.
const EVERY: Span = Span::seconds(2);

struct Bench {
    updates: mpsc::Receiver<Update>,
    condition: Condition,
    backups: Backups,
    tally: Tally,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Bench {
    fn start(state: &Path, every: Option<Span>) -> Self {
        let config = Config {
            every,
            keep: 2,
            ..Config::default()
        };
        let maker = Maker::open(&config, state, crate::model::ByteSize(0), None).unwrap();
        let (sender, updates) = mpsc::channel(8);
        let mut tally = Tally::default();
        let keeper = Keeper::new(&config, maker, sender, &mut tally);
        let stop = CancellationToken::new();
        Self {
            updates,
            condition: keeper.condition().clone(),
            backups: keeper.backups(),
            tally,
            task: tokio::spawn(keeper.run(stop.clone())),
            stop,
        }
    }

    /// The next operation.
    async fn operation(&mut self) -> Operation {
        let told = tokio::time::timeout(PATIENCE, self.updates.recv()).await;
        match told.unwrap() {
            Some(Update::Operation(operation)) => *operation,
            other => panic!("{other:?}"),
        }
    }

    fn number(&self, name: &str, outcome: Option<&'static str>) -> u64 {
        let label = outcome.map(|outcome| ("outcome", outcome.into()));
        let mut entries = self.tally.entries().iter();
        let found = entries.find(|one| one.name == name && one.label == label);
        found.unwrap().counter.get()
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

async fn state() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), &mut Tally::default()).unwrap();
    store.close().await;
    place
}

#[tokio::test]
async fn what_is_due_is_made_again_and_again_and_the_oldest_go() {
    let place = state().await;
    let mut bench = Bench::start(place.path(), Some(EVERY));
    for _ in 0..3 {
        let operation = bench.operation().await;
        assert_eq!((operation.kind, operation.cause), ("backup", Cause::Host));
        assert!(operation.outcome.is_ok(), "{:?}", operation.outcome);
    }
    assert!(bench.number("probity_backups_total", Some("ok")) >= 3);
    assert!(bench.number("probity_backup_last_success_timestamp_seconds", None) > 0);
    assert!((1..=2).contains(&bench.number("probity_backups_stored", None)));
    bench.stop().await;
}

#[tokio::test]
async fn a_failure_shows_until_one_is_good_again() {
    let place = state().await;
    let stored = place.path().join("backups");
    std::fs::write(&stored, "in the way").unwrap();
    let mut bench = Bench::start(place.path(), Some(EVERY));
    let operation = bench.operation().await;
    assert_eq!(operation.outcome.unwrap_err().code, "backup.refused");
    let (status, message) = bench.condition.get();
    assert_eq!(status, Status::Fail);
    assert!(
        message.contains("the last scheduled one failed"),
        "{message}"
    );
    assert!(message.contains("next: "), "{message}");
    assert!(bench.number("probity_backups_total", Some("failed")) >= 1);
    std::fs::remove_file(&stored).unwrap();
    while bench.operation().await.outcome.is_err() {}
    // On a slow machine the next is overdue by now.
    let (_, message) = bench.condition.get();
    assert!(!message.contains("failed"), "{message}");
    assert!(!bench.backups.entries().await.unwrap().is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn without_a_schedule_one_is_made_when_somebody_asks() {
    let place = state().await;
    let mut bench = Bench::start(place.path(), None);
    let begun = bench
        .backups
        .begin(Cause::Operator, SystemTime::now())
        .unwrap();
    let busy = bench.backups.begin(Cause::Operator, SystemTime::now());
    assert!(matches!(busy, Err(BackupError::Busy(Some(_)))));
    let ended = begun.ended().await.unwrap();
    let manifest: &Arc<_> = ended.outcome.as_ref().unwrap();
    assert_eq!(
        bench.operation().await.target,
        manifest.id.to_string().into()
    );
    assert!(bench.backups.running().is_none());
    assert_eq!(bench.backups.entries().await.unwrap()[0].id, manifest.id);
    let stop = bench.stop.clone();
    stop.cancel();
    tokio::time::timeout(PATIENCE, &mut bench.task)
        .await
        .unwrap()
        .unwrap();
    let late = bench.backups.begin(Cause::Operator, SystemTime::now());
    assert_eq!(late.err(), Some(BackupError::Stopped));
}

/// One that nobody runs, beside a backup that was made.
async fn idle(place: &Path) -> (Keeper, Tally, BackupId) {
    let config = Config {
        verify_interval: Some(Span::seconds(3_600)),
        ..Config::default()
    };
    let maker = Maker::open(&config, place, crate::model::ByteSize(0), None).unwrap();
    let (sender, _updates) = mpsc::channel(8);
    let mut tally = Tally::default();
    let mut keeper = Keeper::new(&config, maker.clone(), sender, &mut tally);
    let (told, _) = tokio::sync::watch::channel(Progress::BEGINNING);
    let id = BackupId::new(SystemTime::now());
    let stop = CancellationToken::new();
    maker.create(id, told, &stop).await.unwrap();
    keeper.look(&stop).await;
    (keeper, tally, id)
}

#[tokio::test]
async fn what_others_take_away_is_no_longer_shown() {
    let place = state().await;
    let (mut keeper, tally, id) = idle(place.path()).await;
    let shown = || {
        let names = [
            "probity_backups_stored",
            "probity_backup_last_success_timestamp_seconds",
            "probity_backup_last_size_bytes",
        ];
        names.map(|name| {
            let mut entries = tally.entries().iter();
            entries.find(|one| one.name == name).unwrap().counter.get() > 0
        })
    };
    assert_eq!(shown(), [true; 3]);
    std::fs::remove_file(place.path().join("backups").join(id.manifest())).unwrap();
    keeper.look(&CancellationToken::new()).await;
    assert_eq!(shown(), [false; 3]);
}

#[tokio::test]
async fn the_schedule_keeps_to_what_others_make_and_take_away() {
    let place = state().await;
    let config = Config {
        every: Some(Span::seconds(3_600)),
        ..Config::default()
    };
    let maker = Maker::open(&config, place.path(), crate::model::ByteSize(0), None).unwrap();
    let (sender, _updates) = mpsc::channel(8);
    let mut keeper = Keeper::new(&config, maker.clone(), sender, &mut Tally::default());
    keeper.look_around().await;
    let ended = |outcome| Ended {
        id: BackupId::new(SystemTime::now()),
        started: SystemTime::now(),
        duration: Duration::ZERO,
        cause: Cause::Host,
        outcome,
    };
    keeper.note(&ended(Err(BackupError::Busy(None))));
    assert_eq!(keeper.condition.get().0, Status::Fail);
    let (told, _) = tokio::sync::watch::channel(Progress::BEGINNING);
    let id = BackupId::new(SystemTime::now());
    let stop = CancellationToken::new();
    maker.create(id, told, &stop).await.unwrap();
    keeper.look(&stop).await;
    let (status, message) = keeper.condition.get();
    assert_eq!(status, Status::Pass, "{message}");
    assert!(message.contains("the last good one is of"), "{message}");
    std::fs::remove_file(place.path().join("backups").join(id.manifest())).unwrap();
    keeper.look(&stop).await;
    let (_, message) = keeper.condition.get();
    assert!(message.contains("there is no good one yet"), "{message}");
    assert!(keeper.wait().is_zero(), "another one is due");
}

#[tokio::test]
async fn an_archive_that_decays_is_found_and_shows_until_it_is_gone() {
    let place = state().await;
    let (mut keeper, _tally, id) = idle(place.path()).await;
    let stop = CancellationToken::new();
    let archive = place.path().join("backups").join(id.archive());
    let whole = std::fs::read(&archive).unwrap();
    let mut decayed = whole.clone();
    decayed[whole.len() / 2] ^= 1;
    for (bytes, wanted) in [
        (&whole, Status::Pass),
        (&decayed, Status::Fail),
        (&whole, Status::Pass),
        (&decayed, Status::Fail),
    ] {
        std::fs::write(&archive, bytes).unwrap();
        keeper.verifying.hurry();
        keeper.look(&stop).await;
        let verified = tokio::time::timeout(PATIENCE, keeper.verifying.ended()).await;
        keeper.note_verified(verified.unwrap());
        let (status, message) = keeper.condition.get();
        assert_eq!(status, wanted, "{message}");
        if wanted == Status::Fail {
            assert!(message.contains("is damaged"), "{message}");
        }
    }
    std::fs::remove_file(&archive).unwrap();
    std::fs::remove_file(archive.with_file_name(id.manifest())).unwrap();
    keeper.look(&stop).await;
    assert_eq!(keeper.condition.get().0, Status::Pass);
}
