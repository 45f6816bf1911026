//! The past: what an hour of a thousand series takes, appending a tick, and what questions about it cost, in the process and
//! over HTTP, beside the least that could be done.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/snapshots.rs"]
mod snapshots;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::history::{Aggregates, Config, History, Moment, Scratch, SeriesId, Writer};
use probity::http::{Config as ServerConfig, Handles, HttpTally, Server};
use probity::model::{Metric, MetricKind, Point, Tally};
use probity::query::{Query, Terms, Window};
use probity::snapshot::{Snapshot, SnapshotCell, SourceView};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// An hour at 5 s.
const TICKS: usize = 720;
const SERIES: usize = 1_000;
const MANY: usize = 10_000;

/// From one tick to the next, in milliseconds.
const STEP: i64 = 5_000;

/// A number with all digits that tells nothing of the one before or after it (the mixing function of SplitMix64).
fn value(series: usize, tick: usize) -> f64 {
    let seed = ((series as u64) << 32) + tick as u64 + 1;
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) as f64 / u64::MAX as f64 * 1e3
}

/// So many gauges.
fn shown(series: usize) -> Snapshot {
    let machine = snapshots::sampler("machine", |recorder| {
        let kind = MetricKind::Gauge;
        let metric = Metric::new(kind, "bench_value", "", "A value.", &["index"]).unwrap();
        for index in 0..series {
            snapshots::record(recorder, &metric, &[&index.to_string()], 0.0);
        }
    });
    snapshots::ageless(snapshots::snapshot(1, vec![machine]))
}

/// The same series with the values of a tick: as in the merge's snapshots, the schema is one and the same.
fn at(snapshot: &Snapshot, tick: usize) -> Snapshot {
    let source = &snapshot.sources[0];
    let points = source.points.iter().enumerate();
    let points = points.map(|(series, point)| Point {
        value: value(series, tick),
        ..*point
    });
    let source = SourceView {
        points: points.collect(),
        ..SourceView::clone(source)
    };
    Snapshot {
        sources: vec![Arc::new(source)],
        ..snapshot.clone()
    }
}

/// Ticks at their distance, the last of the hour being now.
struct Clock(Moment);

impl Clock {
    fn moment(&self, tick: usize) -> Moment {
        let since_last = (tick as i64 - (TICKS as i64 - 1)) * STEP;
        Moment {
            boot: self.0.boot + since_last,
            wall: self.0.wall + since_last,
        }
    }
}

/// An hour of these series.
fn filled(snapshot: &Snapshot, clock: &Clock) -> Writer {
    let mut writer = Writer::new(&Config::default(), &mut Tally::default());
    // All values are as fresh as when the snapshot was made.
    let now = Instant::now();
    for tick in 0..TICKS {
        writer.record_at(&at(snapshot, tick), now, clock.moment(tick));
    }
    writer
}

fn times(rounds: usize, mut work: impl FnMut()) -> [Duration; 3] {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort();
    [times[0], times[rounds / 2], times[rounds * 99 / 100]]
}

fn line(name: &str, [least, median, p99]: [Duration; 3], target: &str) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let (least, median, p99) = (micros(least), micros(median), micros(p99));
    println!("  {name:<44}{least:>10.1}{median:>10.1}{p99:>10.1}   {target}");
}

fn aggregates_of(history: &History, ids: &[SeriesId]) -> f64 {
    let (view, mut scratch) = (history.view(), Scratch::default());
    let all = ids.iter().map(|id| {
        let samples = view.samples(*id, i64::MIN / 2, i64::MAX / 2);
        Aggregates::of(samples, &mut scratch).map_or(0.0, |all| all.p95)
    });
    all.sum()
}

/// The least there is to do: the same numbers in the same order, lying ready in one piece.
fn floor(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend_from_slice(values);
    let sum: f64 = scratch.iter().sum();
    let least = scratch.iter().copied().fold(f64::INFINITY, f64::min);
    let most = scratch.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let place = values.len() * 95 / 100;
    let (_, p95, _) = scratch.select_nth_unstable_by(place, f64::total_cmp);
    sum + least + most + *p95
}

/// Resident memory of this process that belongs to it alone, in bytes.
fn private_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find(|line| line.starts_with("Private_Dirty:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1024
}

fn main() {
    let snapshot = shown(SERIES);
    let clock = Clock(Moment::now());
    let before = private_bytes();
    let writer = filled(&snapshot, &clock);
    let held = private_bytes() - before;
    let history = writer.history();
    println!("\n{SERIES} series, {TICKS} ticks");
    println!(
        "  private-dirty memory, index included: {:.2} MB (target: under 7)",
        held as f64 / 1e6
    );
    println!("  microseconds{:>44}{:>10}{:>10}", "least", "median", "p99");
    // Another series each time: the same one again and again would be learned by heart.
    let column = |series| (0..TICKS).map(|tick| value(series, tick)).collect();
    let columns: Vec<Vec<f64>> = (0..SERIES).map(column).collect();
    let ids: Vec<SeriesId> = history.view().series().map(|(id, _)| id).collect();
    let (mut scratch, mut next) = (Vec::new(), (0..SERIES).cycle());
    let mut series = || next.next().unwrap();
    let bare = times(2_000, || {
        _ = black_box(floor(&columns[series()], &mut scratch))
    });
    line("floor: one series in one piece, p95 only", bare, "");
    let ours = times(2_000, || {
        let series = series();
        _ = black_box(aggregates_of(&history, &ids[series..=series]))
    });
    line("one series' aggregates", ours, "target: 5");
    let all = times(50, || _ = black_box(aggregates_of(&history, &ids)));
    line("all series' aggregates", all, "target: 4000");
    let ratio = ours[1].as_secs_f64() / bare[1].as_secs_f64();
    println!("  one series / floor: {ratio:.2}");
    in_promql(&history);
    append();
    over_http(history);
}

/// A graph of an hour in 240 steps, its expression read each time.
fn in_promql(history: &History) {
    let view = history.view();
    let (_, end) = view.span().unwrap();
    let (hour, step) = (3_600_000, 15_000);
    let window = Window {
        start: end - hour,
        end,
        step,
    };
    let graph = |text: &str| {
        let query = Query::parse(text).unwrap();
        query.over(&*view, window, &Terms::default()).unwrap()
    };
    let one = times(1_000, || {
        black_box(graph("bench_value{index=\"7\"}"));
    });
    line("one series' graph in PromQL", one, "target: 1000");
    let all = times(20, || {
        black_box(graph("sum(rate(bench_value[1m]))"));
    });
    line("all series' rates summed in PromQL", all, "");
}

fn append() {
    for series in [SERIES, MANY] {
        let snapshot = shown(series);
        let clock = Clock(Moment::now());
        let mut writer = filled(&snapshot, &clock);
        let now = Instant::now();
        let shown: Vec<Snapshot> = (0..16).map(|tick| at(&snapshot, tick)).collect();
        let mut tick = TICKS;
        let name = format!("appending a tick to {series} series");
        let target = if series == MANY { "target: 100" } else { "" };
        // From now on what is older than an hour goes.
        let taken = times(1_000, || {
            writer.record_at(&shown[tick % shown.len()], now, clock.moment(tick));
            tick += 1;
        });
        line(&name, taken, target);
    }
}

fn over_http(history: History) {
    let runtime = Runtime::new().unwrap();
    let server = {
        let _inside = runtime.enter();
        let tally = HttpTally::new(&mut Tally::default());
        let cell = Arc::new(SnapshotCell::new());
        let handles = Handles {
            history: Some(history),
            ..Handles::new(cell, Arc::new(tally))
        };
        let config = ServerConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..ServerConfig::default()
        };
        Server::bind(&config, handles).unwrap()
    };
    let address = server.local_addr();
    let stop = CancellationToken::new();
    let served = runtime.spawn(server.run(stop.clone()));
    let mut client = Client::connect(address);
    let one = "/api/v1/aggregates?series=bench_value%7Bindex=%227%22%7D";
    let taken = times(2_000, || client.get(one));
    line("one series' aggregates over HTTP", taken, "target: 1000");
    let taken = times(50, || client.get("/api/v1/aggregates?series=bench_value"));
    line("all series' aggregates over HTTP", taken, "");
    stop.cancel();
    drop(client);
    runtime.block_on(served).unwrap().unwrap();
}

/// One kept-alive connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; 64 << 10],
        }
    }

    fn get(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        loop {
            let read = self.stream.read(&mut self.buffer).unwrap();
            assert!(read > 0, "the server hung up");
            answer.extend_from_slice(&self.buffer[..read]);
            if let Some(length) = whole(&answer) {
                assert!(answer.starts_with(b"HTTP/1.1 200"));
                assert_eq!(answer.len(), length);
                return;
            }
        }
    }
}

/// The length of a whole answer, once it is there.
fn whole(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let length: usize = length.trim().parse().unwrap();
    (answer.len() >= head + length).then_some(head + length)
}
