//! Many mixed swaps in a running program: no run of a wrong version, and nothing that grows.
//!
//! A few hundred here; `PROBITY_SOAK_SWAPS=10000 cargo test --release --test soak -- --nocapture` is the long way.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step fails the test, and the long way shows its figures"
)]

#[path = "support/place.rs"]
mod place;
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::fs;

use place::{Place, Running};
use probity::model::{DiskVerdict, ProbeState};
use probity::snapshot::{ProbeView, Snapshot};
use support::bench::{GAUGE, named_gauge};

/// Swaps when nobody asks for another number.
const SWAPS: u32 = 300;
/// Swaps before the first measurement: by then every pool and cache has its size.
const WARM_UP: u32 = 100;
/// What the process may have more of at the end than after the warm-up. A leak of a kilobyte a swap would pass, one of
/// an instance, a thread or a descriptor would not.
const MORE_MEMORY: u64 = 24 << 20;
const MORE_HANDLES: usize = 8;

/// What a process has.
#[derive(Debug, Clone, Copy)]
struct Size {
    resident: u64,
    descriptors: usize,
    threads: usize,
}

impl Size {
    fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).unwrap().count();
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            resident: pages * 4096,
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

/// What is put into the folder next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Good,
    /// Traps in the trial.
    Trap,
    /// No component.
    Broken,
    /// The file goes and comes back.
    Away,
    /// The version that runs, once more.
    Same,
}

/// A fixed mixture that looks like none.
fn step(number: u32) -> Step {
    match number.wrapping_mul(2_654_435_761) >> 28 {
        0 | 1 => Step::Trap,
        2 | 3 => Step::Broken,
        4 => Step::Away,
        5 => Step::Same,
        _ => Step::Good,
    }
}

struct Soak {
    place: Place,
    running: Running,
    /// The version that should run.
    version: u32,
}

impl Soak {
    async fn start() -> Self {
        let place = Place::new().add_bytes("a", &good(0));
        let running = place.start().await;
        running
            .until("the first value", |now| value(now) == Some(0.0))
            .await;
        Self {
            place,
            running,
            version: 0,
        }
    }

    fn put(&self, bytes: &[u8]) {
        let aside = self.place.folder.path().join("part");
        fs::write(&aside, bytes).unwrap();
        fs::rename(aside, self.file()).unwrap();
    }

    fn file(&self) -> std::path::PathBuf {
        self.place.folder.path().join("a.wasm")
    }

    async fn take(&mut self, number: u32) {
        match step(number) {
            Step::Good => self.swap(number).await,
            Step::Same => self.put(&good(self.version)),
            Step::Trap => {
                let guest = named_gauge("value").text("mark", &number.to_string());
                self.refuse(&guest.collect("unreachable").build()).await;
            }
            Step::Broken => self.refuse(format!("broken {number}").as_bytes()).await,
            Step::Away => {
                fs::remove_file(self.file()).unwrap();
                self.running
                    .until("no probe", |now| view(now).is_none())
                    .await;
                self.swap(number).await;
            }
        }
        let now = self.running.0.snapshots().load().unwrap();
        assert_eq!(
            value(&now),
            Some(f64::from(self.version)),
            "after step {number}"
        );
    }

    async fn swap(&mut self, number: u32) {
        self.put(&good(number));
        let (before, after) = (f64::from(self.version), f64::from(number));
        self.running
            .until("the new version", |now| {
                let value = value(now);
                let known = value.is_none_or(|value| value == before || value == after);
                assert!(known, "a version that was not there gave {value:?}");
                value == Some(after)
            })
            .await;
        self.version = number;
    }

    async fn refuse(&self, bytes: &[u8]) {
        let digest = format!("blake3:{}", blake3::hash(bytes).to_hex());
        self.put(bytes);
        self.running
            .until("a refused version", |now| {
                let disk = view(now).and_then(|view| view.on_disk.as_deref());
                let refused = disk.is_some_and(|disk| {
                    disk.digest == digest && disk.verdict == DiskVerdict::Rejected
                });
                refused && view(now).is_some_and(|view| view.status.state == ProbeState::Active)
            })
            .await;
    }
}

/// A component of the version with this number, which its gauge shows.
fn good(version: u32) -> Vec<u8> {
    let set = format!(
        "{GAUGE} (call $gauge.set (call $handle) %empty (f64.const {version}) (i32.const 16)) (call $pass-on)"
    );
    named_gauge("value").collect(&set).build()
}

fn view(snapshot: &Snapshot) -> Option<&ProbeView> {
    let mut probes = snapshot.probes.iter();
    probes
        .find(|view| &*view.identity.name == "a")
        .map(|view| &**view)
}

fn value(snapshot: &Snapshot) -> Option<f64> {
    let mut sources = snapshot.sources.iter();
    let source = sources.find(|source| &*source.info.name == "a")?;
    let series = source.schema.series.first()?;
    Some(source.numbers(series)[0].value)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_mixed_swaps_run_no_wrong_version_and_nothing_grows() {
    let asked = std::env::var("PROBITY_SOAK_SWAPS").ok();
    let swaps: u32 = asked.map_or(SWAPS, |number| number.parse().unwrap());
    let mut soak = Soak::start().await;
    let mut warm = Size::now();
    for number in 1..=swaps {
        soak.take(number).await;
        if number == WARM_UP {
            warm = Size::now();
        }
    }
    let end = Size::now();
    println!("after {WARM_UP} swaps {warm:?}, after {swaps} {end:?}");
    assert!(
        end.resident <= warm.resident + MORE_MEMORY,
        "{warm:?} grew to {end:?}"
    );
    assert!(
        end.descriptors <= warm.descriptors + MORE_HANDLES,
        "{warm:?} grew to {end:?}"
    );
    assert!(
        end.threads <= warm.threads + MORE_HANDLES,
        "{warm:?} grew to {end:?}"
    );
    soak.running.stop().await;
}
