//! What is kept and let go, and that how much there is is always known.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::{Connection, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::kept::{SAMPLE_BYTES, series_bytes, snapshot_bytes};
use super::*;
use crate::store::open;

const ALL: PastBounds = PastBounds {
    oldest: i64::MIN,
    bytes: u64::MAX,
    at_once: 1_000,
};

struct Bench {
    connection: Connection,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = open::open(&folder.path().join("probity.db")).unwrap();
        Self { connection, folder }
    }

    fn change<T>(&mut self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> T {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior).unwrap();
        let result = change(&transaction).unwrap();
        transaction.commit().unwrap();
        result
    }

    fn keep(&mut self, name: &str, samples: &[(i64, f64)], bounds: PastBounds) -> PastTotals {
        let kept = KeptSeries {
            series: series(name),
            samples: samples
                .iter()
                .map(|(time, value)| sample(*time, *value))
                .collect(),
        };
        self.change(|transaction| series::keep(transaction, &[kept], Some(bounds)))
            .1
    }

    fn keep_snapshot(&mut self, time: i64, bytes: usize, bounds: PastBounds) -> PastTotals {
        let snapshot = KeptSnapshot {
            time,
            sequence: time as u64,
            document: vec![7; bytes].into(),
        };
        self.change(|transaction| snapshots::keep(transaction, &snapshot, bounds))
            .1
    }

    fn reader(&self) -> PastReader {
        let file = self.folder.path().join("probity.db");
        PastReader::open(&file, Duration::from_secs(60)).unwrap()
    }

    /// Everything, by series and time.
    fn rows(&self) -> BTreeMap<(String, i64), Summary> {
        let reader = self.reader();
        let series = reader.series(None, usize::MAX, |_| true).unwrap();
        let ids = series.iter().map(|(id, _)| *id);
        let samples = reader.samples(ids, i64::MIN, i64::MAX, 1 << 40).unwrap();
        let all = std::iter::zip(series, samples);
        all.flat_map(|((_, series), samples)| {
            let key = move |time| (series.name.to_string(), time);
            samples
                .into_iter()
                .map(move |one| (key(one.time), one.summary))
        })
        .collect()
    }

    fn times(&self, name: &str) -> Vec<i64> {
        let rows = self.rows().into_keys();
        rows.filter(|(own, _)| own == name)
            .map(|(_, time)| time)
            .collect()
    }
}

fn series(name: &str) -> PastSeries {
    PastSeries {
        name: name.into(),
        labels: Box::new([("le".into(), "+\"Inf".into()), ("probe".into(), "p".into())]),
        kind: MetricKind::Histogram,
        unit: "seconds".into(),
        source: "p".into(),
        cumulative: true,
    }
}

fn sample(time: i64, value: f64) -> Sample {
    Sample {
        time,
        last_time: time - 7,
        summary: Summary::of(value),
    }
}

#[test]
fn what_is_kept_is_read_back_as_it_was() {
    let mut bench = Bench::new();
    bench.keep("a_total", &[(300, 1.5), (600, f64::INFINITY)], ALL);
    bench.keep("b", &[(300, 2.0)], ALL);
    let reader = bench.reader();
    let found = reader
        .series(Some("a_total"), 10, |one| one.labels.len() == 2)
        .unwrap();
    assert_eq!(found, [(found[0].0, series("a_total"))]);
    let ids = || found.iter().map(|(id, _)| *id);
    let samples = reader.samples(ids(), 300, 599, 10).unwrap();
    assert_eq!(samples, [[sample(300, 1.5)]]);
    assert_eq!(
        reader.samples(ids(), 0, 900, 1).unwrap(),
        [[sample(300, 1.5)]]
    );
    assert_eq!(
        reader.samples(ids(), 301, 900, 9).unwrap()[0][0]
            .summary
            .last,
        f64::INFINITY
    );
    assert_eq!(reader.series(None, 10, |_| false).unwrap(), []);
    assert_eq!(reader.series(None, 1, |_| true).unwrap().len(), 1);
}

#[test]
fn a_number_that_is_none_comes_back_as_that() {
    let mut bench = Bench::new();
    bench.keep("a", &[(300, f64::NAN), (600, 1.0)], ALL);
    bench.keep("a", &[(300, 2.0), (600, f64::NAN)], ALL);
    let rows = bench.rows();
    let (one, other) = (rows[&("a".into(), 300)], rows[&("a".into(), 600)]);
    assert!(one.sum.is_nan() && other.sum.is_nan() && other.last.is_nan());
    assert_eq!(
        (one.count, one.minimum, one.maximum, one.last),
        (2, 2.0, 2.0, 2.0)
    );
    assert_eq!((other.count, other.minimum, other.maximum), (2, 1.0, 1.0));
}

#[test]
fn the_longest_step_is_that_of_rows_at_one_distance_and_no_gap_is_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.reader().longest_step(), Ok(None));
    bench.keep("a", &[(600, 1.0), (1_200, 1.0)], ALL);
    assert_eq!(
        bench.reader().longest_step(),
        Ok(None),
        "two may be anything"
    );
    bench.keep("a", &[(1_800, 1.0)], ALL);
    assert_eq!(bench.reader().longest_step(), Ok(Some(600)));
    // A shorter step later, then a gap, and one row between two gaps that are as long.
    let later = [1_900, 2_000, 2_100, 9_000, 9_100, 9_200, 19_300, 29_400];
    bench.keep("a", &later.map(|time| (time, 1.0)), ALL);
    assert_eq!(bench.reader().longest_step(), Ok(Some(600)));
    bench.keep("b", &[(3_600, 1.0), (7_200, 1.0), (10_800, 1.0)], ALL);
    assert_eq!(bench.reader().longest_step(), Ok(Some(3_600)));
}

#[test]
fn a_series_is_described_as_it_was_last() {
    let mut bench = Bench::new();
    bench.keep("a", &[(300, 1.0)], ALL);
    let other = PastSeries {
        source: "q".into(),
        kind: MetricKind::Gauge,
        cumulative: false,
        ..series("a")
    };
    let kept = KeptSeries {
        series: other.clone(),
        samples: vec![sample(600, 1.0)],
    };
    bench.change(|transaction| series::keep(transaction, &[kept], None));
    let found = bench.reader().series(None, 10, |_| true).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, other);
}

#[test]
fn age_takes_what_is_older_and_nothing_else_and_series_without_samples_with_it() {
    let mut bench = Bench::new();
    bench.keep("gone", &[(100, 1.0), (200, 1.0)], ALL);
    bench.keep("left", &[(100, 1.0), (300, 1.0)], ALL);
    let bounds = |oldest| PastBounds { oldest, ..ALL };
    assert_eq!(bench.keep("new", &[(400, 1.0)], bounds(100)).pruned, 0);
    let totals = bench.keep("new", &[(500, 1.0)], bounds(201));
    assert_eq!((totals.pruned, totals.rows), (3, 3));
    assert_eq!(bench.times("left"), [300]);
    assert_eq!(bench.times("new"), [400, 500]);
    let names: Vec<_> = bench.reader().series(None, 10, |_| true).unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn size_takes_the_oldest_of_all_and_no_more_than_is_too_much() {
    let mut bench = Bench::new();
    let two = 2 * series_bytes(1 + "{\"le\":\"+\\\"Inf\",\"probe\":\"p\"}".len()) as u64;
    let bounds = PastBounds {
        bytes: two + 5 * SAMPLE_BYTES as u64,
        ..ALL
    };
    bench.keep("a", &[(100, 1.0), (200, 1.0)], bounds);
    let totals = bench.keep("b", &[(150, 1.0), (250, 1.0), (350, 1.0)], bounds);
    assert_eq!(
        (totals.pruned, totals.bytes),
        (0, bounds.bytes),
        "it just fits"
    );
    let totals = bench.keep("b", &[(360, 1.0), (370, 1.0)], bounds);
    assert_eq!((totals.pruned, totals.rows), (2, 5));
    assert_eq!(
        (bench.times("a"), bench.times("b")),
        (vec![200], vec![250, 350, 360, 370])
    );
}

#[test]
fn a_change_lets_go_of_a_bounded_number_and_the_next_one_goes_on() {
    let mut bench = Bench::new();
    let many: Vec<_> = (0..100).map(|time| (time, 1.0)).collect();
    bench.keep("a", &many, ALL);
    let bounds = PastBounds {
        oldest: 95,
        at_once: 60,
        ..ALL
    };
    assert_eq!(bench.keep("b", &[(200, 1.0)], bounds).pruned, 60);
    assert_eq!(bench.times("a")[0], 60, "the oldest of them");
    assert_eq!(bench.keep("b", &[(201, 1.0)], bounds).pruned, 35);
    assert_eq!(bench.keep("b", &[(202, 1.0)], bounds).pruned, 0);
}

#[test]
fn snapshots_go_by_age_and_by_size() {
    let mut bench = Bench::new();
    for time in [100, 200, 300] {
        bench.keep_snapshot(time, 10, ALL);
    }
    let by_age = PastBounds { oldest: 200, ..ALL };
    assert_eq!(bench.keep_snapshot(400, 1_000, by_age).pruned, 1);
    let bytes = (2 * snapshot_bytes(10) + snapshot_bytes(1_000)) as u64;
    let by_size = PastBounds { bytes, ..ALL };
    assert_eq!(
        bench.keep_snapshot(400, 1_000, by_size).pruned,
        0,
        "it takes its own place"
    );
    let totals = bench.keep_snapshot(500, 10, by_size);
    assert_eq!((totals.rows, totals.pruned, totals.bytes), (3, 1, bytes));
    let reader = bench.reader();
    let list = reader.snapshots(300, 401, 10).unwrap();
    let told: Vec<_> = list
        .iter()
        .map(|one| (one.time, one.sequence, one.bytes))
        .collect();
    assert_eq!(told, [(400, 400, 1_000), (300, 300, 10)]);
    assert_eq!(reader.snapshots(0, 900, 1).unwrap()[0].time, 500);
    let at = |time| reader.snapshot_at(time).unwrap().map(|one| one.time);
    assert_eq!(
        [at(299), at(300), at(499), at(9_999)],
        [None, Some(300), Some(400), Some(500)]
    );
}

#[test]
fn a_database_of_the_first_version_goes_forward_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probity.db");
    let first = "CREATE TABLE probe_state (
    probe TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (probe, key)
) STRICT, WITHOUT ROWID;";
    let mut old = Connection::open(&file).unwrap();
    old.pragma_update(None, "application_id", 0x5072_6f62)
        .unwrap();
    Migrations::new(vec![M::up(first)])
        .to_latest(&mut old)
        .unwrap();
    old.execute("INSERT INTO probe_state VALUES ('p', 'k', x'0102')", [])
        .unwrap();
    old.close().unwrap();
    let mut bench = Bench {
        connection: open::open(&file).unwrap(),
        folder,
    };
    bench.keep("a", &[(300, 1.0)], ALL);
    assert_eq!(bench.times("a"), [300]);
    let kept = "SELECT value FROM probe_state WHERE probe = 'p' AND key = 'k'";
    let kept: Vec<u8> = bench
        .connection
        .query_row(kept, [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, [1, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn how_much_there_is_is_what_there_is(
        changes in prop::collection::vec(
            (0..5usize, prop::collection::vec(0..50i64, 1..6), 0..60i64, 0..3_000u64),
            1..25,
        ),
    ) {
        let mut bench = Bench::new();
        let mut wanted = BTreeMap::new();
        for (index, times, oldest, bytes) in changes {
            let name = format!("series_{index}");
            let samples: Vec<_> = times.iter().map(|time| (*time, *time as f64)).collect();
            for (time, value) in &samples {
                let sum: &mut Summary = wanted.entry((name.clone(), *time)).or_default();
                *sum = sum.then(Summary::of(*value));
            }
            let totals = bench.keep(&name, &samples, PastBounds { oldest, bytes, at_once: 1_000 });
            wanted.retain(|(_, time), _| *time >= oldest);
            let rows = bench.rows();
            let kept_newest = wanted.iter().rev().all(|(key, _)| rows.contains_key(key) || {
                // What is missing was let go by size: nothing older is left.
                rows.keys().all(|(_, time)| *time >= key.1)
            });
            prop_assert!(kept_newest, "{rows:?} of {wanted:?}");
            wanted.retain(|key, _| rows.contains_key(key));
            for (key, sum) in &wanted {
                let row = &rows[key];
                // The database has the average, and a sum is as near as that.
                prop_assert!((row.sum - sum.sum).abs() < 1e-6, "{row:?} and {sum:?}");
                prop_assert_eq!(Summary { sum: 0.0, ..*row }, Summary { sum: 0.0, ..*sum });
            }
            prop_assert!(rows.keys().eq(wanted.keys()));
            let series: std::collections::BTreeSet<_> = rows.keys().map(|(name, _)| name).collect();
            let text = |name: &String| name.len() + "{\"le\":\"+\\\"Inf\",\"probe\":\"p\"}".len();
            let size = series.iter().map(|name| series_bytes(text(name))).sum::<i64>()
                + SAMPLE_BYTES * rows.len() as i64;
            prop_assert_eq!((totals.rows, totals.bytes), (rows.len() as u64, size as u64));
            prop_assert_eq!(bench.reader().totals().unwrap()[0].rows, totals.rows);
        }
    }
}
