//! Behaviours over a probe's life: versions, crashes, deadlines, many runs.

use std::time::Duration;

use super::Verdict;
use super::bed::{Bed, Setup, Tried};
use super::seen::{coded, equal};
use crate::model::{ByteSize, Span};
use crate::probe::LimitOverrides;

/// Enough for a slow machine to begin an instance of a large language, and little to wait for.
const DEADLINE: Span = Span::millis(1000);
/// The calls of a first run, which have a deadline each: making the instance, `start`, and `collect`, which loops.
const CALLS: u32 = 3;
/// What a busy machine may take beyond those.
const GRACE: Duration = Duration::from_secs(1);
/// Calls to the host that are enough for a run on one queue in every language, and not for one on [`QUEUES`].
const HOST_CALLS: u32 = 1000;
/// Lines of a file that is too long. Each costs two calls at least.
const QUEUES: u32 = 600;
/// Runs after which a language that collects its garbage now and then has got into its stride.
const WARM: u32 = 200;
/// Runs in which it has to stay there.
const MANY: u32 = 800;
/// By how much memory may grow in them: what a collector leaves lying.
const GROWTH: f64 = 1.25;

/// A probe that has seen a depth of 12 in one good run.
async fn begun(bed: &Bed) -> Result<Tried<'_>, String> {
    let mut queue = bed.begin(&Setup::default(), "mail 12 3.5\n")?;
    queue.good().await?;
    Ok(queue)
}

/// A run of a new version sees depth 3: what is kept is still 12, and totals have gone on.
async fn goes_on(queue: &mut Tried<'_>) -> Verdict {
    queue.reload(&Setup::default())?;
    remembers(queue).await
}

/// The same of the next run, whoever runs.
async fn remembers(queue: &mut Tried<'_>) -> Verdict {
    queue.write("mail 3 1\n")?;
    queue.good().await?;
    let seen = queue.seen()?;
    seen.has("queue_depth", &["mail"], 3.0)?;
    seen.has("queue_depth_highest", &["mail"], 12.0)?;
    seen.has("queue_polls_total", &[], 2.0)?;
    let waits = seen.numbers("queue_wait_seconds", &[]).unwrap_or_default();
    let counted: f64 = waits.iter().take(5).sum();
    equal("the count of queue_wait_seconds", counted, 2.0)
}

pub(super) async fn state(bed: &Bed) -> Verdict {
    let mut queue = begun(bed).await?;
    let kept = ["highest/mail", "12"].concat().len() as u64;
    equal(
        "the state in bytes",
        queue.session.status().state_bytes,
        kept,
    )?;
    goes_on(&mut queue).await
}

pub(super) async fn trap(bed: &Bed) -> Verdict {
    let mut queue = begun(bed).await?;
    queue.reload(&Setup::with("misbehave", "trap"))?;
    queue.write("mail 500 1\n")?;
    for crash in 1..=2 {
        let failure = queue.bad().await?;
        equal("crashes", queue.session.status().crashes, crash)?;
        // Some runtimes end themselves, and some throw into nowhere.
        if !(failure.code.starts_with("trap") || failure.code == "exit") {
            return Err(format!("the run did not crash but failed: {failure}"));
        }
    }
    goes_on(&mut queue).await?;
    let verdict = comes_back(bed).await;
    verdict.map_err(|why| format!("after a crash without a new version, {why}"))
}

/// A run that is cut off in the middle, for the file is too long for its limits, costs its instance; the next run has
/// another one of the same version.
async fn comes_back(bed: &Bed) -> Verdict {
    let limits = LimitOverrides {
        host_calls: Some(HOST_CALLS),
        // Neither of these is to be broken before.
        series: Some(10 * QUEUES),
        state: Some(ByteSize::mib(4)),
        ..LimitOverrides::default()
    };
    let setup = Setup {
        limits,
        ..Setup::default()
    };
    let mut queue = bed.begin(&setup, "mail 12 3.5\n")?;
    queue.good().await?;
    let made = queue.session.status().costs.instances;
    let lines: String = (0..QUEUES).map(|one| format!("q{one} 1 1\n")).collect();
    queue.write(&lines)?;
    let failure = queue.bad().await?;
    coded(&failure, "limits.host_calls")?;
    equal("crashes", queue.session.status().crashes, 1)?;
    remembers(&mut queue).await?;
    let instances = queue.session.status().costs.instances;
    equal("the instances made", instances, made + 1)
}

pub(super) async fn deadline(bed: &Bed) -> Verdict {
    let mut queue = begun(bed).await?;
    let limits = LimitOverrides {
        deadline: Some(DEADLINE),
        // The loop is to end by the clock.
        cpu: Some(Span::seconds(600)),
        ..LimitOverrides::default()
    };
    queue.reload(&Setup {
        limits,
        ..Setup::with("misbehave", "spin")
    })?;
    queue.write("mail 500 1\n")?;
    let run = queue.session.run().await;
    if run.cost.wall > DEADLINE.0 * CALLS + GRACE {
        return Err(format!("it was stopped only after {:?}", run.cost.wall));
    }
    let failure = queue.session.status().last_error.clone();
    let code = failure.map(|(failure, _)| failure.code.clone());
    equal(
        "the failure's code",
        code.as_deref(),
        Some("limits.deadline"),
    )?;
    goes_on(&mut queue).await
}

pub(super) async fn steady(bed: &Bed) -> Verdict {
    let mut queue = begun(bed).await?;
    for _ in 0..WARM {
        queue.good().await?;
    }
    let before = Held::by(&queue)?;
    for _ in 0..MANY {
        queue.good().await?;
    }
    Held::by(&queue)?.grown_from(&before)
}

/// What a probe's instance holds after some runs.
#[derive(Debug)]
pub(super) struct Held {
    runs: u64,
    memory_bytes: u64,
    /// Made so far.
    instances: u64,
}

impl Held {
    /// What it holds now.
    ///
    /// # Errors
    /// It has no instance.
    pub(super) fn by(probe: &Tried<'_>) -> Result<Self, String> {
        let status = probe.session.status();
        let memory = status.memory_bytes;
        Ok(Self {
            runs: status.runs,
            memory_bytes: memory.ok_or("it has no instance whose memory could be told")?,
            instances: status.costs.instances,
        })
    }

    /// It has to be the same instance, of about the same size.
    ///
    /// # Errors
    /// Another one was made, or it grew.
    pub(super) fn grown_from(&self, before: &Self) -> Verdict {
        equal("the instances made", self.instances, before.instances)?;
        if self.memory_bytes as f64 > before.memory_bytes as f64 * GROWTH {
            return Err(format!(
                "its memory grew from {} bytes after {} runs to {} after {}",
                before.memory_bytes, before.runs, self.memory_bytes, self.runs
            ));
        }
        Ok(())
    }
}
