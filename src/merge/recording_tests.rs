//! Whatever a source does to its recorder in whatever order, readers see what a plain model of it says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use super::source::Source;
use crate::model::{
    Failure, Input, Metric, MetricId, MetricKind, Observation, Outcome, Recorder, SeriesError,
    SeriesId, SourceInfo, SourceKind, Staged,
};

/// Series of the source: few, so that they give way to each other.
const LIMIT: usize = 3;
/// Runs after which a gauge that was not written makes room.
const FORGOTTEN: u64 = 4;
const NAMES: [&str; 4] = ["a", "b_total", "c", "d"];
const BOUNDS: [f64; 2] = [1.0, 3.0];
const STATES: [&str; 2] = ["off", "on"];

/// A series by its metric's place in [`NAMES`] and its label.
type Key = (usize, u8);

/// What a source can do.
#[derive(Debug, Clone)]
enum Step {
    Define(usize, bool),
    Write(Key, Op),
    Bind(Key),
    /// Writes to one of the series bound so far.
    SetBound(usize, f64),
    Retire(Key),
    Commit,
    Fail,
    Hold,
    NewInstance,
}

/// A value given.
#[derive(Debug, Clone, PartialEq)]
enum Op {
    Set(f64),
    Add(f64),
    Mirror(f64),
    Observe(Vec<f64>),
    Activate(usize),
}

impl Op {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Set(value) => Input::Set(*value),
            Self::Add(delta) => Input::Add(*delta),
            Self::Mirror(total) => Input::Mirror(*total),
            Self::Observe(values) => Input::Observe(values),
            Self::Activate(state) => Input::Activate(STATES.get(*state).unwrap_or(&"broken")),
        }
    }

    /// Whether it replaces, and so may be given once a run.
    fn replaces(&self) -> bool {
        !matches!(self, Self::Add(_) | Self::Observe(_))
    }

    /// The part of it that a metric takes, and the code with which the rest is refused.
    fn taken(&self, metric: usize) -> (Option<Self>, Result<(), &'static str>) {
        let total = |number: &f64| match number {
            number if !number.is_finite() => Err("metrics.not-finite"),
            number if *number < 0.0 => Err("metrics.decrease"),
            _ => Ok(()),
        };
        let verdict = match (NAMES[metric], self) {
            ("a", Self::Set(_)) => Ok(()),
            ("b_total", Self::Add(number) | Self::Mirror(number)) => total(number),
            ("d", Self::Activate(state)) if *state < STATES.len() => Ok(()),
            ("d", Self::Activate(_)) => Err("metrics.unknown-state"),
            ("c", Self::Observe(values)) => {
                let good: Vec<f64> = values
                    .iter()
                    .copied()
                    .take_while(|v| v.is_finite())
                    .collect();
                let all = good.len() == values.len();
                let verdict = if all {
                    Ok(())
                } else {
                    Err("metrics.not-finite")
                };
                return ((!good.is_empty()).then_some(Self::Observe(good)), verdict);
            }
            _ => Err("metrics.wrong-kind"),
        };
        (verdict.is_ok().then(|| self.clone()), verdict)
    }

    /// What becomes of a series' numbers; none yet before the first.
    fn apply(&self, numbers: &mut Vec<f64>) {
        match self {
            Self::Set(value) | Self::Mirror(value) => *numbers = vec![*value],
            Self::Activate(state) => *numbers = vec![*state as f64],
            Self::Add(delta) => *numbers = vec![numbers.first().unwrap_or(&0.0) + delta],
            Self::Observe(values) => {
                numbers.resize(BOUNDS.len() + 2, 0.0);
                for value in values {
                    let bucket = BOUNDS.iter().filter(|bound| **bound < *value).count();
                    numbers[bucket] += 1.0;
                    numbers[BOUNDS.len() + 1] += value;
                }
            }
        }
    }
}

/// A series as the model keeps it: with everything given in this run, one by one.
#[derive(Default)]
struct Known {
    given: Vec<Op>,
    held: Vec<Op>,
    bound: bool,
    committed: bool,
    used: u64,
    /// Tells it from others that had its name before.
    birth: u64,
}

/// What a recorder and the merge behind it should do.
#[derive(Default)]
struct Model {
    live: BTreeMap<Key, Known>,
    shown: BTreeMap<Key, Vec<f64>>,
    run: u64,
    looked: Option<u64>,
    births: u64,
}

impl Model {
    fn write(&mut self, key: Key, op: &Op) -> Result<(), &'static str> {
        let (taken, verdict) = op.taken(key.0);
        let Some(taken) = taken else {
            return verdict;
        };
        let known = self.find_or_make(key)?;
        if taken.replaces() && !known.given.is_empty() {
            return Err("metrics.duplicate");
        }
        known.given.push(taken);
        verdict
    }

    fn find_or_make(&mut self, key: Key) -> Result<&mut Known, &'static str> {
        if !self.live.contains_key(&key) {
            self.make_room()?;
            self.births += 1;
            let known = Known {
                used: self.run,
                birth: self.births,
                ..Known::default()
            };
            self.live.insert(key, known);
        }
        Ok(self.live.get_mut(&key).expect("it has just been made"))
    }

    fn make_room(&mut self) -> Result<(), &'static str> {
        let run = self.run;
        if self.live.len() == LIMIT && self.looked != Some(run) {
            self.looked = Some(run);
            self.remove_all(|key, known| {
                let total = matches!(NAMES[key.0], "b_total" | "c");
                let waits = !known.given.is_empty() || !known.held.is_empty();
                !waits && !(total && known.committed) && known.used + FORGOTTEN < run
            });
        }
        if self.live.len() == LIMIT {
            return Err("metrics.too-many-series");
        }
        Ok(())
    }

    fn remove_all(&mut self, goes: impl Fn(&Key, &Known) -> bool) {
        let gone: Vec<Key> = self
            .live
            .iter()
            .filter(|(key, known)| goes(key, known))
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            self.retire(key);
        }
    }

    fn retire(&mut self, key: Key) -> bool {
        self.shown.remove(&key);
        self.live.remove(&key).is_some()
    }

    fn commit(&mut self) {
        for (key, known) in &mut self.live {
            let held = std::mem::take(&mut known.held);
            let given = std::mem::take(&mut known.given);
            for op in held.into_iter().chain(given) {
                op.apply(self.shown.entry(*key).or_default());
                (known.committed, known.used) = (true, self.run);
            }
        }
        self.run += 1;
    }

    fn discard(&mut self) {
        self.live.values_mut().for_each(|known| known.given.clear());
        self.remove_all(|_, known| !known.committed && !known.bound && known.held.is_empty());
        self.run += 1;
    }

    fn hold(&mut self) {
        for known in self.live.values_mut() {
            known.held.append(&mut known.given);
        }
        self.run += 1;
    }

    fn forget_instance(&mut self) {
        self.discard();
        for known in self.live.values_mut() {
            known.held.clear();
            known.bound = false;
        }
        self.remove_all(|_, known| !known.committed);
    }
}

fn metric(index: usize) -> Metric {
    let name = NAMES[index];
    match name {
        "a" => Metric::new(MetricKind::Gauge, name, "", "", &["x"]),
        "b_total" => Metric::new(MetricKind::Counter, name, "", "", &["x"]),
        "c" => Metric::histogram(name, "", "", &["x"], &BOUNDS),
        _ => Metric::state_set(name, "", &["x"], &STATES),
    }
    .expect("it is one")
}

/// The recorder, the merge's source and the model side by side.
struct Side {
    recorder: Recorder,
    source: Source,
    model: Model,
    metrics: Vec<MetricId>,
    /// Ids given out to the present instance, and which series each one was for.
    ids: Vec<(SeriesId, Key, u64)>,
}

impl Side {
    fn new() -> Self {
        let mut recorder = Recorder::new(LIMIT);
        let define = |index| recorder.define(metric(index)).expect("it is new");
        Self {
            metrics: (0..NAMES.len()).map(define).collect(),
            recorder,
            source: Source::new(SourceInfo {
                name: "test".into(),
                kind: SourceKind::Probe,
                interval: Duration::from_secs(1),
            }),
            model: Model {
                run: 1,
                ..Model::default()
            },
            ids: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Define(index, same) => {
                let (given, wanted) = if *same {
                    (metric(*index), Ok(()))
                } else {
                    let other = Metric::new(MetricKind::Gauge, "c", "", "", &["y"]);
                    (other.expect("it is one"), Err("metrics.redefined"))
                };
                let answer = self.recorder.define(given).map(|_| ());
                prop_assert_eq!(code(answer), wanted);
            }
            Step::Write(key, op) => {
                let (id, label) = (self.metrics[key.0], key.1.to_string());
                let answer = self.recorder.write(id, &[label], op.input());
                prop_assert_eq!(code(answer), self.model.write(*key, op));
            }
            Step::Bind(key) => self.bind(*key)?,
            Step::SetBound(index, value) => self.set_bound(*index, *value)?,
            Step::Retire(key) => {
                let retired = self.recorder.retire(NAMES[key.0], &[key.1.to_string()]);
                prop_assert_eq!(retired, self.model.retire(*key));
            }
            Step::Commit => {
                let staged = self.recorder.commit();
                self.model.commit();
                prop_assert!(staged.writes.len() <= 2 * staged.schema.slots);
                self.observe(Outcome::Ok, staged)?;
            }
            Step::Fail => {
                self.recorder.discard();
                self.model.discard();
                self.observe_failure()?;
            }
            Step::Hold => {
                self.recorder.hold();
                self.model.hold();
            }
            Step::NewInstance => {
                self.recorder.forget_instance();
                self.model.forget_instance();
                self.ids.clear();
                self.observe_failure()?;
            }
        }
        prop_assert_eq!(self.recorder.series_count(), self.model.live.len());
        Ok(())
    }

    fn bind(&mut self, key: Key) -> Result<(), TestCaseError> {
        let (id, label) = (self.metrics[key.0], key.1.to_string());
        let answer = self.recorder.series(id, &[label]);
        let wanted = self.model.find_or_make(key).map(|known| {
            known.bound = true;
            known.birth
        });
        match (answer, wanted) {
            (Ok(id), Ok(birth)) => self.ids.push((id, key, birth)),
            (answer, wanted) => prop_assert_eq!(code(answer.map(|_| ())), wanted.map(|_| ())),
        }
        Ok(())
    }

    fn set_bound(&mut self, index: usize, value: f64) -> Result<(), TestCaseError> {
        let Some(&(id, key, birth)) = self.ids.get(index % self.ids.len().max(1)) else {
            return Ok(());
        };
        let answer = self.recorder.set_bound(id, value);
        let lives = self
            .model
            .live
            .get(&key)
            .is_some_and(|known| known.birth == birth);
        let op = match NAMES[key.0] {
            "b_total" => Op::Mirror(value),
            _ => Op::Set(value),
        };
        let wanted = if lives {
            self.model.write(key, &op)
        } else {
            Err("metrics.unknown-series")
        };
        prop_assert_eq!(code(answer), wanted);
        Ok(())
    }

    fn observe_failure(&mut self) -> Result<(), TestCaseError> {
        let failure = Failure::new("other", "it did");
        let left = self.recorder.leftover();
        prop_assert!(left.writes.is_empty());
        self.observe(Outcome::Failed(failure.into()), left)
    }

    fn observe(&mut self, outcome: Outcome, staged: Staged) -> Result<(), TestCaseError> {
        let observation = Observation {
            source: "test".into(),
            started: Instant::now(),
            duration: Duration::ZERO,
            lateness: Duration::ZERO,
            missed: 0,
            outcome,
            staged,
            checks: Vec::new(),
            facts: None,
            probe: None,
        };
        let lost = self.source.observe(observation, SystemTime::UNIX_EPOCH);
        prop_assert_eq!(lost, 0);
        prop_assert_eq!(self.shown(), self.model.shown.clone());
        Ok(())
    }

    /// What readers see, without the times at which totals began.
    fn shown(&mut self) -> BTreeMap<Key, Vec<f64>> {
        let view = self.source.view();
        let series = view.schema.series.iter();
        let written = series.filter(|series| view.numbers(series)[0].updated.is_some());
        written
            .map(|series| {
                let name = NAMES.iter().position(|name| **name == *series.metric.name);
                let label = series.labels[0].parse().expect("it is a digit");
                let count = match series.metric.kind {
                    MetricKind::Histogram => BOUNDS.len() + 2,
                    _ => 1,
                };
                let numbers = view.numbers(series)[..count].iter();
                let key = (name.expect("it is one of them"), label);
                (key, numbers.map(|point| point.value).collect())
            })
            .collect()
    }
}

fn code(answer: Result<(), SeriesError>) -> Result<(), &'static str> {
    answer.map_err(|error| error.code())
}

/// Small whole numbers, so that sums are exact, and what is none.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        9 => (-1..5_i32).prop_map(f64::from),
        1 => Just(f64::INFINITY),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        number().prop_map(Op::Set),
        number().prop_map(Op::Add),
        number().prop_map(Op::Mirror),
        prop::collection::vec(number(), 0..5).prop_map(Op::Observe),
        (0..3_usize).prop_map(Op::Activate),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = || (0..NAMES.len(), 0..4_u8);
    // Mostly what the metric takes.
    let fitting = key().prop_flat_map(|key| {
        let op = match NAMES[key.0] {
            "a" => number().prop_map(Op::Set).boxed(),
            "b_total" => number().prop_map(Op::Add).boxed(),
            "c" => prop::collection::vec(number(), 0..5)
                .prop_map(Op::Observe)
                .boxed(),
            _ => (0..2_usize).prop_map(Op::Activate).boxed(),
        };
        (Just(key), op).prop_map(|(key, op)| Step::Write(key, op))
    });
    prop_oneof![
        16 => fitting,
        4 => (key(), op()).prop_map(|(key, op)| Step::Write(key, op)),
        1 => (0..NAMES.len(), any::<bool>()).prop_map(|(index, same)| Step::Define(index, same)),
        4 => key().prop_map(Step::Bind),
        6 => (any::<usize>(), number()).prop_map(|(index, value)| Step::SetBound(index, value)),
        4 => key().prop_map(Step::Retire),
        8 => Just(Step::Commit),
        5 => Just(Step::Fail),
        1 => Just(Step::Hold),
        1 => Just(Step::NewInstance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_committed_is_what_a_plain_model_says(steps in prop::collection::vec(step(), 0..120)) {
        let mut side = Side::new();
        for step in &steps {
            side.step(step)?;
        }
        side.step(&Step::Commit)?;
    }
}
