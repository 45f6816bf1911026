//! What some runs of one probe came to.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::session::{Cost, Run, Session};
use crate::model::{Failure, Outcome, ProbeIdentity, ProbeState};
use crate::probe::LogLine;
use crate::snapshot::Snapshot;

/// The most runs of one test.
pub const MAX_RUNS: u64 = 1_000_000;
/// Failed runs that are told one by one.
const MAX_FAILED: usize = 10;
/// Log lines that are shown, the first ones.
const MAX_LINES: usize = 1000;
/// Percentiles within 1 %.
const DIGITS: u8 = 2;

/// Longer runs count as this long in percentiles; no deadline is longer.
const LONGEST_NANOSECONDS: u64 = 3_600_000_000_000;

/// How often it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// So many times, 1 to [`MAX_RUNS`].
    pub runs: u64,
    /// Whether an interval passes between two runs, as in production; else they follow each other at once.
    pub wait: bool,
}

/// What the runs came to.
#[derive(Debug)]
pub struct Report {
    /// Who ran.
    pub identity: Arc<ProbeIdentity>,
    /// How often it would run in production.
    pub interval: Duration,
    /// Runs made.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// The first of them.
    pub failed: Vec<Failed>,
    /// Runs that found nothing to observe.
    pub idle: u64,
    /// The number of the first of them, and what it found missing.
    pub first_idle: Option<(u64, Arc<Failure>)>,
    /// Why fewer runs were made than were asked for.
    pub cut_short: Option<&'static str>,
    /// What the guest logged, with the number of the run.
    pub lines: Vec<(u64, LogLine)>,
    /// Further lines, that were not kept.
    pub lines_left_out: u64,
    /// What the first run cost, `start` included.
    pub first: Cost,
    /// What the last run cost.
    pub last: Cost,
    /// CPU time of all runs, in nanoseconds.
    pub(super) cpu: Histogram<u64>,
    /// What differs from the recording, where one was replayed.
    pub replay: Option<Replay>,
    /// Everything as it would be served: the probe's own series and checks.
    pub snapshot: Snapshot,
    /// When that was.
    pub taken: Instant,
}

impl Report {
    /// Whether every run went well. One that found nothing to observe did not: nothing of the probe was tried.
    pub fn went_well(&self) -> bool {
        self.failures == 0 && self.idle == 0
    }
}

/// How the runs on a recording compare with the runs that were recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Whether another build of the component was recorded.
    pub is_other_build: bool,
    /// What differs, with the number of the run: `-` then, `+` now.
    pub differences: Vec<(u64, String)>,
    /// Further differences, that were not kept.
    pub left_out: u64,
}

impl Replay {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// A run that failed.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Its number.
    pub run: u64,
    /// Why.
    pub failure: Arc<Failure>,
    /// What the guest printed last, as lines.
    pub printed: String,
}

/// Runs a probe as planned, or until `stop` comes: the run that is under way then is given up, and counts for nothing. A
/// probe that would not be run again in production, because its configuration is wrong or a granted thing is missing, is
/// not run again here.
///
/// # Panics
/// When the merge shows nothing of a probe that has run: a defect.
pub async fn test(session: &mut Session, plan: Plan, stop: impl Future<Output = ()>) -> Report {
    session.observe_machine();
    let mut tally = Tally::new();
    let mut stop = pin!(stop);
    for number in 1..=plan.runs.clamp(1, MAX_RUNS) {
        let run = async {
            if number > 1 && plan.wait {
                tokio::time::sleep(session.interval()).await;
            }
            session.run().await
        };
        let run = tokio::select! {
            biased;
            () = &mut stop => None,
            run = run => Some(run),
        };
        let Some(run) = run else {
            session.forget_run();
            tally.cut_short = Some("a signal ended it before the next run had");
            break;
        };
        tally.note(run);
        if number < plan.runs && session.status().state == ProbeState::Rejected {
            tally.cut_short =
                Some("a rejected probe is not run again until its configuration changes");
            break;
        }
    }
    tally.report(session)
}

struct Tally {
    runs: u64,
    failures: u64,
    failed: Vec<Failed>,
    idle: u64,
    first_idle: Option<(u64, Arc<Failure>)>,
    cut_short: Option<&'static str>,
    lines: Vec<(u64, LogLine)>,
    lines_left_out: u64,
    differences: Vec<(u64, String)>,
    differences_left_out: u64,
    first: Option<Cost>,
    last: Cost,
    cpu: Histogram<u64>,
}

impl Tally {
    fn new() -> Self {
        Self {
            runs: 0,
            failures: 0,
            failed: Vec::new(),
            idle: 0,
            first_idle: None,
            cut_short: None,
            lines: Vec::new(),
            lines_left_out: 0,
            differences: Vec::new(),
            differences_left_out: 0,
            first: None,
            last: Cost::default(),
            cpu: Histogram::new(DIGITS).expect("two digits are within hdrhistogram's bounds"),
        }
    }

    fn note(&mut self, run: Run) {
        self.runs += 1;
        self.first.get_or_insert(run.cost);
        self.last = run.cost;
        let nanoseconds = u64::try_from(run.cost.cpu.as_nanos()).unwrap_or(u64::MAX);
        // Grows with the largest value seen, which the cap keeps small.
        self.cpu
            .record(nanoseconds.clamp(1, LONGEST_NANOSECONDS))
            .expect("a histogram that resizes takes any capped value");
        self.lines_left_out += run.said.left_out;
        for line in run.said.lines {
            if self.lines.len() < MAX_LINES {
                self.lines.push((run.number, line));
            } else {
                self.lines_left_out += 1;
            }
        }
        for line in run.differences {
            if self.differences.len() < MAX_LINES {
                self.differences.push((run.number, line));
            } else {
                self.differences_left_out += 1;
            }
        }
        self.note_outcome(run.number, run.outcome, run.said.printed);
    }

    fn note_outcome(&mut self, run: u64, outcome: Outcome, printed: String) {
        match outcome {
            Outcome::Ok => {}
            Outcome::NotApplicable(failure) => {
                self.idle += 1;
                self.first_idle.get_or_insert((run, failure));
            }
            Outcome::Failed(failure) => {
                self.failures += 1;
                if self.failed.len() < MAX_FAILED {
                    self.failed.push(Failed {
                        run,
                        failure,
                        printed,
                    });
                }
            }
        }
    }

    fn report(self, session: &mut Session) -> Report {
        let snapshot = session.snapshot();
        let replay = session.replayed_digest().map(|digest| Replay {
            is_other_build: digest != session.identity().digest,
            differences: self.differences,
            left_out: self.differences_left_out,
        });
        Report {
            replay,
            identity: session.identity().clone(),
            interval: session.interval(),
            runs: self.runs,
            failures: self.failures,
            failed: self.failed,
            idle: self.idle,
            first_idle: self.first_idle,
            cut_short: self.cut_short,
            lines: self.lines,
            lines_left_out: self.lines_left_out,
            first: self.first.unwrap_or_default(),
            last: self.last,
            cpu: self.cpu,
            snapshot: snapshot.expect("a source that has run is shown"),
            taken: Instant::now(),
        }
    }
}
