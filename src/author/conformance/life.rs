//! Behaviours over a probe's life: versions, crashes, deadlines, many runs.

use std::time::Duration;

use super::Verdict;
use super::bed::{Bed, Queue, Setup, equal};
use crate::model::Span;
use crate::probe::LimitOverrides;

/// Enough for a slow machine to begin an instance of a large language, and little to wait for.
const DEADLINE: Span = Span::millis(1000);
/// What a run may take beyond its deadline: three calls have one each.
const GRACE: Duration = Duration::from_secs(4);
/// Runs after which a language that collects its garbage now and then has got into its stride.
const WARM: u32 = 200;
/// Runs in which it has to stay there.
const MANY: u32 = 800;
/// By how much memory may grow in them: what a collector leaves lying.
const GROWTH: f64 = 1.25;

/// A probe that has seen a depth of 12 in one good run.
async fn begun(bed: &Bed) -> Result<Queue<'_>, String> {
    let mut queue = bed.begin(&Setup::default(), "mail 12 3.5\n")?;
    queue.good().await?;
    Ok(queue)
}

/// A run of a new version sees depth 3: what is kept is still 12, and totals have gone on.
async fn goes_on(queue: &mut Queue<'_>) -> Verdict {
    queue.reload(&Setup::default())?;
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
    goes_on(&mut queue).await
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
    if run.cost.wall > DEADLINE.0 + GRACE {
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
    let before = (
        queue.session.status().memory_bytes,
        queue.session.status().costs.instances,
    );
    for _ in 0..MANY {
        queue.good().await?;
    }
    let after = (
        queue.session.status().memory_bytes,
        queue.session.status().costs.instances,
    );
    equal("the instances made", after.1, before.1)?;
    let (before, after) = (before.0.unwrap_or(0), after.0.unwrap_or(0));
    if after as f64 > before as f64 * GROWTH {
        return Err(format!(
            "its memory grew from {before} bytes after {WARM} runs to {after} after {} runs",
            WARM + MANY
        ));
    }
    Ok(())
}
