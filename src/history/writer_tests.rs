//! What the history keeps and lets go, on clocks that the test moves.

use super::*;
use crate::history::{Aggregates, Scratch, SeriesId};
use crate::model::{
    ByteSize, Metric, MetricKind, Point, Recorder, Schema, SourceInfo, SourceKind, Span,
};
use crate::snapshot::{FactSheet, HealthReport, RunStats, SourceView};
use std::time::SystemTime;

const STEP: i64 = 5_000;
const HOUR: i64 = 3_600_000;

fn schema(fill: impl FnOnce(&mut Recorder)) -> Arc<Schema> {
    let mut recorder = Recorder::new(100_000);
    fill(&mut recorder);
    recorder.commit().schema
}

fn gauges(names: &[&str]) -> Arc<Schema> {
    schema(|recorder| {
        for name in names {
            let metric = Metric::new(MetricKind::Gauge, name, "", "h", &[]).expect("it is one");
            let metric = recorder.define(metric).expect("it is new");
            recorder.series::<&str>(metric, &[]).expect("there is room");
        }
    })
}

fn source(name: &str, schema: &Arc<Schema>, values: &[f64], updated: Instant) -> Arc<SourceView> {
    let mut points = vec![Point::default(); schema.slots];
    for (point, value) in std::iter::zip(&mut points, values) {
        (point.value, point.updated) = (*value, Some(updated));
    }
    Arc::new(SourceView {
        info: SourceInfo {
            name: name.into(),
            kind: SourceKind::Probe,
            interval: Duration::from_secs(5),
        },
        generation: 1,
        schema: schema.clone(),
        points: points.into(),
        failure: None,
        runs: RunStats::default(),
    })
}

fn snapshot(sources: Vec<Arc<SourceView>>) -> Snapshot {
    Snapshot {
        sequence: 1,
        timestamp: SystemTime::UNIX_EPOCH,
        published: Instant::now(),
        whole: true,
        facts: FactSheet::default(),
        sources,
        probes: Vec::new(),
        health: Arc::new(HealthReport::new(Vec::new())),
        operations: Arc::default(),
    }
}

/// A history whose clocks the test moves.
struct Bench {
    writer: Writer,
    now: Instant,
    boot: i64,
    wall: i64,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self {
            writer: Writer::new(&config, &mut Tally::default()),
            now: Instant::now(),
            boot: 1_000_000,
            wall: 1_700_000_000_000,
        }
    }

    /// One tick of the given sources, a step after the one before.
    fn tick(&mut self, sources: Vec<Arc<SourceView>>) {
        self.boot += STEP;
        self.wall += STEP;
        let moment = Moment {
            boot: self.boot,
            wall: self.wall,
        };
        self.writer.record_at(&snapshot(sources), self.now, moment);
    }

    fn find(&self, name: &str) -> Option<SeriesId> {
        let view = self.writer.history().view();
        view.named(name).next().map(|(id, _)| id)
    }

    fn ticks(&self, name: &str) -> Vec<(i64, Option<f64>)> {
        let view = self.writer.history().view();
        let id = self.find(name);
        id.map_or_else(Vec::new, |id| view.ticks(id, i64::MIN, i64::MAX).collect())
    }

    fn values(&self, name: &str) -> Vec<Option<f64>> {
        self.ticks(name)
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }
}

#[test]
fn every_tick_is_read_back_at_its_time() {
    let (mut bench, schema) = (Bench::new(Config::default()), gauges(&["a", "b"]));
    let begun = bench.wall;
    for tick in 0..30 {
        let values = [f64::from(tick), -f64::from(tick)];
        bench.tick(vec![source("p", &schema, &values, bench.now)]);
    }
    let wanted: Vec<_> = (0..30)
        .map(|tick| (begun + STEP * (tick + 1), Some(-(tick as f64))))
        .collect();
    assert_eq!(bench.ticks("b"), wanted);
    let view = bench.writer.history().view();
    let id = bench.find("a").expect("it is there");
    let middle: Vec<_> = view
        .samples(id, begun + STEP * 9 + 1, begun + STEP * 12)
        .map(|(_, value)| value)
        .collect();
    assert_eq!(middle, [9.0, 10.0, 11.0], "bounds lie within chunks");
    assert_eq!(view.span(), Some((begun + STEP, begun + STEP * 30)));
    let key = view.key(id).expect("it is there");
    assert_eq!((key.label("probe"), key.label("none")), (Some("p"), None));
}

#[test]
fn what_was_absent_is_absent_and_what_is_gone_stays_until_it_is_old() {
    let (mut bench, schema) = (Bench::new(Config::default()), gauges(&["a"]));
    let old = bench.now - Duration::from_secs(60);
    bench.tick(vec![source("p", &schema, &[1.0], bench.now)]);
    bench.tick(vec![source("p", &schema, &[2.0], old)]);
    bench.tick(vec![]);
    assert_eq!(bench.values("a"), [Some(1.0), None, None]);
    for _ in 0..HOUR / STEP + 16 {
        bench.tick(vec![]);
    }
    assert_eq!(bench.find("a"), None, "nothing is left of it");
}

#[test]
fn a_reload_with_another_order_goes_on_under_the_same_name() {
    let mut bench = Bench::new(Config::default());
    let (one, other) = (gauges(&["a", "b"]), gauges(&["c", "b"]));
    bench.tick(vec![source("p", &one, &[1.0, 2.0], bench.now)]);
    bench.tick(vec![source("p", &other, &[3.0, 4.0], bench.now)]);
    bench.tick(vec![source("p", &one, &[5.0, 6.0], bench.now)]);
    assert_eq!(bench.values("b"), [Some(2.0), Some(4.0), Some(6.0)]);
    assert_eq!(bench.values("a"), [Some(1.0), None, Some(5.0)]);
}

#[test]
fn a_place_is_given_out_again_only_when_nothing_of_the_one_before_is_left() {
    let config = Config {
        retention: Span::seconds(60),
        ..Config::default()
    };
    let mut bench = Bench::new(config);
    for round in 0..200 {
        let name = format!("series_{round}");
        let schema = gauges(&[&name]);
        bench.tick(vec![source("p", &schema, &[f64::from(round)], bench.now)]);
        let values: Vec<f64> = bench.values(&name).into_iter().flatten().collect();
        assert_eq!(values, [f64::from(round)], "no value of another series");
    }
    let width = bench.writer.places.width();
    assert!(
        width <= 12 + 2 * TICKS,
        "{width} places for the series of a minute"
    );
}

#[test]
fn p08_s18_a_clock_step_loses_and_reorders_nothing() {
    for step in [-HOUR, HOUR, -1_000, 200] {
        let (mut bench, schema) = (Bench::new(Config::default()), gauges(&["a"]));
        for tick in 0..20 {
            if tick == 10 {
                bench.wall += step;
            }
            bench.tick(vec![source("p", &schema, &[f64::from(tick)], bench.now)]);
        }
        let ticks = bench.ticks("a");
        let values: Vec<_> = ticks.iter().filter_map(|(_, value)| *value).collect();
        assert_eq!(values, (0..20).map(f64::from).collect::<Vec<_>>(), "{step}");
        let spaced = ticks.windows(2).all(|pair| pair[1].0 - pair[0].0 == STEP);
        assert!(spaced, "after a step of {step} ms: {ticks:?}");
        let late = (ticks[19].0 - bench.wall).abs();
        assert!(late <= 250, "by the clock as it is now, but {late} ms off");
    }
}

#[test]
fn p08_a_suspend_leaves_a_gap() {
    let (mut bench, schema) = (Bench::new(Config::default()), gauges(&["a"]));
    bench.tick(vec![source("p", &schema, &[1.0], bench.now)]);
    bench.boot += HOUR / 2;
    bench.wall += HOUR / 2;
    bench.tick(vec![source("p", &schema, &[2.0], bench.now)]);
    let ticks = bench.ticks("a");
    assert_eq!(ticks[1].0 - ticks[0].0, HOUR / 2 + STEP);
}

#[test]
fn a_histogram_and_a_state_set_are_series_as_prometheus_names_them() {
    let schema = schema(|recorder| {
        let metric = Metric::histogram("h_seconds", "seconds", "h", &[], &[0.5, 2.0]);
        let metric = recorder
            .define(metric.expect("it is one"))
            .expect("it is new");
        recorder.series::<&str>(metric, &[]).expect("there is room");
        let metric = Metric::state_set("mode", "h", &[], &["idle", "busy"]).expect("it is one");
        let metric = recorder.define(metric).expect("it is new");
        recorder.series::<&str>(metric, &[]).expect("there is room");
    });
    let mut bench = Bench::new(Config::default());
    // Buckets, sum, created; the active state.
    let values = [3.0, 2.0, 1.0, 7.5, 9.0, 1.0];
    bench.tick(vec![source("p", &schema, &values, bench.now)]);
    let view = bench.writer.history().view();
    let mut shown: Vec<String> = view
        .series()
        .map(|(id, key)| {
            let labels: Vec<String> = key.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let value = view.samples(id, 0, i64::MAX).next().map(|(_, value)| value);
            format!(
                "{} {} {:?} {}",
                key.name,
                labels.join(","),
                value,
                key.cumulative
            )
        })
        .collect();
    shown.sort();
    let wanted = [
        "h_seconds_bucket le=+Inf,probe=p Some(6.0) true",
        "h_seconds_bucket le=0.5,probe=p Some(3.0) true",
        "h_seconds_bucket le=2,probe=p Some(5.0) true",
        "h_seconds_count probe=p Some(6.0) true",
        "h_seconds_sum probe=p Some(7.5) true",
        "mode mode=busy,probe=p Some(1.0) false",
        "mode mode=idle,probe=p Some(0.0) false",
    ];
    assert_eq!(shown, wanted);
}

#[test]
fn memory_bounds_the_past_and_the_series_and_both_are_counted() {
    let config = Config {
        max_memory: ByteSize::mib(1),
        ..Config::default()
    };
    let mut bench = Bench::new(config);
    let names: Vec<String> = (0..3_000).map(|index| format!("s_{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (many, values) = (gauges(&names), vec![1.0; 3_000]);
    for _ in 0..100 {
        bench.tick(vec![source("p", &many, &values, bench.now)]);
    }
    let view = bench.writer.history().view();
    let most = most_series(1 << 20);
    assert!((1_700..1_800).contains(&most), "{most} series");
    assert_eq!(view.series().count(), most);
    assert!(
        bench.writer.bytes <= 1 << 20,
        "room for those to come counts"
    );
    assert!(bench.writer.tally.squeezed.get() > 0);
    let kept = bench.values("s_0").len();
    assert!((LEAST_TICKS..100).contains(&kept), "{kept} ticks");
}

#[test]
fn after_a_burst_of_series_the_past_reaches_as_far_back_as_before() {
    let config = Config {
        max_memory: ByteSize::mib(1),
        retention: Span::seconds(3_600),
        ..Config::default()
    };
    let mut bench = Bench::new(config);
    let names: Vec<String> = (0..3_000).map(|index| format!("s_{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (own, many) = (gauges(&["own"]), gauges(&names));
    let lone = |now| source("p", &own, &[1.0], now);
    let hour = usize::try_from(HOUR / STEP).expect("it is positive");
    for _ in 0..hour + 16 {
        bench.tick(vec![lone(bench.now)]);
    }
    let whole = hour..hour + 2 * TICKS;
    let before = bench.values("own").len();
    assert!(whole.contains(&before), "{before} ticks");
    for _ in 0..100 {
        let burst = source("q", &many, &vec![1.0; 3_000], bench.now);
        bench.tick(vec![lone(bench.now), burst]);
    }
    assert!(
        bench.writer.tally.squeezed.get() > 0,
        "it took much of the memory"
    );
    for _ in 0..2 * hour {
        bench.tick(vec![lone(bench.now)]);
    }
    let after = bench.values("own").len();
    assert!(whole.contains(&after), "{after} ticks");
    let last = bench.writer.chunks.back().map(|chunk| chunk.width());
    assert_eq!(last, Some(lanes(1)), "no lanes of what is gone");
}

#[test]
fn series_that_come_and_go_begin_no_chunk_each_time() {
    let mut bench = Bench::new(Config::default());
    let names: Vec<String> = (0..100).map(|index| format!("s_{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (own, many) = (gauges(&["own"]), gauges(&names));
    for tick in 0..20 * TICKS {
        let mut sources = vec![source("p", &own, &[1.0], bench.now)];
        if tick % 3 == 0 {
            sources.push(source("q", &many, &[1.0; 100], bench.now));
        }
        bench.tick(sources);
    }
    assert_eq!(bench.writer.chunks.len(), 20);
}

#[test]
fn a_series_that_found_no_room_is_taken_in_when_there_is_some() {
    let config = Config {
        max_memory: ByteSize::mib(1),
        retention: Span::seconds(60),
        ..Config::default()
    };
    let mut bench = Bench::new(config);
    let most = most_series(1 << 20);
    let names: Vec<String> = (0..most).map(|index| format!("s_{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (many, late) = (gauges(&names), gauges(&["late"]));
    let source_of = |schema, count, now| source("p", schema, &vec![1.0; count], now);
    let lone = |now| source("q", &late, &[1.0], now);
    bench.tick(vec![source_of(&many, most, bench.now), lone(bench.now)]);
    assert_eq!(bench.values("late"), [], "it found no room");
    for _ in 0..40 {
        bench.tick(vec![lone(bench.now)]);
    }
    let last = bench.values("late").last().copied().flatten();
    assert_eq!(last, Some(1.0));
}

#[test]
fn a_reader_goes_on_with_what_it_began_while_the_past_is_let_go() {
    let config = Config {
        retention: Span::seconds(60),
        ..Config::default()
    };
    let (mut bench, schema) = (Bench::new(config), gauges(&["a"]));
    bench.tick(vec![source("p", &schema, &[1.0], bench.now)]);
    let view = bench.writer.history().view();
    let id = bench.find("a").expect("it is there");
    for _ in 0..100 {
        bench.tick(vec![source("p", &schema, &[2.0], bench.now)]);
    }
    let first = view.samples(id, 0, i64::MAX).next();
    assert_eq!(first.map(|(_, value)| value), Some(1.0));
    let samples = view.samples(id, 0, i64::MAX);
    let all = Aggregates::of(samples, &mut Scratch::default()).expect("there are samples");
    assert_eq!(all.count, TICKS, "the chunk that it began with");
}
