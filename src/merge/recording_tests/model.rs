//! What a recorder and the merge behind it should do, as plainly as it can be said.

use std::collections::BTreeMap;

use crate::model::Input;

/// Series of the source: few, so that they give way to each other.
pub(super) const LIMIT: usize = 3;
/// Runs after which a gauge that was not written makes room.
const FORGOTTEN: u64 = 4;
pub(super) const NAMES: [&str; 4] = ["a", "b_total", "c", "d"];
pub(super) const BOUNDS: [f64; 2] = [1.0, 3.0];
pub(super) const STATES: [&str; 2] = ["off", "on"];

/// A series by its metric's place in [`NAMES`] and its label.
pub(super) type Key = (usize, u8);

/// What a source can do.
#[derive(Debug, Clone)]
pub(super) enum Step {
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
pub(super) enum Op {
    Set(f64),
    Add(f64),
    Mirror(f64),
    Observe(Vec<f64>),
    Activate(usize),
}

impl Op {
    pub(super) fn input(&self) -> Input<'_> {
        match self {
            Self::Set(value) => Input::Set(*value),
            Self::Add(delta) => Input::Add(*delta),
            Self::Mirror(total) => Input::Mirror(*total),
            Self::Observe(values) => Input::Observe(values),
            Self::Activate(state) => Input::Activate(STATES.get(*state).unwrap_or(&"broken")),
        }
    }

    /// Whether it replaces, and so may be given once a run.
    pub(super) fn replaces(&self) -> bool {
        !matches!(self, Self::Add(_) | Self::Observe(_))
    }

    /// The part of it that a metric takes, and the code with which the rest is refused.
    pub(super) fn taken(&self, metric: usize) -> (Option<Self>, Result<(), &'static str>) {
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
    pub(super) fn apply(&self, numbers: &mut Vec<f64>) {
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
pub(super) struct Known {
    pub(super) given: Vec<Op>,
    pub(super) held: Vec<Op>,
    pub(super) bound: bool,
    pub(super) committed: bool,
    pub(super) used: u64,
    /// Tells it from others that had its name before.
    pub(super) birth: u64,
}

/// What a recorder and the merge behind it should do.
#[derive(Default)]
pub(super) struct Model {
    pub(super) live: BTreeMap<Key, Known>,
    pub(super) shown: BTreeMap<Key, Vec<f64>>,
    pub(super) run: u64,
    pub(super) looked: Option<u64>,
    pub(super) births: u64,
}

impl Model {
    pub(super) fn write(&mut self, key: Key, op: &Op) -> Result<(), &'static str> {
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

    pub(super) fn find_or_make(&mut self, key: Key) -> Result<&mut Known, &'static str> {
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

    pub(super) fn make_room(&mut self) -> Result<(), &'static str> {
        let run = self.run;
        if self.live.len() == LIMIT && self.looked != Some(run) {
            self.looked = Some(run);
            self.remove_all(|key, known| {
                let total = matches!(NAMES[key.0], "b_total" | "c");
                let waits = !known.given.is_empty() || !known.held.is_empty();
                let stays = waits || (total && known.committed);
                !stays && known.used + FORGOTTEN < run
            });
        }
        if self.live.len() == LIMIT {
            return Err("metrics.too-many-series");
        }
        Ok(())
    }

    pub(super) fn remove_all(&mut self, goes: impl Fn(&Key, &Known) -> bool) {
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

    pub(super) fn retire(&mut self, key: Key) -> bool {
        self.shown.remove(&key);
        self.live.remove(&key).is_some()
    }

    pub(super) fn commit(&mut self) {
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

    pub(super) fn discard(&mut self) {
        self.live.values_mut().for_each(|known| known.given.clear());
        self.remove_all(|_, known| !known.committed && !known.bound && known.held.is_empty());
        self.run += 1;
    }

    pub(super) fn hold(&mut self) {
        for known in self.live.values_mut() {
            known.held.append(&mut known.given);
        }
        self.run += 1;
    }

    pub(super) fn forget_instance(&mut self) {
        self.discard();
        for known in self.live.values_mut() {
            known.held.clear();
            known.bound = false;
        }
        self.remove_all(|_, known| !known.committed);
    }
}
