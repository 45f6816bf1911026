//! A plain model of one probe: what a recorder should take, and what readers should see of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use probity::model::{Input, Metric, MetricKind};

/// Series of a probe: few, so that they give way to each other.
pub const SERIES: usize = 6;
/// Text of a probe's series, in bytes: little, likewise.
pub const TEXT: usize = 8 * 1024;
/// The longest label value, in bytes.
pub const VALUE: usize = 512;
/// Runs after which a gauge that was not written makes room.
const FORGOTTEN: u64 = 4;

/// A metric's name and label values.
pub type Key = (Arc<str>, Vec<String>);

/// A value given, as far as it was taken.
#[derive(Debug, Clone)]
enum Taken {
    Replace(f64),
    Add(f64),
    Mirror(f64, Option<f64>),
    Observe(Vec<f64>),
}

/// Numbers as readers see them.
#[derive(Debug, Clone)]
pub struct Shown {
    pub metric: Arc<Metric>,
    /// A value, a total, a state's place; for a histogram the counts by bucket and the sum.
    pub numbers: Vec<f64>,
    /// When a total began, if a guest has said so.
    pub created: Option<f64>,
    /// When it was last written.
    pub updated: Instant,
    /// Which series of its name it is; nothing when it is from a version before.
    birth: Option<u64>,
}

/// A series that the recorder knows.
struct Known {
    metric: Arc<Metric>,
    given: Vec<Taken>,
    /// What waits, call by call.
    held: Vec<Vec<Taken>>,
    bound: bool,
    committed: bool,
    used: u64,
    birth: u64,
    text: usize,
}

/// What a recorder and the merge behind it should do.
#[derive(Default)]
pub struct Plain {
    live: BTreeMap<Key, Known>,
    /// What readers see once they were told.
    pub shown: BTreeMap<Key, Shown>,
    run: u64,
    looked: Option<u64>,
    births: u64,
}

impl Plain {
    /// How many series there are.
    pub fn count(&self) -> usize {
        self.live.len()
    }

    /// Gives a value to a series. True when all of it is taken.
    pub fn write(&mut self, metric: &Arc<Metric>, labels: &[String], input: Input<'_>) -> bool {
        if !fits(metric, labels) || !self.check(metric, input) {
            return false;
        }
        if matches!(input, Input::Observe([])) {
            return true;
        }
        self.find_or_make(metric, labels)
            .is_some_and(|known| known.stage(input))
    }

    /// Gives a value to a series that was bound. True when it is taken.
    pub fn write_bound(&mut self, key: &Key, birth: u64, value: f64) -> bool {
        let Some(known) = self.live.get(key).filter(|known| known.birth == birth) else {
            return false;
        };
        let metric = known.metric.clone();
        let input = match metric.kind {
            MetricKind::Counter => Input::Mirror(value),
            _ => Input::Set(value),
        };
        self.write(&metric, &key.1, input)
    }

    /// Binds a series; gives which of its name it is.
    pub fn bind(&mut self, metric: &Arc<Metric>, labels: &[String]) -> Option<u64> {
        if !fits(metric, labels) {
            return None;
        }
        let known = self.find_or_make(metric, labels)?;
        known.bound = true;
        Some(known.birth)
    }

    /// Takes a series away. True when there is one.
    pub fn retire(&mut self, key: &Key) -> bool {
        self.live.remove(key).is_some()
    }

    /// Whether a metric takes such a value at all.
    fn check(&self, metric: &Metric, input: Input<'_>) -> bool {
        let total = |number: f64| number.is_finite() && number >= 0.0;
        match (metric.kind, input) {
            (MetricKind::Gauge | MetricKind::Info, Input::Set(_)) => true,
            (MetricKind::Counter, Input::Add(number) | Input::Mirror(number)) => total(number),
            (
                MetricKind::Counter,
                Input::MirrorSince {
                    total: number,
                    created,
                },
            ) => total(number) && total(created),
            (MetricKind::Histogram, Input::Observe(values)) => {
                values.first().is_none_or(|value| value.is_finite())
            }
            (MetricKind::StateSet, Input::Activate(state)) => {
                metric.states.iter().any(|known| **known == *state)
            }
            _ => false,
        }
    }

    fn find_or_make(&mut self, metric: &Arc<Metric>, labels: &[String]) -> Option<&mut Known> {
        let key = (metric.name.clone(), labels.to_vec());
        if !self.live.contains_key(&key) {
            let text = metric.text_bytes(labels);
            if !self.make_room(text) {
                return None;
            }
            self.births += 1;
            let known = Known {
                metric: metric.clone(),
                given: Vec::new(),
                held: Vec::new(),
                bound: false,
                committed: false,
                used: self.run,
                birth: self.births,
                text,
            };
            self.live.insert(key.clone(), known);
        }
        self.live.get_mut(&key)
    }

    fn make_room(&mut self, text: usize) -> bool {
        let run = self.run;
        if !self.has_room(text) && self.looked != Some(run) {
            self.looked = Some(run);
            self.live.retain(|_, known| {
                let total = matches!(
                    known.metric.kind,
                    MetricKind::Counter | MetricKind::Histogram
                );
                let waits = !known.given.is_empty() || !known.held.is_empty();
                waits || (total && known.committed) || known.used + FORGOTTEN >= run
            });
        }
        self.has_room(text)
    }

    fn has_room(&self, text: usize) -> bool {
        let used: usize = self.live.values().map(|known| known.text).sum();
        self.live.len() < SERIES && used + text <= TEXT
    }

    /// A run ends well at a moment, and readers are told.
    pub fn commit(&mut self, now: Instant) {
        let live = &self.live;
        self.shown.retain(|key, shown| {
            let Some(known) = live.get(key) else {
                return false;
            };
            let goes_on = match shown.birth {
                Some(birth) => birth == known.birth,
                None => is_alike(&shown.metric, &known.metric),
            };
            (shown.birth, shown.metric) = (Some(known.birth), known.metric.clone());
            goes_on
        });
        for (key, known) in &mut self.live {
            let mut calls = std::mem::take(&mut known.held);
            calls.push(std::mem::take(&mut known.given));
            for call in calls.iter().filter(|call| !call.is_empty()) {
                let shown = self
                    .shown
                    .entry(key.clone())
                    .or_insert_with(|| Shown::new(known, now));
                shown.take(call, now);
                (known.committed, known.used) = (true, self.run);
            }
        }
        self.run += 1;
    }

    /// A run fails: what it wrote is thrown away.
    pub fn discard(&mut self) {
        self.live.values_mut().for_each(|known| known.given.clear());
        self.live
            .retain(|_, known| known.committed || known.bound || !known.held.is_empty());
        self.run += 1;
    }

    /// Readers are told of a run that did not go well: all they learn of series is which are gone.
    pub fn tell_failure(&mut self) {
        let live = &self.live;
        self.shown.retain(|key, shown| {
            let lives = |birth: u64| live.get(key).is_some_and(|known| known.birth == birth);
            shown.birth.is_none_or(lives)
        });
    }

    /// `start` ends well.
    pub fn hold(&mut self) {
        for known in self
            .live
            .values_mut()
            .filter(|known| !known.given.is_empty())
        {
            known.held.push(std::mem::take(&mut known.given));
        }
        self.run += 1;
    }

    /// The instance is gone, and all that only it needed.
    pub fn forget_instance(&mut self) {
        self.discard();
        for known in self.live.values_mut() {
            known.held.clear();
            known.bound = false;
        }
        self.live.retain(|_, known| known.committed);
    }

    /// Another version begins with nothing of its own, and readers still see what was.
    pub fn replace(&mut self) {
        self.live.clear();
        (self.run, self.looked) = (0, None);
        self.shown.values_mut().for_each(|shown| shown.birth = None);
    }
}

fn fits(metric: &Metric, labels: &[String]) -> bool {
    labels.len() == metric.label_keys.len() && labels.iter().all(|label| label.len() <= VALUE)
}

/// Whether numbers mean the same under two definitions of one name.
fn is_alike(one: &Metric, other: &Metric) -> bool {
    let key = |metric: &Metric| {
        (
            metric.kind,
            metric.label_keys.clone(),
            metric.states.clone(),
        )
    };
    key(one) == key(other) && one.bounds == other.bounds
}

impl Known {
    /// Stages what a metric takes. True when that is all of it.
    fn stage(&mut self, input: Input<'_>) -> bool {
        let fresh = self.given.is_empty();
        match input {
            Input::Add(delta) => {
                let fits = total_of(&self.given).is_none_or(|total| (total + delta).is_finite());
                if fits {
                    self.given.push(Taken::Add(delta));
                }
                fits
            }
            Input::Observe(values) => {
                let mut sum = sum_of(&self.given);
                let fits = |value: &&f64| {
                    sum += **value;
                    value.is_finite() && sum.is_finite()
                };
                let good: Vec<f64> = values.iter().take_while(fits).copied().collect();
                let all = good.len() == values.len();
                self.given.push(Taken::Observe(good));
                all
            }
            Input::Set(value) if fresh => {
                self.given.push(Taken::Replace(value));
                true
            }
            Input::Activate(state) if fresh => {
                let place = self
                    .metric
                    .states
                    .iter()
                    .position(|known| **known == *state);
                self.given
                    .push(Taken::Replace(place.expect("it was checked") as f64));
                true
            }
            Input::Mirror(total) if fresh => {
                self.given.push(Taken::Mirror(total, None));
                true
            }
            Input::MirrorSince { total, created } if fresh => {
                self.given.push(Taken::Mirror(total, Some(created)));
                true
            }
            _ => false,
        }
    }
}

/// What a run has added to a total or replaced it with so far.
fn total_of(given: &[Taken]) -> Option<f64> {
    given.iter().fold(None, |sum, taken| match (sum, taken) {
        (None, Taken::Add(number) | Taken::Mirror(number, _)) => Some(*number),
        (Some(sum), Taken::Add(number)) => Some(sum + number),
        (sum, _) => sum,
    })
}

/// The sum of a run's observations.
fn sum_of(given: &[Taken]) -> f64 {
    let values = given.iter().filter_map(|taken| match taken {
        Taken::Observe(values) => Some(values),
        _ => None,
    });
    values.flatten().fold(0.0, |sum, value| sum + value)
}

impl Shown {
    fn new(known: &Known, now: Instant) -> Self {
        let count = match known.metric.kind {
            MetricKind::Histogram => known.metric.bounds.len() + 2,
            _ => 1,
        };
        Self {
            metric: known.metric.clone(),
            numbers: vec![0.0; count],
            created: None,
            updated: now,
            birth: Some(known.birth),
        }
    }

    /// Takes what one call gave.
    fn take(&mut self, call: &[Taken], now: Instant) {
        self.updated = now;
        match &call[0] {
            Taken::Replace(value) => self.numbers[0] = *value,
            Taken::Add(_) => self.numbers[0] += total_of(call).unwrap_or(0.0),
            Taken::Mirror(_, created) => {
                let total = total_of(call).unwrap_or(0.0);
                if total < self.numbers[0] {
                    self.created = None;
                }
                self.created = created.or(self.created);
                self.numbers[0] = total;
            }
            Taken::Observe(_) => {
                let (bounds, sum) = (self.metric.bounds.clone(), self.metric.bounds.len() + 1);
                for taken in call {
                    let Taken::Observe(values) = taken else {
                        continue;
                    };
                    for value in values {
                        let bucket = bounds.iter().filter(|bound| **bound < *value).count();
                        self.numbers[bucket] += 1.0;
                    }
                }
                self.numbers[sum] += sum_of(call);
            }
        }
    }
}
