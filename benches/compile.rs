//! What compiling costs: the optimising compiler beside the baseline one, in this process and in a child, and from the
//! cache; and what code of either compiler costs to run.
//!
//! Medians of wall time: `cargo bench --bench compile`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and a failed step ends it"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use probity::probe::{
    Candidate, Compiler, Config, Loaded, ProbeConfig, ProbeHost, Surroundings, load,
};
use wasmtime::{Engine, Instance, Module, Store, Strategy};

/// Compiles of each component.
const ROUNDS: usize = 7;
/// Calls that are timed together.
const CALLS: u32 = 20;

/// Work of three kinds: calls, memory, arithmetic.
const WORK: &str = r#"(module
  (memory 1)
  (func $fib (export "calls") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "memory") (param $n i32) (result i32) (local $at i32) (local $sum i32)
    (loop $next
      (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1)))
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $n))))
    (local.get $sum))
  (func (export "arithmetic") (param $n i32) (result i32) (local $x f64)
    (loop $next
      (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 0.5)) (f64.convert_i32_u (local.get $n))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.trunc_sat_f64_s (local.get $x))))"#;

fn median(mut once: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| once()).collect();
    times.sort();
    times[ROUNDS / 2]
}

fn engine(strategy: Strategy) -> Engine {
    let mut config = wasmtime::Config::new();
    config
        .gc_support(false)
        .wasm_threads(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .strategy(strategy);
    Engine::new(&config).unwrap()
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    let done = work();
    let took = began.elapsed();
    drop(done);
    took
}

/// The whole way of a file that is loaded, from its bytes on disk.
fn loading(host: &std::sync::Arc<ProbeHost>, file: &Path) -> Duration {
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let candidate = Candidate {
        file: file.to_owned(),
        name: name.clone(),
        generation: 1,
    };
    let section = ProbeConfig::unmentioned(&name);
    timed(
        || match load(host, &candidate, &Config::default(), &section) {
            Loaded::Fit(version) => version,
            Loaded::Rejected(_, failure) => panic!("{failure}"),
        },
    )
}

fn compiling(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let with = |strategy| {
        let engine = engine(strategy);
        median(|| timed(|| engine.precompile_component(&bytes).unwrap()))
    };
    let folder = tempfile::tempdir().unwrap();
    let around = Surroundings {
        attempts: Some(folder.path().join("compiling")),
        compiler: Compiler::Child(env!("CARGO_BIN_EXE_probity").into()),
        ..Surroundings::default()
    };
    let host = ProbeHost::new(&Config::default(), around.clone()).unwrap();
    let child = median(|| loading(&host, file));
    let cache = Some(folder.path().join("compiled"));
    let host = ProbeHost::new(&Config::default(), Surroundings { cache, ..around }).unwrap();
    loading(&host, file);
    println!(
        "{:>4} KB: optimising {:.1?}, baseline {:.1?}; loaded through a child {child:.1?}, from the cache {:.1?}",
        bytes.len() / 1024,
        with(Strategy::Cranelift),
        with(Strategy::Winch),
        median(|| loading(&host, file)),
    );
}

fn running(export: &str, argument: i32) {
    let module = wat::parse_str(WORK).unwrap();
    let with = |strategy| {
        let engine = engine(strategy);
        let module = Module::new(&engine, &module).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let function = instance
            .get_typed_func::<i32, i32>(&mut store, export)
            .unwrap();
        median(|| {
            let calls = || {
                for _ in 0..CALLS {
                    function.call(&mut store, argument).unwrap();
                }
            };
            timed(calls) / CALLS
        })
    };
    let (optimised, baseline) = (with(Strategy::Cranelift), with(Strategy::Winch));
    let times = baseline.as_secs_f64() / optimised.as_secs_f64();
    println!("{export}: optimised {optimised:.1?}, baseline {baseline:.1?}, {times:.1} times");
}

fn main() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "benches/guest.wasm",
        "probes/saturation.wasm",
        "probes/sockets.wasm",
    ] {
        compiling(&project.join(file));
    }
    for (export, argument) in [("calls", 22), ("memory", 60_000), ("arithmetic", 60_000)] {
        running(export, argument);
    }
}
