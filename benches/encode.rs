//! Encoding 10,000 series as text, beside the prometheus-client crate with the same series.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/snapshots.rs"]
mod snapshots;

use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use probity::export::{Encoder, Format};
use probity::model::{Metric, MetricKind};
use probity::snapshot::Snapshot;
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::Registry;

const FAMILIES: usize = 100;
const SERIES_EACH: usize = 100;
const SERIES: usize = FAMILIES * SERIES_EACH;

/// A third whole numbers, a third short fractions, a third with all digits.
fn value(index: usize) -> f64 {
    match index % 3 {
        0 => (index * 1_234_567) as f64,
        1 => index as f64 / 4.0,
        _ => (index as f64).sqrt(),
    }
}

fn labels(index: usize) -> (String, String) {
    (format!("device-{index}"), format!("/mnt/volume/{index}"))
}

fn ours() -> Snapshot {
    let machine = snapshots::sampler("machine", |recorder| {
        for family in 0..FAMILIES {
            let (kind, name) = kind_and_name(family);
            let keys = ["device", "mountpoint"];
            let metric = Metric::new(kind, &name, "", "A value.", &keys).unwrap();
            for index in 0..SERIES_EACH {
                let (device, mountpoint) = labels(index);
                let value = value(family * SERIES_EACH + index);
                snapshots::record(recorder, &metric, &[&device, &mountpoint], value);
            }
        }
    });
    snapshots::snapshot(1, vec![machine])
}

fn kind_and_name(family: usize) -> (MetricKind, String) {
    if family.is_multiple_of(2) {
        (MetricKind::Gauge, format!("bench_value_{family}"))
    } else {
        (MetricKind::Counter, format!("bench_value_{family}_total"))
    }
}

type Labels = Vec<(String, String)>;

fn theirs() -> Registry {
    let mut registry = Registry::default();
    for family in 0..FAMILIES {
        let gauges = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        let counters = Family::<Labels, Counter<f64, AtomicU64>>::default();
        for index in 0..SERIES_EACH {
            let (device, mountpoint) = labels(index);
            let labels = vec![
                ("device".to_owned(), device),
                ("mountpoint".to_owned(), mountpoint),
            ];
            let value = value(family * SERIES_EACH + index);
            if family.is_multiple_of(2) {
                gauges.get_or_create(&labels).set(value);
            } else {
                counters.get_or_create(&labels).inc_by(value);
            }
        }
        let name = format!("bench_value_{family}");
        if family.is_multiple_of(2) {
            registry.register(name, "A value", gauges);
        } else {
            registry.register(name, "A value", counters);
        }
    }
    registry
}

/// The median time of one call, in nanoseconds a series.
fn median(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = (0..101)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[50].as_secs_f64() * 1e9 / SERIES as f64
}

fn main() {
    let (snapshot, registry) = (ours(), theirs());
    let mut text = Encoder::new(Format::Prometheus);
    let mut open = Encoder::new(Format::OpenMetrics);
    // Freshness is judged as of the making: a bench that runs for long must not encode less and less.
    let now = Instant::now();
    assert_eq!(text.encode(&snapshot, now).series, SERIES);
    let mut encode_text = || drop(black_box(text.encode(&snapshot, now)));
    let mut encode_open = || drop(black_box(open.encode(&snapshot, now)));
    let mut encode_theirs = || {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &registry).unwrap();
        black_box(out);
    };
    let prepare = || {
        let mut encoder = Encoder::new(Format::Prometheus);
        drop(black_box(encoder.encode(&snapshot, now)));
    };
    let figures = [
        ("prometheus text 0.0.4", median(&mut encode_text)),
        (
            "openmetrics 1.0.0 (with _created)",
            median(&mut encode_open),
        ),
        ("prometheus-client crate", median(&mut encode_theirs)),
        ("prometheus text, plan not prepared", median(prepare)),
    ];
    println!("\nencoding {SERIES} series, median of 101 runs");
    for (name, nanoseconds) in figures {
        println!("  {name:<36}{nanoseconds:>8.1} ns a series");
    }
    let ratio = figures[2].1 / figures[0].1;
    println!("  prometheus-client / ours: {ratio:.1} (target: under 40 ns a series)\n");

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("encode_10000_series");
    group.throughput(Throughput::Elements(SERIES as u64));
    group.bench_function("prometheus_text", |bencher| bencher.iter(&mut encode_text));
    group.bench_function("openmetrics", |bencher| bencher.iter(&mut encode_open));
    group.bench_function("prometheus_client", |bencher| {
        bencher.iter(&mut encode_theirs);
    });
    group.finish();
    criterion.final_summary();
}
