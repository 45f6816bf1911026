//! What many values come to.

use crate::history::quantile;

/// A sum with what rounding loses kept beside it (Neumaier's form of Kahan's), as Prometheus has it.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = total + value;
        lost += if !next.is_finite() {
            0.0
        } else if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    if total.is_finite() {
        total + lost
    } else {
        total
    }
}

/// The arithmetic mean; of numbers whose sum is too large as well.
pub(super) fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let total = sum(values.clone());
    if total.is_infinite() && values.clone().all(f64::is_finite) {
        return sum(values.map(|value| value / count));
    }
    total / count
}

/// The variance of a whole population.
pub(super) fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let middle = mean(values.clone());
    mean(values.map(|value| (value - middle) * (value - middle)))
}

/// The standard deviation of a whole population.
pub(super) fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    variance(values).sqrt()
}

/// A quantile, with NaN below all numbers as Prometheus sorts them.
pub(super) fn quantile_of(
    values: impl Iterator<Item = f64>,
    q: f64,
    scratch: &mut Vec<f64>,
) -> f64 {
    scratch.clear();
    let lowest = |value: f64| match value.is_nan() {
        true => f64::NAN.copysign(-1.0),
        false => value,
    };
    scratch.extend(values.map(lowest));
    quantile(scratch, q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_what_rounding_loses() {
        let values = [1.0, 1e100, 1.0, -1e100];
        assert_eq!(sum(values.into_iter()), 2.0);
        assert_eq!(mean([f64::MAX, f64::MAX].into_iter()), f64::MAX);
        assert_eq!(sum([f64::INFINITY, 1.0].into_iter()), f64::INFINITY);
        assert!(sum([f64::INFINITY, f64::NEG_INFINITY].into_iter()).is_nan());
    }

    #[test]
    fn deviations_are_of_the_whole_population() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(variance(values.into_iter()), 4.0);
        assert_eq!(deviation(values.into_iter()), 2.0);
    }

    #[test]
    fn what_is_no_number_is_the_lowest() {
        let values = [3.0, f64::NAN, 1.0];
        let mut scratch = Vec::new();
        assert_eq!(quantile_of(values.into_iter(), 1.0, &mut scratch), 3.0);
        assert_eq!(quantile_of(values.into_iter(), 0.5, &mut scratch), 1.0);
        assert!(quantile_of(values.into_iter(), 0.0, &mut scratch).is_nan());
    }
}
