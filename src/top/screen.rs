//! What is on the screen: the newest page, what the person has chosen, and what was said last.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::page::{Page, ProbeRow};
use crate::model::Action;

/// Answers whose vitals are kept for the curves; no terminal is wider.
const KEPT: usize = 512;
/// States in the order of worry.
const WORRY: [&str; 8] = [
    "rejected",
    "quarantined",
    "backoff",
    "degraded",
    "loading",
    "paused",
    "dormant",
    "active",
];

/// All that drawing looks at.
#[derive(Debug)]
pub(super) struct Screen {
    /// Where the instance serves.
    pub(super) authority: String,
    /// Whether colours may be used.
    pub(super) colour: bool,
    /// The newest page, and when it came.
    pub(super) page: Option<(Page, Instant)>,
    /// Since when the instance does not answer as it should, and why.
    pub(super) lost: Option<(Instant, String)>,
    /// Processors in use, in percent.
    pub(super) cpu: Curve,
    /// Memory in use, in percent.
    pub(super) memory: Curve,
    /// How late the event loop is, in milliseconds.
    pub(super) lag: Curve,
    /// By what the probes are sorted.
    pub(super) sort: Sort,
    /// The other way round.
    pub(super) reversed: bool,
    /// The chosen probe, by name: it stays chosen when the order changes.
    pub(super) chosen: Option<String>,
    /// What lies over the page.
    pub(super) overlay: Overlay,
    /// What came of the last action.
    pub(super) notice: Option<Notice>,
}

/// What lies over the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Overlay {
    Nothing,
    Help,
    /// Whether this is really wanted.
    Confirm {
        probe: String,
        action: Action,
    },
}

/// A line for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) text: String,
    pub(super) bad: bool,
}

/// An action and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub(super) probe: String,
    pub(super) action: Action,
    pub(super) outcome: Result<String, String>,
}

/// By what the probes are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// What needs attention first.
    State,
    Name,
    /// The slowest first.
    P95,
    /// The largest first.
    Memory,
}

impl Sort {
    const ALL: [Self; 4] = [Self::State, Self::Name, Self::P95, Self::Memory];

    pub(super) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// The last values of one number, the newest last.
#[derive(Debug, Default)]
pub(super) struct Curve(VecDeque<Option<f64>>);

impl Curve {
    fn push(&mut self, value: Option<f64>) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The last `width` values.
    pub(super) fn last(&self, width: usize) -> impl Iterator<Item = Option<f64>> {
        let first = self.0.len().saturating_sub(width);
        self.0.iter().skip(first).copied()
    }
}

impl Screen {
    /// An instance of which nothing is known yet.
    pub(super) fn new(authority: &str, colour: bool) -> Self {
        Self {
            authority: authority.to_owned(),
            colour,
            page: None,
            lost: None,
            cpu: Curve::default(),
            memory: Curve::default(),
            lag: Curve::default(),
            sort: Sort::State,
            reversed: false,
            chosen: None,
            overlay: Overlay::Nothing,
            notice: None,
        }
    }

    /// Takes a new page.
    pub(super) fn take(&mut self, page: Page, now: Instant) {
        self.cpu.push(page.cpu_percent);
        self.memory.push(page.memory_percent);
        self.lag.push(page.lag_ms);
        self.lost = None;
        self.page = Some((page, now));
        let chosen = self.chosen.as_deref();
        if chosen.is_none_or(|chosen| self.probes().iter().all(|probe| probe.name != chosen)) {
            self.chosen = self.probes().first().map(|probe| probe.name.clone());
        }
    }

    /// Notes that the instance did not answer as it should; what was known stays.
    pub(super) fn lose(&mut self, why: String, now: Instant) {
        self.cpu.push(None);
        self.memory.push(None);
        self.lag.push(None);
        let since = self.lost.take().map_or(now, |(since, _)| since);
        self.lost = Some((since, crate::model::printable(&why, 256)));
    }

    /// How old the snapshot is.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        let (page, _) = self.page.as_ref()?;
        self.counted_on(page.age_ms, now)
    }

    /// The built-in source that is late, and how old its values are.
    pub(super) fn late(&self, now: Instant) -> Option<(&str, Duration)> {
        let (page, _) = self.page.as_ref()?;
        let (source, age) = page.late.as_ref()?;
        Some((source, self.counted_on(*age, now)?))
    }

    /// What was so old when the page came, now.
    fn counted_on(&self, milliseconds: f64, now: Instant) -> Option<Duration> {
        let (_, received) = self.page.as_ref()?;
        let then = Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or_default();
        Some(now.saturating_duration_since(*received) + then)
    }

    /// The probes in the order chosen.
    pub(super) fn probes(&self) -> Vec<&ProbeRow> {
        let Some((page, _)) = &self.page else {
            return Vec::new();
        };
        let mut probes: Vec<&ProbeRow> = page.probes.iter().collect();
        probes.sort_by(|a, b| {
            let by_column = match self.sort {
                Sort::State => worry(a).cmp(&worry(b)),
                Sort::Name => Ordering::Equal,
                Sort::P95 => largest_first(a.p95_ms, b.p95_ms),
                Sort::Memory => largest_first(a.memory_bytes, b.memory_bytes),
            };
            by_column.then_with(|| a.name.cmp(&b.name))
        });
        if self.reversed {
            probes.reverse();
        }
        probes
    }

    /// Where the chosen probe stands.
    pub(super) fn chosen_at(&self) -> Option<usize> {
        let chosen = self.chosen.as_deref()?;
        self.probes().iter().position(|probe| probe.name == chosen)
    }

    /// Chooses the probe so many places further down, or up.
    pub(super) fn choose(&mut self, steps: isize) {
        let probes = self.probes();
        let last = probes.len().saturating_sub(1);
        let at = self.chosen_at().unwrap_or(0).saturating_add_signed(steps);
        let chosen = probes.get(at.min(last)).map(|probe| probe.name.clone());
        self.chosen = chosen;
    }

    /// Notes that an action is under way.
    pub(super) fn note_begun(&mut self, probe: &str, action: Action) {
        self.notice = Some(Notice {
            text: format!("{action} {probe} …"),
            bad: false,
        });
    }

    /// Notes that an action is not begun, since another one is under way.
    pub(super) fn note_refused(&mut self, probe: &str, action: Action) {
        self.notice = Some(Notice {
            text: format!("{action} {probe}: not done, the action before is still under way"),
            bad: true,
        });
    }

    /// Notes what came of an action.
    pub(super) fn note_deed(&mut self, deed: Deed) {
        let bad = deed.outcome.is_err();
        let (Ok(outcome) | Err(outcome)) = deed.outcome;
        let text = format!("{} {}: {outcome}", deed.action, deed.probe);
        self.notice = Some(Notice {
            text: crate::model::printable(&text, 512),
            bad,
        });
    }
}

fn worry(probe: &ProbeRow) -> usize {
    // A state of a later version comes first: somebody should look.
    let known = WORRY.iter().position(|state| *state == probe.state);
    known.map_or(0, |at| at + 1)
}

fn largest_first(a: Option<f64>, b: Option<f64>) -> Ordering {
    let number = |value: Option<f64>| value.unwrap_or(-1.0);
    number(b).total_cmp(&number(a))
}
