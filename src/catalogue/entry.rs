//! What the catalogue knows of one probe: its section, what runs, what was refused, and what is being done about it.

use std::collections::{BTreeMap, VecDeque};
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
    /// The version that is on trial: its generation and its digest.
    pub(super) offered: Option<(u32, String)>,
    /// Versions loaded so far.
    pub(super) generation: u32,
    /// What is wished for and not begun.
    pub(super) wish: Option<Reload>,
    /// What the load under way fulfils.
    pub(super) loading: Option<Reload>,
    /// What the versions on trial fulfil, by generation.
    pub(super) offers: BTreeMap<u32, Reload>,
    /// Whether the file's bytes are known to be complete, and not merely quiet.
    pub(super) sure: bool,
    /// The digest of what was last read from the file.
    pub(super) read: Option<String>,
    /// What lies in the folder, as it was last shown.
    shown: Option<Arc<OnDisk>>,
    /// Whether the file could not be read, which may pass.
    pub(super) unread: bool,
    refused: VecDeque<Refused>,
}

/// What is being done about a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing.
    Idle,
    /// It waits for its turn to be loaded.
    Queued,
    /// Its file is being read and compiled.
    Loading {
        /// Which load it is; what an earlier one comes to is of no interest any more.
        serial: u64,
        /// Whether it has to be done once more, for the file has changed meanwhile.
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

/// Whoever waits for what comes of a reload.
type Answer = oneshot::Sender<Result<String, ActionError>>;

/// A reload, from the wish for it to its end.
pub(super) struct Reload {
    kind: &'static str,
    pub(super) cause: Cause,
    began: Instant,
    started: SystemTime,
    answers: Vec<Answer>,
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
            wish: None,
            loading: None,
            offers: BTreeMap::new(),
            sure: true,
            read: None,
            shown: None,
            unread: false,
            refused: VecDeque::new(),
        }
    }

    /// Wishes for a reload, by the next load that begins.
    pub(super) fn wish(&mut self, cause: Cause, answer: Option<Answer>) {
        let first = self.running.is_none();
        let reload = Reload {
            kind: if first { "probe.load" } else { "probe.reload" },
            cause,
            began: Instant::now(),
            started: SystemTime::now(),
            answers: answer.into_iter().collect(),
        };
        add(&mut self.wish, reload);
    }

    /// Whether an operator wishes for it, who wants it tried whatever is remembered.
    pub(super) fn is_forced(&self) -> bool {
        let wish = self.wish.as_ref();
        wish.is_some_and(|wish| wish.cause == Cause::Operator)
    }

    /// The load under way came to nothing; the next one fulfils what it should have.
    pub(super) fn put_off(&mut self) {
        if let Some(reload) = self.loading.take() {
            add(&mut self.wish, reload);
        }
    }

    /// The version of this generation fulfils what the load under way was to.
    pub(super) fn join_offer(&mut self, generation: u32) {
        if let Some(reload) = self.loading.take() {
            let mut own = self.offers.remove(&generation);
            add(&mut own, reload);
            self.offers.extend(own.map(|own| (generation, own)));
        }
    }

    /// What the version of this generation fulfils, and what earlier ones were to: those had no end of their own.
    pub(super) fn take_offers(&mut self, generation: u32) -> (Option<Reload>, Vec<Reload>) {
        let own = self.offers.remove(&generation);
        let later = self.offers.split_off(&generation);
        let earlier = std::mem::replace(&mut self.offers, later);
        (own, earlier.into_values().collect())
    }

    /// Everything that is wished for, under way or on trial.
    pub(super) fn take_all(&mut self) -> Vec<Reload> {
        let offers = std::mem::take(&mut self.offers).into_values();
        let others = [self.wish.take(), self.loading.take()];
        others.into_iter().flatten().chain(offers).collect()
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
        let offered = self.offered.as_ref();
        offered.map(|(_, digest)| digest.clone()).or_else(running)
    }

    /// Forgets what was shown, with the probe that it was shown beside.
    pub(super) fn show_nothing(&mut self) {
        self.shown = None;
    }

    /// Whether something else was shown last.
    pub(super) fn is_news(&self, on_disk: &OnDisk) -> bool {
        let key = |one: &OnDisk| (one.digest.clone(), one.verdict, one.failure.clone());
        self.shown.as_deref().map(key) != Some(key(on_disk))
    }

    /// Takes note of what lies in the folder. True when that is news.
    pub(super) fn show(&mut self, on_disk: &Arc<OnDisk>) -> bool {
        let news = self.is_news(on_disk);
        if news {
            self.shown = Some(on_disk.clone());
        }
        news
    }
}

/// One wish for both: an operator's, if one of them is.
fn add(wish: &mut Option<Reload>, reload: Reload) {
    match wish {
        None => *wish = Some(reload),
        Some(wish) => {
            wish.began = wish.began.min(reload.began);
            wish.started = wish.started.min(reload.started);
            wish.answers.extend(reload.answers);
            if reload.cause == Cause::Operator {
                wish.cause = reload.cause;
            }
        }
    }
}

impl Reload {
    /// Whether an operator waits for it.
    pub(super) fn is_asked_for(&self) -> bool {
        self.cause == Cause::Operator
    }

    /// Ends the reload: tells whoever asked, and gives the operation to be shown.
    pub(super) fn end(self, target: &str, outcome: Result<String, Arc<Failure>>) -> Operation {
        for answer in self.answers {
            // Whoever asked may have gone.
            let _gone = answer.send(outcome.clone().map_err(ActionError::Failed));
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
        entry.wish(Cause::Operator, None);
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
            let wait = Duration::from_secs(seconds);
            let before = Instant::now() + wait;
            entry.refuse("x", &failure, RefusalKind::Unproven);
            let again = entry.retry().expect("it is tried again");
            assert!(before <= again && again <= Instant::now() + wait);
            let almost = again - Duration::from_nanos(1);
            assert_eq!(known(&entry, almost).len(), 1);
            assert!(known(&entry, again).is_empty());
        }
    }
}
