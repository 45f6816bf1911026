//! What the archive makes of the history, on clocks that the test moves, and what becomes of it when the store does not do its
//! part.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::archive::{Config, PastReader, Seam};
use crate::history::{self, Moment};
use crate::model::{
    Metric, MetricKind, Point, Recorder, Schema, SourceInfo, SourceKind, Span, Summary, Tally,
};
use crate::snapshot::{FactSheet, HealthReport, RunStats, Snapshot, SourceView};
use crate::store::Store;

const TICK: i64 = 5_000;
const STEP: i64 = 60_000;
/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn schema(series: usize) -> Arc<Schema> {
    let mut recorder = Recorder::new(100_000);
    let metric = Metric::new(MetricKind::Gauge, "value", "", "h", &["index"]).unwrap();
    let metric = recorder.define(metric).unwrap();
    for index in 0..series {
        recorder.series(metric, &[&index.to_string()]).unwrap();
    }
    recorder.commit().schema
}

fn snapshot(schema: &Arc<Schema>, values: &[Option<f64>], now: Instant) -> Snapshot {
    let points = values.iter().map(|value| Point {
        value: value.unwrap_or_default(),
        updated: value.map(|_| now),
    });
    let source = SourceView {
        info: SourceInfo {
            name: "p".into(),
            kind: SourceKind::Sampler,
            interval: Duration::from_secs(5),
        },
        generation: 1,
        schema: schema.clone(),
        points: points.collect(),
        failure: None,
        runs: RunStats::default(),
    };
    Snapshot {
        sequence: 1,
        timestamp: UNIX_EPOCH,
        published: now,
        whole: true,
        facts: FactSheet::default(),
        sources: vec![Arc::new(source)],
        probes: Vec::new(),
        health: Arc::new(HealthReport::new(Vec::new())),
        operations: Arc::default(),
    }
}

/// An archive over a history whose clocks the test moves.
struct Bench {
    history: history::Writer,
    writer: SeriesWriter,
    schema: Arc<Schema>,
    moment: Moment,
    now: Instant,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(series: usize) -> Self {
        Self::with(series, &history::Config::default())
    }

    fn with(series: usize, memory: &history::Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut tally = Tally::default();
        let store = Store::open(folder.path(), &mut tally).unwrap();
        let history = history::Writer::new(memory, &mut tally);
        let mut config = Config::default();
        config.series.enabled = true;
        config.series.step = Span(Duration::from_millis(STEP as u64));
        // The test's clock is not the machine's.
        config.series.retention = Span::seconds(87_600 * 3_600);
        let archive = Archive::new(&config);
        archive.open(store.past());
        let tally = ArchiveTally::new(&mut tally);
        let mut writer = SeriesWriter::new(&config.series, history.history(), archive, tally);
        writer.patience = PATIENCE;
        Self {
            writer,
            history,
            schema: schema(series),
            moment: Moment {
                boot: 1_000_000,
                wall: wall().div_euclid(STEP) * STEP,
            },
            now: Instant::now(),
            store,
            _folder: folder,
        }
    }

    /// One tick with these values, 5 s after the one before.
    fn tick(&mut self, values: &[Option<f64>]) {
        self.moment.boot += TICK;
        self.moment.wall += TICK;
        let snapshot = snapshot(&self.schema, values, self.now);
        self.history.record_at(&snapshot, self.now, self.moment);
    }

    /// A round at this moment.
    async fn round(&mut self) -> bool {
        let until = self.moment.wall.div_euclid(STEP) * STEP;
        self.writer.round(until).await
    }

    fn reader(&self) -> PastReader {
        self.writer.archive.reader(PATIENCE).unwrap()
    }

    /// All rows by the index of their series and their time.
    fn rows(&self) -> BTreeMap<(usize, i64), Summary> {
        let reader = self.reader();
        let series = reader.series(Some("value"), usize::MAX, |_| true).unwrap();
        let ids = series.iter().map(|(id, _)| *id);
        let samples = reader.samples(ids, i64::MIN, i64::MAX, 1 << 40).unwrap();
        let mut rows = BTreeMap::new();
        for ((_, series), samples) in std::iter::zip(series, samples) {
            let index: usize = series.labels[0].1.parse().unwrap();
            rows.extend(
                samples
                    .into_iter()
                    .map(|row| ((index, row.time), row.summary)),
            );
        }
        rows
    }

    fn count(&self) -> u64 {
        self.rows().values().map(|row| row.count).sum()
    }
}

fn same(one: &Summary, other: &Summary) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6 || a == b || (a.is_nan() && b.is_nan());
    one.count == other.count
        && close(one.sum, other.sum)
        && close(one.minimum, other.minimum)
        && close(one.maximum, other.maximum)
        && close(one.last, other.last)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// What happens between two ticks.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    Round,
    /// The wall clock steps by so many milliseconds.
    Jump(i64),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        6 => Just(Between::Nothing),
        2 => Just(Between::Round),
        1 => (-900_000..900_000i64).prop_map(Between::Jump),
    ]
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        8 => (-1e6..1e6f64).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(f64::INFINITY)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// S18: whatever the clock does, each sample is in one row, that of the step in which the clock had it when it was written.
    #[test]
    fn s18_the_archive_is_what_adding_up_every_sample_once_gives(
        ticks in prop::collection::vec((value(), value(), between()), 1..120),
    ) {
        let mut bench = Bench::new(2);
        let (mut wanted, mut waiting) = (BTreeMap::<(usize, i64), Summary>::new(), Vec::new());
        for (one, other, between) in ticks {
            bench.tick(&[one, other]);
            waiting.push((bench.moment.boot, [one, other]));
            match between {
                Between::Nothing => {}
                Between::Jump(by) => bench.moment.wall += by,
                Between::Round => {
                    block_on(bench.round());
                    let view = bench.history.history().view();
                    let (_, last) = view.span().unwrap();
                    // By the clock as the history has it: small steps are drift to it.
                    let offset = last - bench.moment.boot;
                    let until = bench.moment.wall.div_euclid(STEP) * STEP;
                    waiting.retain(|(boot, values)| {
                        let time = boot + offset;
                        if time <= until {
                            let end = time + (-time).rem_euclid(STEP);
                            for (index, value) in values.iter().enumerate() {
                                if let Some(value) = value {
                                    let row = wanted.entry((index, end)).or_default();
                                    *row = row.then(Summary::of(*value));
                                }
                            }
                        }
                        time > until
                    });
                }
            }
        }
        let rows = bench.rows();
        prop_assert!(rows.keys().eq(wanted.keys()), "{rows:?}\n{wanted:?}");
        for (key, row) in &rows {
            prop_assert!(same(row, &wanted[key]), "{key:?}: {row:?} and {:?}", wanted[key]);
        }
    }
}

#[tokio::test]
async fn a_step_is_written_once_and_the_rest_of_the_last_one_at_the_end() {
    let mut bench = Bench::new(1);
    let begun = bench.moment.wall;
    for tick in 1..=30 {
        bench.tick(&[Some(f64::from(tick))]);
        assert!(bench.round().await);
    }
    let times = |bench: &Bench| {
        bench
            .rows()
            .into_keys()
            .map(|(_, time)| time)
            .collect::<Vec<_>>()
    };
    assert_eq!(times(&bench), [begun + STEP, begun + 2 * STEP]);
    assert!(bench.writer.round(i64::MAX).await);
    let rows = bench.rows();
    assert_eq!(times(&bench), [1, 2, 3].map(|step| begun + step * STEP));
    let last = rows[&(0, begun + 3 * STEP)];
    assert_eq!((last.count, last.minimum, last.last), (6, 25.0, 30.0));
    let reader = bench.reader();
    let id = reader.series(None, 1, |_| true).unwrap()[0].0;
    let samples = reader
        .samples([id].into_iter(), begun + 3 * STEP, i64::MAX, 9)
        .unwrap();
    assert_eq!(samples[0][0].last_time, begun + 30 * TICK);
    assert_eq!(bench.writer.tally.lost.get(), 0);
}

#[tokio::test]
async fn many_rows_are_written_in_several_changes_and_each_once() {
    let mut bench = Bench::new(3_000);
    let values = vec![Some(1.0); 3_000];
    // A minute has twelve ticks; memory has room for ten minutes.
    for _ in 0..108 {
        bench.tick(&values);
    }
    assert!(bench.round().await);
    let rows = bench.rows();
    assert_eq!(rows.len(), 9 * 3_000);
    assert!(rows.values().all(|row| row.count == 12 && row.sum == 12.0));
    let totals = bench.reader().totals().unwrap();
    assert_eq!(totals[0].rows, 27_000);
}

#[tokio::test]
async fn without_a_store_it_counts_and_what_memory_lets_go_meanwhile_is_lost() {
    let memory = history::Config {
        retention: Span::seconds(120),
        ..history::Config::default()
    };
    let mut bench = Bench::with(1, &memory);
    let archive = Archive::new(&Config {
        series: bench.writer.config.clone(),
        ..Config::default()
    });
    let open = std::mem::replace(&mut bench.writer.archive, archive);
    for tick in 0..200 {
        bench.tick(&[Some(1.0)]);
        if tick % 12 == 0 {
            assert!(!bench.round().await || tick == 0);
        }
    }
    assert!(bench.writer.tally.samples.failures.get() > 10);
    bench.writer.archive = open;
    assert!(bench.writer.round(i64::MAX).await);
    let lost = bench.writer.tally.lost.get();
    assert!(lost > 0);
    assert_eq!(bench.count() + lost, 200);
}

#[tokio::test]
async fn nothing_goes_for_its_age_by_a_clock_that_is_not_believed_yet() {
    let mut bench = Bench::new(1);
    bench.writer.config.retention = Span::seconds(3_600);
    bench.moment.wall -= 48 * 3_600 * 1_000;
    for _ in 0..30 {
        bench.tick(&[Some(1.0)]);
        assert!(bench.round().await);
    }
    assert_eq!(bench.rows().len(), 2);
}

#[tokio::test]
async fn a_store_that_was_closed_is_no_defect() {
    let mut bench = Bench::new(1);
    for _ in 0..13 {
        bench.tick(&[Some(1.0)]);
    }
    let folder = tempfile::tempdir().unwrap();
    let other = Store::open(folder.path(), &mut Tally::default()).unwrap();
    std::mem::replace(&mut bench.store, other).close().await;
    assert!(!bench.round().await);
    assert_eq!(bench.writer.tally.samples.failures.get(), 1);
}

#[tokio::test]
async fn the_seam_has_every_sample_on_one_side() {
    let mut bench = Bench::new(1);
    // Another run wrote the first half of a step.
    let begun = bench.moment.wall;
    for _ in 0..6 {
        bench.tick(&[Some(1.0)]);
    }
    assert!(bench.writer.round(i64::MAX).await);
    let memory = history::Config::default();
    bench.history = history::Writer::new(&memory, &mut Tally::default());
    let config = bench.writer.config.clone();
    let archive = Archive::new(&Config {
        series: config.clone(),
        ..Config::default()
    });
    archive.open(bench.store.past());
    let tally = bench.writer.tally.clone();
    bench.writer = SeriesWriter::new(&config, bench.history.history(), archive, tally);
    bench.writer.patience = PATIENCE;
    for _ in 0..4 {
        bench.tick(&[Some(2.0)]);
    }
    let seam = |bench: &Bench| bench.writer.archive.seam(&bench.history.history().view());
    let first = begun + 7 * TICK;
    let before = Seam {
        archive: begun + STEP,
        latest: first - 1,
        memory: first,
    };
    assert_eq!(seam(&bench), before, "its end is not written yet");
    for _ in 0..10 {
        bench.tick(&[Some(2.0)]);
    }
    assert_eq!(seam(&bench), before);
    assert!(bench.round().await);
    let after = Seam {
        archive: begun + STEP,
        latest: begun + STEP,
        memory: begun + STEP + 1,
    };
    assert_eq!(seam(&bench), after);
    let whole = bench.rows()[&(0, begun + STEP)];
    assert_eq!((whole.count, whole.sum), (12, 18.0), "both runs are in it");
}
