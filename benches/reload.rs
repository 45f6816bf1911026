//! From the last write of a component to its first value in the snapshot, and where the time goes.
//!
//! `cargo bench --bench reload`. Each row is the median and the 90th percentile of a number of reloads of one component in a
//! running program: bytes never seen before, which are compiled, and bytes whose compiled code is in the cache.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and a failed step ends it"
)]

#[path = "../tests/support/guest.rs"]
#[allow(dead_code)]
mod guest;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use guest::Guest;
use probity::app::App;
use probity::config::{Config, Loaded, Origin};
use probity::model::Span;
use probity::probe::Compiler;
use probity::snapshot::Snapshot;
use tokio::runtime::Runtime;

/// Reloads a row.
const RELOADS: usize = 40;

/// One reload's time, and its parts.
#[derive(Clone, Copy)]
struct Reload {
    total: Duration,
    /// From the last write until the catalogue knew of it.
    noticed: Duration,
    compiled: Duration,
    /// Reading, hashing, checking and the trial.
    tried: Duration,
    /// The first run, and the snapshot.
    shown: Duration,
}

/// As the program itself compiles.
fn compiler() -> Compiler {
    Compiler::Child(env!("CARGO_BIN_EXE_probity").into())
}

struct Bench {
    runtime: Runtime,
    app: App,
    folder: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.probes.folder = folder.path().join("probes");
        config.state.directory = Some(folder.path().join("state"));
        // Only the first run of each version counts here.
        config.probes.interval = Span::seconds(3600);
        fs::create_dir(&config.probes.folder).unwrap();
        let loaded = Loaded {
            state_directory: folder.path().join("state"),
            config,
            origin: Origin {
                file: None,
                overrides: Vec::new(),
            },
            ..Loaded::default()
        };
        let runtime = Runtime::new().unwrap();
        let app = runtime
            .block_on(App::start_with(&loaded, Vec::new(), compiler()))
            .unwrap();
        Self {
            runtime,
            app,
            folder,
        }
    }

    /// Writes the bytes over the probe's file and waits for the run of that version.
    fn reload(&self, bytes: &[u8]) -> Reload {
        let digest = format!("blake3:{}", blake3::hash(bytes).to_hex());
        let folder = self.folder.path().join("probes");
        fs::write(folder.join("part"), bytes).unwrap();
        let mut changes = self.app.snapshots().changes();
        fs::rename(folder.join("part"), folder.join("guest.wasm")).unwrap();
        let (written, wall) = (Instant::now(), SystemTime::now());
        let found = async {
            loop {
                changes.changed().await.unwrap();
                let snapshot = self.app.snapshots().load().unwrap();
                if let Some(runs) = runs_of(&snapshot, &digest).filter(|runs| *runs > 0) {
                    return (snapshot, runs, written.elapsed());
                }
            }
        };
        let (snapshot, _, total) = self.runtime.block_on(found);
        parts(&snapshot, total, wall)
    }
}

/// How often the version with this digest has run well, if it is the one that runs.
fn runs_of(snapshot: &Snapshot, digest: &str) -> Option<u64> {
    let mut probes = snapshot.probes.iter();
    let view = probes.find(|view| view.identity.digest == digest)?;
    let since = view.status.last_success?;
    let swapped = snapshot.operations.first()?.started;
    Some(u64::from(since >= swapped))
}

fn parts(snapshot: &Arc<Snapshot>, total: Duration, wall: SystemTime) -> Reload {
    let operation = &snapshot.operations[0];
    let compiled = snapshot.probes[0].identity.compile;
    let noticed = operation.started.duration_since(wall).unwrap_or_default();
    Reload {
        total,
        noticed,
        compiled,
        tried: operation.duration.saturating_sub(compiled),
        shown: total.saturating_sub(noticed + operation.duration),
    }
}

/// A component of about this size, all of it code that the compiler has to work on.
fn component(kibibytes: usize) -> Vec<u8> {
    let function = |number: usize| {
        let body: String = (0..40)
            .map(|step| {
                format!(
                    "(local.set $x (i32.add (i32.mul (local.get $x) (i32.const {})) (i32.load offset={} (i32.and (local.get $x) (i32.const 1023)))))
                     (if (i32.gt_u (local.get $x) (i32.const {})) (then (local.set $x (i32.rotl (local.get $x) (i32.const {step})))))",
                    number * 31 + step,
                    step * 4,
                    number * 977 + step
                )
            })
            .collect();
        format!("(func $f{number} (param $x i32) (result i32) {body} (local.get $x))")
    };
    let make = |count: usize| {
        let functions: String = (0..count).map(function).collect();
        let table: String = (0..count).map(|number| format!(" $f{number}")).collect();
        Guest::new()
            .text("name", "value")
            .text("help", "Help.")
            .text("empty", "")
            .extra(&format!("{functions} (table {count} funcref) (elem (i32.const 0){table})"))
            .collect(
                "(call $gauge.define %name %empty %help %empty (i32.const 16))
                 (call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 16)) (call $pass-on)",
            )
            .build()
    };
    let (empty, one) = (make(1).len(), make(11).len());
    let each = (one - empty) / 10;
    make((kibibytes * 1024).saturating_sub(empty) / each + 1)
}

/// The same component with another digest: a custom section at its end.
fn marked(bytes: &[u8], mark: u32) -> Vec<u8> {
    let mut marked = bytes.to_vec();
    marked.extend([0, 9, 4]);
    marked.extend(b"mark");
    marked.extend(mark.to_le_bytes());
    marked
}

fn row(name: &str, mut reloads: Vec<Reload>) {
    reloads.sort_by_key(|reload| reload.total);
    let (median, late) = (reloads[reloads.len() / 2], reloads[reloads.len() * 9 / 10]);
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!(
        "{name:<22} p50 {:>7.1} ms   p90 {:>7.1} ms   of the median: noticed {:.1}, compiled or loaded {:.1}, read and tried {:.1}, run and shown {:.1}",
        ms(median.total),
        ms(late.total),
        ms(median.noticed),
        ms(median.compiled),
        ms(median.tried),
        ms(median.shown)
    );
}

fn main() {
    let bench = Bench::start();
    let sockets = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/probes/saturation.wasm"
    ));
    let saturation = fs::read(sockets).unwrap();
    let mut mark = 0;
    let named = [
        ("saturation", saturation),
        ("generated", component(75)),
        ("generated", component(250)),
    ];
    for (name, bytes) in named {
        let name = format!("{name}, {} KiB", bytes.len() / 1024);
        let mut versions = Vec::new();
        let fresh = (0..RELOADS).map(|_| {
            mark += 1;
            versions.push(marked(&bytes, mark));
            bench.reload(versions.last().unwrap())
        });
        row(&format!("{name}, new"), fresh.collect());
        // The last version runs already.
        let cached = versions[..versions.len() - 1]
            .iter()
            .map(|bytes| bench.reload(bytes));
        row(&format!("{name}, cached"), cached.collect());
    }
    bench.runtime.block_on(bench.app.stop());
}
