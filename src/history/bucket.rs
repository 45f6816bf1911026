//! Many samples made few: one value for each step of a window.

use super::aggregate::quantile;
use super::rate::Rate;
use crate::model::Summary;

/// What becomes of the samples of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their mean.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// The last.
    Last,
    /// How many there are.
    Count,
}

impl Fold {
    /// What it makes of them; nothing of none.
    pub fn of(self, samples: &Summary) -> Option<f64> {
        (samples.count > 0).then_some(match self {
            Self::Average => samples.average(),
            Self::Minimum => samples.minimum,
            Self::Maximum => samples.maximum,
            Self::Last => samples.last,
            Self::Count => samples.count as f64,
        })
    }
}

/// What a step is told by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// What can be made of summaries.
    Fold(Fold),
    /// A quantile, which needs each sample.
    Quantile(f64),
}

impl Measure {
    /// Every measure by its word.
    pub const ALL: [(&'static str, Self); 8] = [
        ("avg", Self::Fold(Fold::Average)),
        ("min", Self::Fold(Fold::Minimum)),
        ("max", Self::Fold(Fold::Maximum)),
        ("last", Self::Fold(Fold::Last)),
        ("count", Self::Fold(Fold::Count)),
        ("p50", Self::Quantile(0.5)),
        ("p95", Self::Quantile(0.95)),
        ("p99", Self::Quantile(0.99)),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, measure)| *measure == self);
        found.map_or("quantile", |(word, _)| word)
    }
}

/// The steps of a window: each ends at a multiple of its length, so that a window that moves on shows the same steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The end of the one before the first, in milliseconds since the Unix epoch: the first has what comes after it.
    pub from: i64,
    /// How long each is, in milliseconds.
    pub step: i64,
    /// How many there are.
    pub count: usize,
    /// The end of the window, which may lie within the last: what came after it is not asked for.
    pub end: i64,
}

impl Steps {
    /// The steps of `step` milliseconds that cover what lies between `end - window` and `end`.
    pub fn covering(end: i64, window: i64, step: i64) -> Self {
        let last = end.div_euclid(step) + i64::from(end.rem_euclid(step) > 0);
        let first = (end - window).div_euclid(step);
        Self {
            from: first * step,
            step,
            count: usize::try_from(last - first).unwrap_or(0),
            end,
        }
    }

    /// When the last ends.
    pub fn until(&self) -> i64 {
        self.from + self.step * self.count as i64
    }

    /// The samples of each step together. They are in order of time, and each may stand for several.
    pub fn sums(&self, samples: impl Iterator<Item = (i64, Summary)>) -> Vec<Summary> {
        let mut sums = vec![Summary::default(); self.count];
        for (time, samples) in samples {
            let place = usize::try_from(self.number(time)).ok();
            if let Some(sum) = place.and_then(|place| sums.get_mut(place)) {
                *sum = sum.then(samples);
            }
        }
        sums
    }

    /// The step that a moment lies in, counted from the first, which is 0.
    fn number(&self, time: i64) -> i64 {
        (time - self.from - 1).div_euclid(self.step)
    }

    /// The end of each with its samples, as [`Steps::sums`] gives them, made one value; nothing where there are none.
    pub fn values(&self, sums: &[Summary], fold: Fold) -> Vec<(i64, Option<f64>)> {
        let steps = sums.iter().enumerate();
        steps
            .map(|(index, sum)| (self.end(index), fold.of(sum)))
            .collect()
    }

    /// When a step ends, counted from 0.
    pub fn end(&self, index: usize) -> i64 {
        self.from + self.step * (index as i64 + 1)
    }

    /// The end of each with its samples folded; nothing where there are none. The samples are in order of time.
    pub fn fold(
        &self,
        samples: impl Iterator<Item = (i64, f64)>,
        fold: Fold,
    ) -> Vec<(i64, Option<f64>)> {
        let sums = self.sums(samples.map(|(time, value)| (time, Summary::of(value))));
        self.values(&sums, fold)
    }

    /// The end of each with a quantile of its samples, numbers that are none left out; nothing where there are none.
    pub fn quantiles(
        &self,
        samples: impl Iterator<Item = (i64, f64)>,
        q: f64,
    ) -> Vec<(i64, Option<f64>)> {
        let mut values = vec![Vec::new(); self.count];
        for (time, value) in samples.filter(|(_, value)| !value.is_nan()) {
            let place = usize::try_from(self.number(time)).ok();
            if let Some(values) = place.and_then(|place| values.get_mut(place)) {
                values.push(value);
            }
        }
        let steps = values.iter().enumerate();
        let told = |values: &Vec<f64>| (!values.is_empty()).then(|| quantile(values, q));
        steps
            .map(|(index, values)| (self.end(index), told(values)))
            .collect()
    }

    /// The same as [`Steps::fold`] for rates. Each has the weight of the time that it covers of the step with its end, so that the mean is what was
    /// gained in that time; else one that stands for minutes would weigh as much as one of seconds.
    pub fn fold_rates(
        &self,
        rates: impl Iterator<Item = Rate>,
        fold: Fold,
    ) -> Vec<(i64, Option<f64>)> {
        let weighed = rates.filter_map(|rate| {
            let rate = rate.after(self.from + self.step * self.number(rate.time))?;
            let one = Summary::of(rate.value);
            let summary = match fold {
                Fold::Average => Summary {
                    count: rate.millis.unsigned_abs(),
                    sum: rate.value * rate.millis as f64,
                    ..one
                },
                _ => one,
            };
            Some((rate.time, summary))
        });
        self.values(&self.sums(weighed), fold)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rates;
    use super::*;

    #[test]
    fn steps_end_at_multiples_and_hold_what_came_after_the_one_before() {
        let steps = Steps::covering(10_500, 5_500, 5_000);
        assert_eq!((steps.from, steps.count, steps.until()), (5_000, 2, 15_000));
        let samples = [
            (5_000, 9.0),
            (5_001, 1.0),
            (10_000, 3.0),
            (10_001, 7.0),
            (15_000, 5.0),
            (15_001, 9.0),
        ];
        for (fold, wanted) in [
            (Fold::Average, [2.0, 6.0]),
            (Fold::Minimum, [1.0, 5.0]),
            (Fold::Maximum, [3.0, 7.0]),
            (Fold::Last, [3.0, 5.0]),
            (Fold::Count, [2.0, 2.0]),
        ] {
            let folded = steps.fold(samples.into_iter(), fold);
            let wanted = [(10_000, Some(wanted[0])), (15_000, Some(wanted[1]))];
            assert_eq!(folded, wanted, "{fold:?}");
        }
        let none = steps.fold(std::iter::empty(), Fold::Count);
        assert_eq!(none, [(10_000, None), (15_000, None)]);
    }

    #[test]
    fn quantiles_are_those_of_each_steps_own_samples() {
        let steps = Steps::covering(15_000, 15_000, 5_000);
        let samples = [
            (0, 99.0),
            (1, 3.0),
            (2_000, f64::NAN),
            (3_000, 1.0),
            (5_000, 2.0),
            (10_001, 7.0),
        ];
        let wanted = [
            (0.5, [Some(2.0), None, Some(7.0)]),
            (0.95, [Some(2.9), None, Some(7.0)]),
        ];
        for (q, wanted) in wanted {
            let told = steps.quantiles(samples.into_iter(), q).into_iter();
            let near = |(one, other): (Option<f64>, Option<f64>)| match (one, other) {
                (Some(one), Some(other)) => (one - other).abs() < 1e-9,
                (one, other) => one == other,
            };
            let told = told.map(|(_, value)| value);
            assert!(std::iter::zip(told, wanted).all(near), "{q}");
        }
    }

    #[test]
    fn a_window_that_ends_on_a_step_has_just_its_own() {
        let steps = Steps::covering(10_000, 10_000, 5_000);
        assert_eq!((steps.from, steps.count), (0, 2));
        assert_eq!(Steps::covering(-1, 10, 5).until(), 0);
        let short = Steps::covering(7_000, 1_000, 5_000);
        assert_eq!((short.from, short.count), (5_000, 1), "a part of one step");
    }

    #[test]
    fn rates_weigh_as_long_as_they_are_and_lie_in_the_step() {
        let steps = Steps::covering(120_000, 120_000, 60_000);
        // 10 a second for half a minute, one a second across a gap of 20 s, and 4 in the last ten; then 2 and 10.
        let totals = [
            (0, 0.0),
            (30_000, 300.0),
            (50_000, 320.0),
            (60_000, 360.0),
            (115_000, 470.0),
            (120_000, 520.0),
        ];
        let folded = |fold| {
            let folded = steps.fold_rates(rates(totals.into_iter()), fold);
            folded.into_iter().map(|(_, value)| value.unwrap_or(-1.0))
        };
        let average: Vec<f64> = folded(Fold::Average).collect();
        assert_eq!(average, [6.0, 160.0 / 60.0]);
        assert_eq!(folded(Fold::Count).collect::<Vec<_>>(), [3.0, 2.0]);
        assert_eq!(folded(Fold::Maximum).collect::<Vec<_>>(), [10.0, 10.0]);
        let beyond = [(-30_000, 0.0), (30_000, 60.0), (60_000, 240.0)];
        let folded = steps.fold_rates(rates(beyond.into_iter()), Fold::Average);
        assert_eq!(folded[0], (60_000, Some(3.5)), "half a minute of each");
    }
}
