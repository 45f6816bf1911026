//! What a run of a resident probe costs: from its due time to the committed observation, beside the bare typed call of
//! the same guest and beside spawning `/bin/true`.
//!
//! CPU time of the whole process is counted, for a run crosses threads: `cargo bench --bench probe`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and a failed step ends it"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use probity::health;
use probity::merge::Merge;
use probity::model::{Outcome, SourceInfo, SourceKind, Update};
use probity::probe::{
    Candidate, Config, Due, Loaded, Probe, ProbeConfig, ProbeHost, Surroundings, Trigger, load,
};
use probity::snapshot::{Snapshot, SnapshotCell};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use wasmtime::component::{Component, Linker, Resource, ResourceType};
use wasmtime::{Engine, Store};

const GUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/guest.wasm");
const DUE: Due = Due {
    trigger: Trigger::Test,
    lateness: Duration::ZERO,
    missed: 0,
};

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// CPU time of one of `iterations` runs, as criterion wants it: for all of them.
fn counting(iterations: u64, mut once: impl FnMut()) -> Duration {
    let before = cpu();
    (0..iterations).for_each(|_| once());
    cpu() - before
}

fn probe(host: &Arc<ProbeHost>, metrics: usize) -> Box<Probe> {
    let config = ProbeConfig {
        config: toml::Table::from_iter([(
            "metrics".to_owned(),
            toml::Value::Integer(metrics as i64),
        )]),
        ..ProbeConfig::unmentioned("bench")
    };
    let candidate = Candidate {
        name: "bench".into(),
        file: GUEST.into(),
        generation: 1,
    };
    match load(host, &candidate, &Config::default(), &config) {
        Loaded::Fit(version) => Box::new(Probe::new(version)),
        Loaded::Rejected(_, failure) => panic!("{failure}"),
    }
}

/// The whole way: run on the guests' runtime, channel, merge, published snapshot.
fn to_committed(criterion: &mut Criterion, metrics: usize) {
    let runtime = Runtime::new().unwrap();
    let cell = Arc::new(SnapshotCell::new());
    let around = Surroundings {
        snapshots: cell.clone(),
        ..Surroundings::default()
    };
    let host = ProbeHost::new(&Config::default(), around).unwrap();
    let mut probe = probe(&host, metrics);
    let (updates, received) = mpsc::channel(16);
    let merge = Merge::new(
        received,
        cell.clone(),
        health::Watch::new(&health::Config::default()),
        Vec::new(),
    )
    .unwrap();
    runtime.spawn(merge.run());
    let source = SourceInfo {
        name: "bench".into(),
        kind: SourceKind::Probe,
        interval: Duration::from_secs(1),
    };
    runtime
        .block_on(updates.send(Update::Source(source)))
        .unwrap();
    let mut committed = 0;
    criterion.bench_function(
        &format!("{metrics} metrics, due to committed (CPU)"),
        |bencher| {
            bencher.iter_custom(|iterations| {
                committed += iterations;
                let before = cpu();
                runtime.block_on(async {
                    for _ in 0..iterations {
                        let observation = probe.run(DUE).await;
                        assert!(
                            matches!(observation.outcome, Outcome::Ok),
                            "{:?}",
                            observation.outcome
                        );
                        let update = Update::Observation(Box::new(observation));
                        updates.send(update).await.unwrap();
                    }
                    until_published(&cell, committed).await;
                });
                cpu() - before
            })
        },
    );
}

/// Waits for the snapshot that holds this many runs.
async fn until_published(cell: &SnapshotCell, runs: u64) {
    let mut changes = cell.changes();
    let holds = |snapshot: &Snapshot| snapshot.sources[0].runs.runs >= runs;
    while !cell.load().is_some_and(|snapshot| holds(&snapshot)) {
        changes.changed().await.unwrap();
    }
}

/// A host that does nothing: what the calls themselves cost.
fn bare_linker(engine: &Engine, component: &Component, metrics: usize) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    linker.define_unknown_imports_as_traps(component).unwrap();
    let mut failure = linker.instance("probity:host/failure@0.1.0").unwrap();
    failure
        .resource("failure", ResourceType::host::<u8>(), |_, _| Ok(()))
        .unwrap();
    let mut config = linker.instance("probity:host/config@0.1.0").unwrap();
    config
        .func_wrap("get", move |_, (_key,): (String,)| {
            Ok((Some(metrics.to_string()),))
        })
        .unwrap();
    let mut bare = linker.instance("probity:metrics/metrics@0.1.0").unwrap();
    bare.resource("failure", ResourceType::host::<u8>(), |_, _| Ok(()))
        .unwrap();
    bare.resource("gauge", ResourceType::host::<u16>(), |_, _| Ok(()))
        .unwrap();
    type Answer<T> = wasmtime::Result<(Result<T, Resource<u8>>,)>;
    bare.func_wrap(
        "[static]gauge.define",
        |_, _: (String, String, String, Vec<String>)| -> Answer<Resource<u16>> {
            Ok((Ok(Resource::new_own(1)),))
        },
    )
    .unwrap();
    bare.func_wrap(
        "[method]gauge.set",
        |_, _: (Resource<u16>, Vec<String>, f64)| -> Answer<()> { Ok((Ok(()),)) },
    )
    .unwrap();
    bare.func_wrap(
        "[method]gauge.bind",
        |_, _: (Resource<u16>, Vec<String>)| -> Answer<u32> { Ok((Ok(1),)) },
    )
    .unwrap();
    bare.func_wrap("set-bound", |_, _: (Vec<u32>, Vec<f64>)| -> Answer<()> {
        Ok((Ok(()),))
    })
    .unwrap();
    linker
}

fn bare_call(criterion: &mut Criterion, metrics: usize) {
    let mut config = wasmtime::Config::new();
    config
        .gc_support(false)
        .concurrency_support(false)
        .epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_binary(&engine, &std::fs::read(GUEST).unwrap()).unwrap();
    let linker = bare_linker(&engine, &component, metrics);
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    let runtime = Runtime::new().unwrap();
    let instance = runtime
        .block_on(linker.instantiate_async(&mut store, &component))
        .unwrap();
    let interface = instance
        .get_export_index(&mut store, None, "probity:probe/collector@0.1.0")
        .unwrap();
    let mut function = |name: &str| {
        let index = instance
            .get_export_index(&mut store, Some(&interface), name)
            .unwrap();
        instance
            .get_typed_func::<(), (Result<(), Resource<u8>>,)>(&mut store, index)
            .unwrap()
    };
    let (start, collect) = (function("start"), function("collect"));
    runtime
        .block_on(start.call_async(&mut store, ()))
        .unwrap()
        .0
        .unwrap();
    criterion.bench_function(
        &format!("{metrics} metrics, bare typed call (CPU)"),
        |bencher| {
            bencher.iter_custom(|iterations| {
                counting(iterations, || {
                    runtime
                        .block_on(collect.call_async(&mut store, ()))
                        .unwrap()
                        .0
                        .unwrap()
                })
            });
        },
    );
}

fn spawn(criterion: &mut Criterion) {
    criterion.bench_function("spawn /bin/true (wall)", |bencher| {
        bencher.iter_custom(|iterations| {
            let began = Instant::now();
            for _ in 0..iterations {
                assert!(
                    std::process::Command::new("/bin/true")
                        .status()
                        .unwrap()
                        .success()
                );
            }
            began.elapsed()
        });
    });
}

fn all(criterion: &mut Criterion) {
    for metrics in [10, 1000] {
        bare_call(criterion, metrics);
        to_committed(criterion, metrics);
    }
    spawn(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
