//! A backup beside ingest: what it takes, and what it does to the time until events are on disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use probity::backup::{BackupId, Chosen, Config, Maker, Phase, Progress};
use probity::model::{ByteSize, Event, Tally};
use probity::store::{EventStore, Store};
use rusqlite::Connection;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How often a batch of events is handed over.
const BEAT: Duration = Duration::from_millis(10);
/// How long the load goes on without a backup.
const ALONE: Duration = Duration::from_secs(20);
/// How long it is measured how much can be taken at all.
const FLAT_OUT: Duration = Duration::from_secs(4);
/// Batches of which is told how long they took: half an hour of them.
const MOST_BATCHES: usize = 180_000;
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const MEBIBYTE: usize = 1 << 20;

/// With a database of so many mebibytes.
pub fn run(size: usize) {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let store = Store::open(&state, &mut Tally::default()).unwrap();
    fill(&state.join("probity.db"), size);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(
        &place.path().join("stored"),
        &state,
        &store.events(),
    ));
    runtime.block_on(store.close());
}

/// So many mebibytes of what is like text: it can be packed to about a half.
fn fill(file: &Path, mebibytes: usize) {
    let mut connection = Connection::open(file).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for first in (0..mebibytes * 16).step_by(256) {
        let transaction = connection.transaction().unwrap();
        let mut insert = transaction
            .prepare("INSERT INTO probe_state VALUES ('filler', ?1, ?2)")
            .unwrap();
        for number in first..(first + 256).min(mebibytes * 16) {
            let mut next = || {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                b'a' + (noise % 16) as u8
            };
            let value: Vec<u8> = (0..MEBIBYTE / 16).map(|_| next()).collect();
            insert.execute((number as i64, value)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
}

async fn measure(stored: &Path, state: &Path, events: &EventStore) {
    let most = flat_out(events).await;
    let batch = (most / 2.0 * BEAT.as_secs_f64()) as usize;
    println!(
        "flat out {most:.0} events/s; the load is {} in {BEAT:?}",
        batch
    );
    let stop = CancellationToken::new();
    let ending = stop.clone();
    let alone = load(events, batch, stop, async move {
        tokio::time::sleep(ALONE).await;
        ending.cancel();
    });
    let alone = sorted(&alone.await.0);
    show("alone", &alone);

    let config = Config {
        folder: Some(stored.to_owned()),
        ..Config::default()
    };
    let maker = Maker::open(&config, state, ByteSize(0), None).unwrap();
    let stop = CancellationToken::new();
    let ending = stop.clone();
    let making = maker.clone();
    let backing = async move {
        let begun = Instant::now();
        let (told, seen) = watch::channel(Progress::BEGINNING);
        let id = BackupId::new(SystemTime::now());
        let never = CancellationToken::new();
        let phases = tokio::spawn(follow(seen, begun));
        let created = making.create(id, told, &never).await.unwrap();
        let phases = phases.await.unwrap();
        // What the copy held up is taken in within this time.
        tokio::time::sleep(Duration::from_secs(2)).await;
        ending.cancel();
        (created, phases)
    };
    let (all, (created, phases)) = load(events, batch, stop, backing).await;
    let manifest = &created.manifest;
    println!(
        "database {} MiB, archive {} MiB",
        manifest.database.bytes >> 20,
        manifest.archive.as_ref().unwrap().bytes >> 20
    );
    let ends = phases.iter().skip(1).map(|(_, begun)| Some(*begun));
    for ((name, begun), end) in phases.iter().zip(ends.chain([None])) {
        let within = |one: &&Acknowledged| one.due >= *begun && end.is_none_or(|end| one.due < end);
        let within: Vec<_> = all.iter().filter(within).copied().collect();
        show(&format!("  {name}"), &sorted(&within));
    }
    let beside = sorted(&all);
    show("beside", &beside);
    let ratio = at(&beside, 99).as_secs_f64() / at(&alone, 99).as_secs_f64();
    println!("p99 is {ratio:.2} times as long beside a backup");

    restored(&maker, &stored.join("restored")).await;
}

/// Puts the newest archive back.
async fn restored(maker: &Maker, into: &Path) {
    let begun = Instant::now();
    let (told, _) = watch::channel(Progress::BEGINNING);
    let chosen = Chosen::latest(maker.shelf()).await.unwrap();
    let never = CancellationToken::new();
    probity::backup::restore(chosen, into, false, told, &never)
        .await
        .unwrap();
    println!("restored in {:.1} s", begun.elapsed().as_secs_f64());
}

/// Tells when each phase began, and gives it.
async fn follow(
    mut seen: watch::Receiver<Progress>,
    begun: Instant,
) -> Vec<(&'static str, Instant)> {
    let mut last = Phase::Beginning;
    let mut phases = vec![(last.as_str(), begun)];
    while seen.changed().await.is_ok() {
        let phase = seen.borrow_and_update().phase;
        if phase != last {
            println!("{:6.1} s {}", begun.elapsed().as_secs_f64(), phase.as_str());
            phases.push((phase.as_str(), Instant::now()));
            last = phase;
        }
    }
    println!("{:6.1} s ended", begun.elapsed().as_secs_f64());
    phases.push(("after it", Instant::now()));
    phases
}

/// Events a second, a thousand at once and one batch after the other.
async fn flat_out(events: &EventStore) -> f64 {
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < FLAT_OUT {
        append(events, batch(count, 1_000)).await;
        count += 1_000;
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

/// A batch that is on disk.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    /// When it was to be handed over.
    due: Instant,
    /// From then on.
    took: Duration,
}

/// Hands over a batch at each beat until it is stopped, whatever became of the one before. Gives them all.
async fn load<T: Send + 'static>(
    events: &EventStore,
    size: usize,
    stop: CancellationToken,
    beside: impl Future<Output = T> + Send + 'static,
) -> (Vec<Acknowledged>, T) {
    let beside = tokio::spawn(beside);
    let (took, mut taken) = mpsc::channel(MOST_BATCHES);
    let mut beat = tokio::time::interval(BEAT);
    let mut count = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_micros() as usize;
    while !stop.is_cancelled() {
        let due = beat.tick().await;
        let (events, took, batch) = (events.clone(), took.clone(), batch(count, size));
        count += size;
        tokio::spawn(async move {
            append(&events, batch).await;
            let (due, elapsed) = (due.into_std(), due.elapsed());
            took.try_send(Acknowledged { due, took: elapsed }).unwrap();
        });
    }
    drop(took);
    let mut all = Vec::new();
    while let Some(one) = taken.recv().await {
        all.push(one);
    }
    (all, beside.await.unwrap())
}

fn sorted(all: &[Acknowledged]) -> Vec<Duration> {
    let mut took: Vec<_> = all.iter().map(|one| one.took).collect();
    took.sort_unstable();
    took
}

async fn append(events: &EventStore, batch: Arc<[Event]>) {
    let mut appending = events.append(batch, |_| {}).unwrap();
    appending.within(PATIENCE).await.unwrap().unwrap();
}

fn batch(first: usize, size: usize) -> Arc<[Event]> {
    let kind: Arc<str> = "bench.event".into();
    let event = |number: usize| Event {
        id: format!("bench-{number:020}").into(),
        kind: kind.clone(),
        version: 1,
        time: number as i64,
        source: Some("bench".into()),
        run: Some(format!("run-{}", number / 1_000).into()),
        correlation: None,
        trace: None,
        outcome: None,
        data:
            r#"{"name":"a step of a run","input":"some text of a length that is usual for such"}"#
                .into(),
    };
    (first..first + size).map(event).collect()
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn show(what: &str, sorted: &[Duration]) {
    if sorted.is_empty() {
        return;
    }
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!(
        "{what}: {} batches on disk in p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        sorted.len(),
        ms(at(sorted, 50)),
        ms(at(sorted, 99)),
        ms(at(sorted, 100))
    );
}
