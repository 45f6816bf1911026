//! What the catalogue knows of one probe: its section, what runs, what was refused, and what is being done about it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use crate::model::{ActionError, Cause, DiskVerdict, Failure, OnDisk, Operation, ProbeIdentity};
use crate::probe::{ProbeConfig, RefusalKind};
use crate::schedule::ProbeHandle;

/// Refused versions that are remembered for one probe; flipping between a few files tries none of them twice.
const MEMORY: usize = 16;
/// Before a version whose target did not answer is tried again; doubles with each trial.
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// One probe by name.
pub(super) struct Entry {
    pub(super) section: ProbeConfig,
    pub(super) work: Work,
    /// The way to the probe that runs.
    pub(super) handle: Option<ProbeHandle>,
    /// What runs, once something does.
    pub(super) running: Option<Arc<ProbeIdentity>>,
    /// The digest of the version that is on trial.
    pub(super) offered: Option<String>,
    /// Versions loaded so far.
    pub(super) generation: u32,
    /// The wish that is being fulfilled.
    pub(super) reload: Option<Reload>,
    /// Whether the file's bytes are known to be complete, and not merely quiet.
    pub(super) sure: bool,
    /// What lies in the folder, as it was last shown.
    pub(super) shown: Option<Arc<OnDisk>>,
    refused: VecDeque<Refused>,
}

/// What is being done about a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing.
    Idle,
    /// It waits for its turn to be loaded.
    Queued,
    /// Its file is being read and compiled; `again` when it has changed meanwhile.
    Loading {
        /// Whether it has to be done once more.
        again: bool,
        /// Whether its bytes are known to be complete.
        sure: bool,
    },
    /// A version is on trial.
    Offered,
    /// The probe was told to go; `again` when its file has come back meanwhile.
    Retiring {
        /// Whether it has to be loaded when it is gone.
        again: bool,
    },
}

/// A reload on its way.
pub(super) struct Reload {
    kind: &'static str,
    cause: Cause,
    began: Instant,
    started: SystemTime,
    /// Whoever asked, and waits for what comes of it.
    answer: Option<oneshot::Sender<Result<String, ActionError>>>,
}

struct Refused {
    digest: String,
    failure: Arc<Failure>,
    held: bool,
    trials: u32,
    retry: Option<Instant>,
}

impl Entry {
    pub(super) fn new(section: ProbeConfig) -> Self {
        Self {
            section,
            work: Work::Idle,
            handle: None,
            running: None,
            offered: None,
            generation: 0,
            reload: None,
            sure: true,
            shown: None,
            refused: VecDeque::new(),
        }
    }

    /// Begins a reload, unless one is on its way. An operator's wish takes over a reload that the folder began.
    pub(super) fn begin(
        &mut self,
        cause: Cause,
        answer: Option<oneshot::Sender<Result<String, ActionError>>>,
    ) {
        match &mut self.reload {
            Some(reload) if answer.is_some() => (reload.cause, reload.answer) = (cause, answer),
            Some(_) => {}
            None => {
                let first = self.running.is_none();
                self.reload = Some(Reload {
                    kind: if first { "probe.load" } else { "probe.reload" },
                    cause,
                    began: Instant::now(),
                    started: SystemTime::now(),
                    answer,
                });
            }
        }
    }

    /// Whether an operator asked, who wants it tried whatever is remembered.
    pub(super) fn is_forced(&self) -> bool {
        let reload = self.reload.as_ref();
        reload.is_some_and(|reload| reload.cause == Cause::Operator)
    }

    /// Remembers that a version was refused.
    pub(super) fn refuse(&mut self, digest: &str, failure: &Arc<Failure>, kind: RefusalKind) {
        let before = self.refused.iter().position(|one| one.digest == digest);
        let before = before.and_then(|index| self.refused.remove(index));
        let trials = before.map_or(0, |one| one.trials);
        self.refused.truncate(MEMORY - 1);
        let wait = FIRST_RETRY
            .saturating_mul(1 << trials.min(16))
            .min(LONGEST_RETRY);
        self.refused.push_front(Refused {
            digest: digest.to_owned(),
            failure: failure.clone(),
            held: kind == RefusalKind::Held,
            trials: trials + 1,
            retry: (kind == RefusalKind::Unproven).then(|| Instant::now() + wait),
        });
    }

    /// The versions that are not worth loading now, with the reason.
    pub(super) fn remembered(&self, now: Instant) -> Vec<(String, Arc<Failure>, DiskVerdict)> {
        if self.is_forced() {
            return Vec::new();
        }
        let refused = self.refused.iter();
        refused
            .filter(|one| one.retry.is_none_or(|retry| now < retry))
            .map(|one| {
                let verdict = if one.held {
                    DiskVerdict::Held
                } else {
                    DiskVerdict::Rejected
                };
                (one.digest.clone(), one.failure.clone(), verdict)
            })
            .collect()
    }

    /// When the version refused last is worth another trial, if it ever is without a change.
    pub(super) fn retry(&self) -> Option<Instant> {
        self.refused.front()?.retry
    }

    /// The digest of what is on trial or runs, unless it shall be loaded again all the same.
    pub(super) fn present_digest(&self) -> Option<String> {
        if self.is_forced() {
            return None;
        }
        let running = || Some(self.running.as_ref()?.digest.clone());
        self.offered.clone().or_else(running)
    }

    /// Takes note of what lies in the folder. True when that is news.
    pub(super) fn show(&mut self, on_disk: &Arc<OnDisk>) -> bool {
        let key = |one: &OnDisk| (one.digest.clone(), one.verdict, one.failure.clone());
        let news = self.shown.as_deref().map(key) != Some(key(on_disk));
        if news {
            self.shown = Some(on_disk.clone());
        }
        news
    }
}

impl Reload {
    /// Ends the reload: tells whoever asked, and gives the operation to be shown.
    pub(super) fn end(self, target: &str, outcome: Result<String, Arc<Failure>>) -> Operation {
        if let Some(answer) = self.answer {
            let told = outcome.clone().map_err(ActionError::Failed);
            // Whoever asked may have gone.
            let _gone = answer.send(told);
        }
        Operation {
            kind: self.kind,
            target: target.into(),
            cause: self.cause,
            started: self.started,
            duration: self.began.elapsed(),
            outcome,
        }
    }
}

/// What lies in the folder, as it was found out just now.
pub(super) fn on_disk(
    digest: &str,
    size_bytes: u64,
    verdict: DiskVerdict,
    failure: Option<Arc<Failure>>,
) -> Arc<OnDisk> {
    Arc::new(OnDisk {
        digest: digest.to_owned(),
        size_bytes,
        verdict,
        failure,
        since: SystemTime::now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry::new(ProbeConfig::unmentioned("x"))
    }

    fn known(entry: &Entry, now: Instant) -> Vec<String> {
        let known = entry.remembered(now);
        known.into_iter().map(|(digest, ..)| digest).collect()
    }

    #[test]
    fn refused_versions_are_remembered_and_their_number_is_bounded() {
        let mut entry = entry();
        let failure = Arc::new(Failure::new("trap", "x"));
        for number in 0..MEMORY + 5 {
            entry.refuse(&number.to_string(), &failure, RefusalKind::Unfit);
        }
        entry.refuse("7", &failure, RefusalKind::Held);
        let known = known(&entry, Instant::now());
        assert_eq!(known.len(), MEMORY);
        assert_eq!(known[..2], ["7".to_owned(), (MEMORY + 4).to_string()]);
        assert_eq!(entry.retry(), None);
        entry.begin(Cause::Operator, None);
        assert!(
            entry.remembered(Instant::now()).is_empty(),
            "an operator wants it tried"
        );
    }

    #[test]
    fn a_version_whose_target_did_not_answer_is_tried_again_later_and_later() {
        let mut entry = entry();
        let failure = Arc::new(Failure::new("unavailable", "x"));
        for seconds in [10, 20, 40, 80, 160, 320, 600, 600] {
            entry.refuse("x", &failure, RefusalKind::Unproven);
            let now = Instant::now();
            let wait = entry.retry().expect("it is tried again") - now;
            assert_eq!(wait.as_secs_f64().round() as u64, seconds);
            assert_eq!(known(&entry, now).len(), 1);
            assert!(known(&entry, now + wait).is_empty());
        }
    }
}
