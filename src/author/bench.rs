//! What a probe costs: to compile, to load, to begin, to run, to keep.
//!
//! A run is measured as the host pays for it: from asking a resident probe for it to the observation in hand, the way to the
//! guests' threads and back included. Beside it stands the CPU time of the call alone, the guest's and that of the host's
//! functions it calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Handle;

use super::stand::{Stand, Subject, Unfit};
use crate::model::{Failure, Outcome, ProbeIdentity};
use crate::probe::{Due, Probe, Trigger, Version};
use crate::sampler::{Machine, ProcessSampler, Sampler};

/// Times that a load from the cache is measured, and at most a compilation.
const LOADS: usize = 5;
/// No further compilation begins after so long.
const COMPILING: Duration = Duration::from_secs(3);
/// Instances that begin, and are kept together to see what each takes.
const INSTANCES: usize = 20;
/// Longer runs count as this long; no deadline is longer.
const LONGEST_NANOSECONDS: u64 = 3_600_000_000_000;
/// Percentiles within 0.1 %.
const DIGITS: u8 = 3;
const DUE: Due = Due {
    trigger: Trigger::Test,
    lateness: Duration::ZERO,
    missed: 0,
};

/// How long warm runs are measured: until either is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// So long.
    pub duration: Duration,
    /// So many runs.
    pub runs: u64,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Of what.
    pub identity: Arc<ProbeIdentity>,
    /// Machine code in bytes.
    pub code_bytes: u64,
    /// Compiling with nothing kept: the median of a few.
    pub compile: Duration,
    /// Loading the compiled code: the median of a few; nothing when there is nowhere to keep it.
    pub load: Option<Duration>,
    /// Making an instance, `start` and its first `collect`, in nanoseconds.
    pub first: Histogram<u64>,
    /// Runs of one resident instance, in nanoseconds.
    pub warm: Histogram<u64>,
    /// CPU time of the same runs in the guest and in what it calls, in nanoseconds.
    pub cpu: Histogram<u64>,
    /// All of them together.
    pub took: Duration,
    /// Calls to the host in the last of them.
    pub host_calls: u64,
    /// Linear memory of one instance in bytes.
    pub memory_bytes: u64,
    /// What one instance adds to this process' own memory, in bytes; nothing when the machine does not tell.
    pub resident_bytes: Option<u64>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The file cannot run.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A run failed, and what a failure costs is not what was asked.
    #[error("run {0} failed: {1}")]
    Failed(u64, Arc<Failure>),
}

/// Measures a probe. `bare` is a stand without a cache, on which it is compiled anew; `stand` is as in production. Must be
/// called on a runtime.
///
/// # Errors
/// As [`BenchError`] says.
pub async fn bench(
    bare: &Stand,
    stand: &Stand,
    subject: &Subject,
    effort: Effort,
) -> Result<Measured, BenchError> {
    let compile = compile(bare, subject)?;
    let (version, load) = loads(stand, subject)?;
    let mut probes = Crowd::begin(stand, &version).await?;
    let mut measured = Measured {
        identity: version.identity().clone(),
        code_bytes: version.examine().code_bytes,
        compile,
        load,
        first: probes.first,
        warm: histogram(),
        cpu: histogram(),
        took: Duration::ZERO,
        host_calls: 0,
        memory_bytes: probes.memory_bytes,
        resident_bytes: probes.resident_bytes,
    };
    let probe = probes.members.swap_remove(0);
    drop(probes.members);
    measured.run_warm(stand, probe, effort).await?;
    Ok(measured)
}

impl Measured {
    async fn run_warm(
        &mut self,
        stand: &Stand,
        mut probe: Probe,
        effort: Effort,
    ) -> Result<(), BenchError> {
        let began = Instant::now();
        let mut number = 1;
        while self.warm.len() < effort.runs && began.elapsed() < effort.duration {
            number += 1;
            let wall = run(stand, &mut probe, number).await?;
            self.took += wall;
            note(&mut self.warm, wall);
            note(&mut self.cpu, probe.status().last_costs.cpu);
        }
        self.host_calls = probe.status().last_costs.host_calls;
        Ok(())
    }
}

/// One run on the host's bill; what the guest says meanwhile is thrown away.
async fn run(stand: &Stand, probe: &mut Probe, number: u64) -> Result<Duration, BenchError> {
    let began = Instant::now();
    let observation = probe.run(DUE).await;
    let wall = began.elapsed();
    stand.transcript.take();
    match observation.outcome {
        Outcome::Ok => Ok(wall),
        Outcome::Failed(failure) | Outcome::NotApplicable(failure) => {
            Err(BenchError::Failed(number, failure))
        }
    }
}

/// Compiles a few times, or once if that takes long.
fn compile(bare: &Stand, subject: &Subject) -> Result<Duration, Unfit> {
    let began = Instant::now();
    let mut taken = Vec::new();
    while taken.is_empty() || (taken.len() < LOADS && began.elapsed() < COMPILING) {
        taken.push(bare.load(subject, 1)?.identity().compile);
    }
    Ok(median(taken))
}

/// Loads what is compiled by now, or compiles it once more where nothing can be kept.
fn loads(stand: &Stand, subject: &Subject) -> Result<(Version, Option<Duration>), Unfit> {
    let mut version = stand.load(subject, 1)?;
    let mut taken = Vec::new();
    for _ in 0..LOADS {
        version = stand.load(subject, 1)?;
        if !version.identity().cached {
            return Ok((version, None));
        }
        taken.push(version.identity().compile);
    }
    Ok((version, Some(median(taken))))
}

fn median(mut taken: Vec<Duration>) -> Duration {
    taken.sort();
    taken[taken.len() / 2]
}

/// Several instances of one version, alive together.
struct Crowd {
    members: Vec<Probe>,
    first: Histogram<u64>,
    memory_bytes: u64,
    resident_bytes: Option<u64>,
}

impl Crowd {
    async fn begin(stand: &Stand, version: &Version) -> Result<Self, BenchError> {
        // The first one of all touches what the others share.
        let mut members = vec![Probe::new(version.clone())];
        run(stand, &mut members[0], 1).await?;
        let mut first = histogram();
        let before = private_bytes();
        for _ in 0..INSTANCES {
            let mut probe = Probe::new(version.clone());
            note(&mut first, run(stand, &mut probe, 1).await?);
            members.push(probe);
        }
        let grown = |(before, after): (u64, u64)| after.saturating_sub(before) / INSTANCES as u64;
        Ok(Self {
            resident_bytes: before.zip(private_bytes()).map(grown),
            memory_bytes: members[0].status().memory_bytes.unwrap_or(0),
            members,
            first,
        })
    }
}

/// What belongs to this process alone.
fn private_bytes() -> Option<u64> {
    let machine = Machine::local(Handle::current());
    let mut sampler = ProcessSampler::new(&machine).ok()?;
    sampler.sample(Instant::now()).ok()?;
    match sampler.take() {
        (crate::model::Facts::Process(facts), _) => facts.private_bytes,
        _ => None,
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("three digits are within hdrhistogram's bounds")
}

fn note(into: &mut Histogram<u64>, duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    into.record(nanoseconds.clamp(1, LONGEST_NANOSECONDS))
        .expect("a histogram that resizes takes any capped value");
}
