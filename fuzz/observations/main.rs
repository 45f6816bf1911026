//! What guests' calls become, from the host's side of the boundary to every reader: metrics, checks, failures, versions
//! as hostile as the fuzzer finds them go through the real merge, and readers see what a plain model says.
//!
//! Run by `fuzz/run`.
#![no_main]

#[path = "../../tests/support/exposition.rs"]
mod exposition;
mod plain;
mod probe;
mod script;
mod shown;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::health;
use probity::merge::Merge;
use probity::model::Update;
use probity::snapshot::SnapshotCell;
use tokio::sync::mpsc;

use probe::Probe;
use script::{Script, Step};
use shown::Reader;

/// Names of the probes; the last one is as long as a name can be.
const NAMES: [&str; 3] = [
    "a",
    "b-c",
    "n234567890123456789012345678901234567890123456789012345678901234",
];
/// Further steps of one script find nothing that a shorter one would not.
const MOST_STEPS: usize = 200;
/// The merge is asked to keep up.
const CAPACITY: usize = 64;

libfuzzer_sys::fuzz_target!(|script: Script| {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime
        .expect("a runtime without files can be made")
        .block_on(play(script));
});

/// Everything of one execution.
struct World {
    updates: mpsc::Sender<Update>,
    cell: Arc<SnapshotCell>,
    probes: [Option<Probe>; NAMES.len()],
    reader: Reader,
    now: Instant,
}

async fn play(script: Script) {
    let (updates, received) = mpsc::channel(CAPACITY);
    let cell = Arc::new(SnapshotCell::new());
    let watch = health::Watch::new(&health::Config::default());
    let merge =
        Merge::new(received, cell.clone(), watch, Vec::new()).expect("the own metrics are legal");
    let merge = tokio::spawn(merge.run());
    let mut world = World {
        updates,
        cell,
        probes: Default::default(),
        reader: Reader::new(),
        now: Instant::now(),
    };
    if script.started {
        world.tell(Update::StartComplete).await;
    }
    for (index, step) in script.steps.iter().take(MOST_STEPS) {
        world.step(usize::from(*index) % NAMES.len(), step).await;
    }
    world.tell(Update::StartComplete).await;
    world.look().await;
    drop(world);
    merge.await.expect("the merge ends well");
}

impl World {
    async fn step(&mut self, index: usize, step: &Step) {
        let probe = match &mut self.probes[index] {
            Some(probe) => probe,
            place => {
                let (probe, updates) = Probe::new(NAMES[index]);
                for update in updates {
                    self.updates.send(update).await.expect("the merge is there");
                }
                place.insert(probe)
            }
        };
        let now = self.now;
        let update = match step {
            Step::Define(definition) => return define(probe, definition),
            Step::Write(target, given) => return probe.write(target, given),
            Step::Bind(target) => return probe.bind(target),
            Step::SetBound(index, value) => return probe.set_bound(*index, *value),
            Step::SetStray(number, value) => return probe.set_stray(*number, *value),
            Step::Retire(target) => return probe.retire(target),
            Step::Check(report) => return probe.check(report),
            Step::Started => return probe.hold(),
            Step::Commit(missed) => probe.commit(now, *missed),
            Step::Fail(applicable, message) => probe.fail(now, *applicable, message),
            Step::Crash(message) => probe.crash(now, message),
            Step::Late(message) => probe.be_late(message),
            Step::Replace(version, interval) => {
                for update in probe.replace(version, *interval) {
                    self.tell(update).await;
                }
                return;
            }
            Step::Remove => {
                self.probes[index] = None;
                Update::Removed(NAMES[index].into())
            }
            Step::Wait(milliseconds) => {
                self.now += Duration::from_millis((*milliseconds).into());
                return;
            }
            Step::Beat => return self.beat().await,
            Step::Look => return self.look().await,
        };
        self.tell(update).await;
    }

    async fn tell(&self, update: Update) {
        self.updates.send(update).await.expect("the merge is there");
    }

    /// Lets the merge take all that it was told.
    async fn settle(&self) {
        while self.updates.capacity() < self.updates.max_capacity() {
            tokio::task::yield_now().await;
        }
    }

    async fn beat(&self) {
        self.settle().await;
        let published = self.cell.changes();
        let before = *published.borrow();
        tokio::time::advance(Duration::from_secs(1)).await;
        // Without samplers to wait for there is something to show from the first source on.
        while *published.borrow() == before {
            tokio::task::yield_now().await;
        }
    }

    /// Reads everything, after a beat so that health is judged by what is known now.
    async fn look(&mut self) {
        self.beat().await;
        let snapshot = self.cell.load().expect("the beat has published one");
        let probes: Vec<&Probe> = self.probes.iter().flatten().collect();
        self.reader
            .read(&snapshot, self.now.max(snapshot.published), &probes);
    }
}

fn define(probe: &mut Probe, definition: &script::Definition) {
    match definition.metric() {
        Ok(metric) => probe.define(metric),
        Err(error) => probe.note_refusal(error.code(), &error.to_string()),
    }
}
