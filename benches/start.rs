//! How long a start takes until every probe has given its first value, and what an instance costs in memory.
//!
//! `cargo bench --bench start`. A hundred components whose compiled code is in the cache, then a thousand.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and a failed step ends it"
)]

#[path = "../tests/support/guest.rs"]
#[allow(dead_code, missing_docs)]
mod guest;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use guest::Guest;
use probity::app::App;
use probity::config::{Config, Loaded, Origin};
use probity::model::{ProbeState, Span};
use probity::probe::Compiler;
use tokio::runtime::Runtime;

/// Starts that are timed, after one that fills the cache.
const STARTS: usize = 9;

/// A component of its own for each number.
fn component(number: usize) -> Vec<u8> {
    Guest::new()
        .text("name", &format!("value_{number}"))
        .text("help", "Help.")
        .text("empty", "")
        .collect(
            "(call $gauge.define %name %empty %help %empty (i32.const 16))
             (call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 16)) (call $pass-on)",
        )
        .build()
}

fn loaded(folder: &Path) -> Loaded {
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.probes.folder = folder.join("probes");
    config.probes.interval = Span::seconds(60);
    config.state.directory = Some(folder.join("state"));
    Loaded {
        config,
        origin: Origin {
            file: None,
            overrides: Vec::new(),
        },
        state_directory: folder.join("state"),
        ..Loaded::default()
    }
}

/// Starts, waits until so many probes are active, and stops. Gives the time, and what the process had more of then.
fn start(runtime: &Runtime, folder: &Path, probes: usize) -> (Duration, Memory) {
    let before = Memory::now();
    let began = Instant::now();
    let (app, took) = runtime.block_on(async {
        let compiler = Compiler::Child(env!("CARGO_BIN_EXE_probity").into());
        let app = App::start_with(&loaded(folder), Vec::new(), compiler)
            .await
            .unwrap();
        let mut changes = app.snapshots().changes();
        loop {
            changes.changed().await.unwrap();
            let snapshot = app.snapshots().load().unwrap();
            let all = snapshot.probes.iter();
            let active = all
                .filter(|view| view.status.state == ProbeState::Active)
                .count();
            if active == probes {
                break;
            }
        }
        (app, began.elapsed())
    });
    let grown = Memory::now().since(&before);
    runtime.block_on(app.stop());
    (took, grown)
}

/// Bytes of the process.
struct Memory {
    resident: i64,
    private_dirty: i64,
}

impl Memory {
    fn now() -> Self {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let of = |key: &str| {
            let line = rollup.lines().find(|line| line.starts_with(key)).unwrap();
            let kib: i64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kib * 1024
        };
        Self {
            resident: of("Rss:"),
            private_dirty: of("Private_Dirty:"),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            resident: self.resident - before.resident,
            private_dirty: self.private_dirty - before.private_dirty,
        }
    }
}

fn main() {
    let runtime = Runtime::new().unwrap();
    for probes in [100, 1000] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("probes")).unwrap();
        for number in 0..probes {
            let file = format!("probes/value-{number}.wasm");
            fs::write(folder.path().join(file), component(number)).unwrap();
        }
        let (first, _) = start(&runtime, folder.path(), probes);
        let mut starts: Vec<_> = (0..STARTS)
            .map(|_| start(&runtime, folder.path(), probes))
            .collect();
        starts.sort_by_key(|(took, _)| *took);
        let (median, grown) = &starts[STARTS / 2];
        let each = |bytes: i64| bytes as f64 / 1024.0 / probes as f64;
        println!(
            "{probes} probes: first start {:.0} ms, from the cache {:.0} ms (median of {STARTS}); {:.1} KiB resident and {:.1} KiB private-dirty each",
            first.as_secs_f64() * 1e3,
            median.as_secs_f64() * 1e3,
            each(grown.resident),
            each(grown.private_dirty)
        );
    }
}
