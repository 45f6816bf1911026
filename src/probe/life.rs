//! A probe's life as a state machine: what the end of a run means for its state and for when it runs again.
//!
//! Pure: it is told the time and decides; whoever runs the probe acts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use crate::model::{Failure, ProbeState};

/// How often a probe that has nothing to observe looks again.
const DORMANT: Duration = Duration::from_secs(600);
/// So many crashes within [`MEMORY`] and the probe is quarantined.
const CRASHES_TO_QUARANTINE: usize = 5;
/// How long a crash is held against a probe.
const MEMORY: Duration = Duration::from_secs(600);
/// Between the first trials of a quarantined probe; doubles up to [`LONGEST_QUARANTINE`].
const FIRST_QUARANTINE: Duration = Duration::from_secs(60);
const LONGEST_QUARANTINE: Duration = Duration::from_secs(3600);

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// It answered ok.
    Good,
    /// The guest answered with a failure and is well.
    Answer(&'a Failure),
    /// Its instance is gone.
    Crash,
    /// It crashed, and the machine is to blame: nothing is held against the probe.
    Excused,
}

/// Where a probe is, and what is held against it.
#[derive(Debug)]
pub(super) struct Life {
    state: ProbeState,
    /// Before this moment it shall not run.
    not_before: Option<Instant>,
    backoff: Backoff,
    crashes: VecDeque<Instant>,
    /// Trials in quarantine that went badly.
    failed_trials: u32,
}

impl Life {
    pub(super) fn new() -> Self {
        Self {
            state: ProbeState::Loading,
            not_before: None,
            backoff: Backoff::default(),
            crashes: VecDeque::new(),
            failed_trials: 0,
        }
    }

    pub(super) fn state(&self) -> ProbeState {
        self.state
    }

    /// Before this moment it shall not run; nothing when its schedule alone decides.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Whether it runs at all, sooner or later, without anybody doing anything.
    pub(super) fn is_scheduled(&self) -> bool {
        !matches!(self.state, ProbeState::Rejected | ProbeState::Paused)
    }

    /// Draws the conclusion from a run that ended at `now`.
    pub(super) fn conclude(&mut self, end: End<'_>, now: Instant) {
        match end {
            End::Good => {
                self.forgive();
                self.be(ProbeState::Active, None);
            }
            End::Answer(failure) => self.answered(failure, now),
            End::Crash => self.crashed(now),
            // The next due time is as good as any.
            End::Excused => self.not_before = None,
        }
    }

    fn answered(&mut self, failure: &Failure, now: Instant) {
        match failure.code.split('.').next().unwrap_or_default() {
            "not-applicable" => self.be(ProbeState::Dormant, Some(now + DORMANT)),
            "bad-config" | "grant" => self.be(ProbeState::Rejected, None),
            _ => {
                let wait = failure.retry_after.map(|wait| now + wait);
                self.be(ProbeState::Degraded, wait);
            }
        }
    }

    fn crashed(&mut self, now: Instant) {
        if self.state == ProbeState::Quarantined {
            self.failed_trials += 1;
            return self.be(ProbeState::Quarantined, Some(now + self.quarantine()));
        }
        self.crashes.push_back(now);
        while self
            .crashes
            .front()
            .is_some_and(|crash| now.duration_since(*crash) > MEMORY)
        {
            self.crashes.pop_front();
        }
        if self.crashes.len() >= CRASHES_TO_QUARANTINE {
            self.crashes.clear();
            return self.be(ProbeState::Quarantined, Some(now + self.quarantine()));
        }
        let wait = self.backoff.next();
        self.be(ProbeState::Backoff, Some(now + wait));
    }

    fn quarantine(&self) -> Duration {
        FIRST_QUARANTINE
            .saturating_mul(1 << self.failed_trials.min(16))
            .min(LONGEST_QUARANTINE)
    }

    /// An operator stops it.
    pub(super) fn pause(&mut self) {
        self.be(ProbeState::Paused, None);
    }

    /// It may run at once, and nothing is held against it: a new version, a resumed or a released probe.
    pub(super) fn begin_anew(&mut self) {
        self.forgive();
        self.crashes.clear();
        self.be(ProbeState::Loading, None);
    }

    fn forgive(&mut self) {
        self.backoff.reset();
        self.failed_trials = 0;
    }

    fn be(&mut self, state: ProbeState, not_before: Option<Instant>) {
        self.state = state;
        self.not_before = not_before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn wait(life: &Life, now: Instant) -> Option<u64> {
        life.not_before()
            .map(|moment| (moment - now).as_secs_f64().round() as u64)
    }

    #[test]
    fn answers_lead_to_their_states_and_a_good_run_out_of_them() {
        let now = Instant::now();
        let mut pause = Failure::new("retry-after", "later");
        pause.retry_after = Some(Duration::from_secs(7));
        for (failure, state, seconds) in [
            (Failure::new("unavailable", "x"), ProbeState::Degraded, None),
            (pause, ProbeState::Degraded, Some(7)),
            (
                Failure::new("not-applicable", "x"),
                ProbeState::Dormant,
                Some(600),
            ),
            (Failure::new("bad-config", "x"), ProbeState::Rejected, None),
            (Failure::new("grant", "x"), ProbeState::Rejected, None),
            (Failure::new("other", "x"), ProbeState::Degraded, None),
        ] {
            let mut life = Life::new();
            life.conclude(End::Answer(&failure), now);
            assert_eq!((life.state(), wait(&life, now)), (state, seconds));
            assert_eq!(life.is_scheduled(), state != ProbeState::Rejected);
            life.conclude(End::Good, now);
            assert_eq!((life.state(), wait(&life, now)), (ProbeState::Active, None));
        }
    }

    #[test]
    fn the_fifth_crash_in_ten_minutes_is_quarantine_and_trials_become_rare() {
        let start = Instant::now();
        let mut life = Life::new();
        for minute in 0..4 {
            life.conclude(End::Crash, start + MINUTE * minute);
            assert_eq!(life.state(), ProbeState::Backoff);
            life.conclude(End::Good, start + MINUTE * minute);
        }
        let mut now = start + MINUTE * 4;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            life.conclude(End::Crash, now);
            assert_eq!(life.state(), ProbeState::Quarantined);
            assert_eq!(wait(&life, now), Some(minutes * 60));
            now += MINUTE * u32::try_from(minutes).expect("it is small");
        }
        life.conclude(End::Good, now);
        assert_eq!(life.state(), ProbeState::Active);
        life.conclude(End::Crash, now);
        assert_eq!(life.state(), ProbeState::Backoff);
    }

    #[test]
    fn crashes_are_forgotten_after_ten_minutes() {
        let start = Instant::now();
        let mut life = Life::new();
        for minute in [0, 1, 2, 3, 13, 14, 15] {
            life.conclude(End::Crash, start + MINUTE * minute);
            assert_eq!(life.state(), ProbeState::Backoff, "minute {minute}");
        }
    }

    #[test]
    fn an_excused_crash_changes_no_state_and_is_held_against_nobody() {
        let now = Instant::now();
        let mut life = Life::new();
        life.conclude(End::Good, now);
        for _ in 0..10 {
            life.conclude(End::Excused, now);
        }
        assert_eq!(
            (life.state(), life.not_before()),
            (ProbeState::Active, None)
        );
        life.conclude(End::Crash, now);
        assert_eq!(life.state(), ProbeState::Backoff);
    }

    #[test]
    fn an_operator_pauses_and_releases() {
        let now = Instant::now();
        let mut life = Life::new();
        for _ in 0..5 {
            life.conclude(End::Crash, now);
        }
        life.begin_anew();
        assert_eq!(
            (life.state(), life.not_before()),
            (ProbeState::Loading, None)
        );
        life.pause();
        assert!(!life.is_scheduled());
        life.begin_anew();
        assert!(life.is_scheduled());
    }
}
