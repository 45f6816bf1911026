//! What compiling costs: in this process, in a child as the program does it, and from the cache.
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
use wasmtime::Engine;

/// Compiles of each component.
const ROUNDS: usize = 7;
fn median(mut once: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| once()).collect();
    times.sort();
    times[ROUNDS / 2]
}

fn engine() -> Engine {
    let mut config = wasmtime::Config::new();
    config
        .gc_support(false)
        .wasm_threads(false)
        .concurrency_support(false)
        .epoch_interruption(true);
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
    let engine = engine();
    let bare = median(|| timed(|| engine.precompile_component(&bytes).unwrap()));
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
        "{:>4} KB: compiled {bare:.1?}, loaded through a child {child:.1?}, from the cache {:.1?}",
        bytes.len() / 1024,
        median(|| loading(&host, file)),
    );
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
}
