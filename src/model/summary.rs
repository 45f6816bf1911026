//! What many samples come to, so that more can be added without those that are in it.

/// Some samples of one series: how many, their sum, the smallest, the largest and the last.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// How many there are. Where there are none, the numbers mean nothing.
    pub count: u64,
    /// Their sum; NaN as soon as one of them is.
    pub sum: f64,
    /// The smallest; NaN only when all are.
    pub minimum: f64,
    /// The largest; NaN only when all are.
    pub maximum: f64,
    /// The last.
    pub last: f64,
}

impl Summary {
    /// One sample.
    pub fn of(value: f64) -> Self {
        Self {
            count: 1,
            sum: value,
            minimum: value,
            maximum: value,
            last: value,
        }
    }

    /// Their arithmetic mean.
    pub fn average(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// With samples that came later.
    #[must_use]
    #[inline]
    pub fn then(self, later: Self) -> Self {
        if self.count == 0 {
            return later;
        }
        if later.count == 0 {
            return self;
        }
        Self {
            count: self.count.saturating_add(later.count),
            sum: self.sum + later.sum,
            // A number wins over what is none.
            minimum: self.minimum.min(later.minimum),
            maximum: self.maximum.max(later.maximum),
            last: later.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(values: &[f64]) -> Summary {
        let one = values.iter().map(|value| Summary::of(*value));
        one.fold(Summary::default(), Summary::then)
    }

    proptest! {
        #[test]
        fn parts_put_together_are_the_whole(values in prop::collection::vec(-1e9..1e9f64, 1..60), cut in 0usize..60) {
            let (one, other) = values.split_at(cut.min(values.len()));
            let both = all(one).then(all(other));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            prop_assert_eq!(both.count, values.len() as u64);
            prop_assert!((both.average() - mean).abs() < 1e-3, "{} and {mean}", both.average());
            prop_assert_eq!(both.minimum, values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(both.maximum, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(both.last, values[values.len() - 1]);
        }
    }

    #[test]
    fn what_is_no_number_spoils_the_sum_and_not_the_extremes() {
        let some = all(&[f64::NAN, 3.0, 1.0]);
        assert!(some.sum.is_nan());
        assert_eq!((some.minimum, some.maximum, some.last), (1.0, 3.0, 1.0));
        assert_eq!(all(&[f64::INFINITY, 1.0]).average(), f64::INFINITY);
    }
}
