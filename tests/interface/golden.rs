//! The golden corpus: probes as they were compiled when an interface was new, never built again. Each has to load and run
//! well on every host that speaks that interface or a later one of its line.
//!
//! | file | what it is |
//! |---|---|
//! | `text.wasm` | component text: a gauge, a counter, a check, state, a log line |
//! | `world.wasm` | the same with the whole world imported, as Python's and JavaScript's tools do |
//! | `c.wasm` | C, from `c.c` with clang 19 and wasi-libc: the same and a histogram, with labels |
//! | `zig.wasm` | Zig 0.17, from `zig.zig`: a gauge with labels, a counter, a check, state, a log line |
//! | `rust.wasm` | Rust for wasm32-unknown-unknown: a gauge with labels, configuration |

use std::fs;
use std::path::{Path, PathBuf};

use probity::model::{Outcome, ProbeState};
use probity::probe::Limits;

use crate::support::bench::{Bench, loaded, named_gauge, run};
use crate::support::guest::Guest;

/// Larger ones do not belong into the repository.
const MAX_BYTES: u64 = 60 * 1024;

/// What `text.wasm` and `world.wasm` were made from.
fn text() -> Guest {
    named_gauge("golden_depth")
        .text("counter", "golden_runs_total")
        .text("check", "golden")
        .text("key", "seen")
        .extra("(global $gauge (mut i32) (i32.const 0)) (global $counter (mut i32) (i32.const 0))")
        .start(
            "(call $gauge.define %name %empty %help %empty (i32.const 16)) (global.set $gauge (call $handle))
             (call $counter.define %counter %empty %help %empty (i32.const 16)) (global.set $counter (call $handle))
             (call $log (i32.const 2) %help) (call $ok)",
        )
        .collect(
            "(call $gauge.set (global.get $gauge) %empty (f64.const 7) (i32.const 16))
             (call $counter.add (global.get $counter) %empty (f64.const 1) (i32.const 16))
             (call $check.define %check %help (i32.const 16))
             (call $check.report (call $handle) (i32.const 0) %help)
             (call $state.put %key %help (i32.const 16)) (call $pass-on)",
        )
}

fn corpus() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = |folder: &Path| {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let folders = entries(&golden).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|it| it == "wasm"))
        .collect();
    files.sort();
    files
}

async fn runs_well(bench: &Bench, name: &str, bytes: &[u8]) {
    let mut probe = loaded(bench.load_bytes(bytes, Limits::default()));
    for run_number in 1..=3 {
        let observation = run(&mut probe).await;
        assert!(
            matches!(observation.outcome, Outcome::Ok),
            "{name}, run {run_number}: {:?}",
            observation.outcome
        );
        assert!(
            !observation.staged.writes.is_empty(),
            "{name} writes nothing"
        );
    }
    assert_eq!(probe.status().state, ProbeState::Active);
    assert_eq!(
        probe.status().costs.rejected_calls,
        0,
        "{name}: {:?}",
        probe.status().last_rejection
    );
}

#[tokio::test]
async fn prb9_every_probe_that_was_ever_compiled_runs_on_this_host() {
    let (bench, files) = (Bench::new(), corpus());
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let name = file.display().to_string();
        assert!(
            fs::metadata(&file).unwrap().len() <= MAX_BYTES,
            "{name} is too large to be kept"
        );
        runs_well(&bench, &name, &fs::read(&file).unwrap()).await;
    }
}

/// What is committed was made like this. A new interface gets a folder of its own, filled from what this test leaves in
/// `target/tmp`.
#[tokio::test]
async fn the_corpus_can_be_made_for_the_next_interface() {
    let bench = Bench::new();
    for (name, guest) in [("text", text()), ("world", text().whole_world())] {
        let bytes = guest.build();
        runs_well(&bench, name, &bytes).await;
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wasm"));
        fs::write(file, bytes).unwrap();
    }
}
