//! Whatever a source does to its recorder in whatever order, readers see what a plain model of it says.

mod model;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;

use self::model::{BOUNDS, Key, LIMIT, Model, NAMES, Op, STATES, Step};
use super::source::Source;
use crate::model::{
    Failure, Metric, MetricId, MetricKind, Observation, Outcome, Recorder, SeriesError, SeriesId,
    SourceInfo, SourceKind, Staged,
};

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
