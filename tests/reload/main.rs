//! Probes that are added, changed, broken, mended and removed while everything runs, by the ids of the fault catalogue.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod actions;
mod change;
mod folder;
mod page;
#[path = "../support/place.rs"]
mod place;
#[path = "../support/mod.rs"]
mod support;
mod trial;
#[path = "../support/wire.rs"]
mod wire;

use probity::model::{DiskVerdict, OnDisk, ProbeState};
use probity::snapshot::{ProbeView, Snapshot};

use place::{Place, Running};
use support::bench::{GAUGE, named_gauge};
use support::guest::Guest;

/// A guest that sets the gauge `value` to a number.
fn gauge(value: f64) -> Guest {
    named_gauge("value").collect(&format!(
        "{GAUGE} (call $gauge.set (call $handle) %empty (f64.const {value}) (i32.const 16)) (call $pass-on)"
    ))
}

/// The probe as it is shown.
fn view<'a>(snapshot: &'a Snapshot, probe: &str) -> Option<&'a ProbeView> {
    let mut probes = snapshot.probes.iter();
    probes
        .find(|view| &*view.identity.name == probe)
        .map(|view| &**view)
}

/// The value of the gauge that a probe sets.
fn value(snapshot: &Snapshot, probe: &str) -> Option<f64> {
    let mut sources = snapshot.sources.iter();
    let source = sources.find(|source| &*source.info.name == probe)?;
    let series = source.schema.series.first()?;
    Some(source.numbers(series)[0].value)
}

fn generation(snapshot: &Snapshot, probe: &str) -> Option<u32> {
    Some(view(snapshot, probe)?.identity.generation)
}

fn on_disk<'a>(snapshot: &'a Snapshot, probe: &str) -> Option<&'a OnDisk> {
    view(snapshot, probe)?.on_disk.as_deref()
}

/// Whether the file was refused for this reason while the probe runs on.
fn is_refused(snapshot: &Snapshot, probe: &str, code: &str) -> bool {
    let refused = on_disk(snapshot, probe).is_some_and(|disk| {
        matches!(disk.verdict, DiskVerdict::Rejected | DiskVerdict::Held)
            && disk
                .failure
                .as_ref()
                .is_some_and(|failure| failure.code == code)
    });
    refused && view(snapshot, probe).is_some_and(|view| view.status.state == ProbeState::Active)
}

/// Everything runs, the probe `a` with the value 1 among it.
async fn running_with_one() -> (Place, Running) {
    let place = Place::new().add("a", &gauge(1.0));
    let running = place.start().await;
    running
        .until("the first value", |snapshot| {
            value(snapshot, "a") == Some(1.0)
        })
        .await;
    (place, running)
}

impl Place {
    /// Puts a component into the folder as careful people do: written aside, then renamed.
    fn put(&self, name: &str, bytes: &[u8]) {
        let aside = self.folder.path().join(format!("{name}.part"));
        std::fs::write(&aside, bytes).unwrap();
        std::fs::rename(aside, self.file(name)).unwrap();
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{name}.wasm"))
    }
}
