//! Behaviours of a probe's log.

use super::Verdict;
use super::bed::{Bed, Setup};
use super::seen::equal;
use crate::author::session::Run;
use crate::probe::{LimitOverrides, LogLevel};

const QUEUES: &str = "mail 12 3.5\n";
/// Lines of a flood.
const FLOOD: usize = 20;
/// Lines that the quota lets pass of it and of the line before.
const QUOTA: u32 = 10;

/// The lines of a run, of whatever level.
fn lines(run: &Run) -> Vec<&str> {
    run.said
        .lines
        .iter()
        .map(|line| line.message.as_str())
        .collect()
}

pub(super) async fn log(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::default(), QUEUES)?;
    let wanted = format!("watching {}", bed.watched().display());
    let first = queue.good().await?;
    equal(
        "what is logged in the first run",
        lines(&first),
        vec![&*wanted],
    )?;
    equal("its level", first.said.lines[0].level, LogLevel::Info)?;
    let second = queue.good().await?;
    equal(
        "what is logged in the second run",
        lines(&second),
        Vec::new(),
    )?;
    queue.reload(&Setup::default())?;
    let anew = queue.good().await?;
    equal(
        "what is logged by a new instance",
        lines(&anew),
        vec![&*wanted],
    )
}

pub(super) async fn flood(bed: &Bed) -> Verdict {
    let mut queue = bed.begin(&Setup::with("misbehave", "flood"), QUEUES)?;
    let run = queue.good().await?;
    let begun = format!("watching {}", bed.watched().display());
    let first = lines(&run).first().copied();
    equal("the first line of the run", first, Some(&*begun))?;
    equal("the number of lines", lines(&run).len(), FLOOD + 1)?;
    let limits = LimitOverrides {
        log_lines: Some(QUOTA),
        ..LimitOverrides::default()
    };
    let setup = Setup {
        limits,
        ..Setup::with("misbehave", "flood")
    };
    let mut queue = bed.begin(&setup, QUEUES)?;
    let run = queue.good().await?;
    let first = lines(&run).first().copied();
    equal("the first line within the quota", first, Some(&*begun))?;
    // What passes, and the host's own line that more was dropped.
    equal("the number of lines", lines(&run).len(), QUOTA as usize + 1)?;
    let dropped = (FLOOD + 1) as u64 - u64::from(QUOTA);
    equal(
        "the lines dropped",
        queue.session.status().costs.log_dropped,
        dropped,
    )?;
    queue.seen()?.has("queue_depth", &["mail"], 12.0)
}
