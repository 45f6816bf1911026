//! What many samples come to: count, average, extremes and percentiles.

use super::rate::Rate;

/// What the samples of one series come to in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregates {
    /// How many samples there are, NaN left out.
    pub count: usize,
    /// Their arithmetic mean.
    pub average: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// When the first sample was, or the first gain began, in milliseconds since the Unix epoch.
    pub first: i64,
    /// When the last sample was.
    pub last: i64,
}

/// Room that aggregating uses, so that who asks for many series allocates once.
#[derive(Debug, Default)]
pub struct Scratch(Vec<Rank>);

/// A double as an integer of the same order (IEEE 754's total order), which is cheaper to compare.
type Rank = i64;

fn rank(value: f64) -> Rank {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn value_of(rank: Rank) -> f64 {
    f64::from_bits((rank ^ (((rank >> 63) as u64) >> 1) as i64) as u64)
}

impl Aggregates {
    /// The aggregates of samples in order of time; nothing when there are none.
    pub fn of(samples: impl Iterator<Item = (i64, f64)>, scratch: &mut Scratch) -> Option<Self> {
        let ranks = &mut scratch.0;
        ranks.clear();
        let (mut first, mut last) = (None, 0);
        let mut sum = 0.0;
        // `for_each` and not a loop: it goes through a chunk at a time.
        samples
            .filter(|(_, value)| !value.is_nan())
            .for_each(|(time, value)| {
                first.get_or_insert(time);
                last = time;
                sum += value;
                ranks.push(rank(value));
            });
        let first = first?;
        let [p50, p95, p99] = percentiles(ranks, [0.5, 0.95, 0.99]);
        // Whatever is below the median lies before it by now, and behind the last percentile what is above that.
        let (below, above) = (
            &ranks[..=(ranks.len() - 1) / 2],
            &ranks[place(ranks.len(), 0.99).0..],
        );
        let least = below.iter().copied().min().map_or(f64::NAN, value_of);
        let most = above.iter().copied().max().map_or(f64::NAN, value_of);
        Some(Self {
            count: ranks.len(),
            average: sum / ranks.len() as f64,
            minimum: least,
            maximum: most,
            p50,
            p95,
            p99,
            first,
            last,
        })
    }

    /// The aggregates of rates in order of time, their average being what was gained over the time that they cover together;
    /// nothing when there are none. The first is where what it gained began.
    pub fn of_rates(rates: impl Iterator<Item = Rate>, scratch: &mut Scratch) -> Option<Self> {
        let (mut gained, mut millis, mut begin) = (0.0, 0, None);
        let known = rates.filter(|rate| !rate.value.is_nan());
        let counted = known.inspect(|rate| {
            begin.get_or_insert(rate.time - rate.millis);
            gained += rate.value * rate.millis as f64;
            millis += rate.millis;
        });
        let all = Self::of(counted.map(|rate| (rate.time, rate.value)), scratch)?;
        Some(Self {
            average: gained / millis as f64,
            first: begin.unwrap_or(all.first),
            ..all
        })
    }
}

/// A quantile of values in any order, between two of them in proportion, as PromQL's `quantile_over_time` has it: -Inf
/// below 0, +Inf above 1, NaN of nothing.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    if values.is_empty() || q.is_nan() {
        f64::NAN
    } else if q < 0.0 {
        f64::NEG_INFINITY
    } else if q > 1.0 {
        f64::INFINITY
    } else {
        let mut ranks: Vec<Rank> = values.iter().copied().map(rank).collect();
        percentiles(&mut ranks, [q])[0]
    }
}

/// Where a quantile lies among so many sorted values: behind this one, by this share of the way to the next.
fn place(count: usize, q: f64) -> (usize, f64) {
    let place = q * (count - 1) as f64;
    (place.floor() as usize, place.fract())
}

/// Quantiles in rising order, of at least one value. Each is looked for only above the one before.
fn percentiles<const N: usize>(ranks: &mut [Rank], quantiles: [f64; N]) -> [f64; N] {
    let mut from = 0;
    quantiles.map(|q| {
        let (index, share) = place(ranks.len(), q);
        let rest = &mut ranks[from..];
        let (_, lower, above) = rest.select_nth_unstable(index - from);
        let lower = value_of(*lower);
        from = index;
        if share == 0.0 {
            return lower;
        }
        let upper = above.iter().copied().min().map(value_of);
        upper.map_or(lower, |upper| lower * (1.0 - share) + upper * share)
    })
}

#[cfg(test)]
mod tests {
    use super::super::rates;
    use super::*;
    use proptest::prelude::*;

    fn aggregates(values: &[f64]) -> Option<Aggregates> {
        let samples = values.iter().enumerate();
        let samples = samples.map(|(index, value)| (index as i64 * 5_000, *value));
        Aggregates::of(samples, &mut Scratch(vec![99]))
    }

    #[test]
    fn an_hour_of_one_value_and_of_none() {
        assert_eq!(aggregates(&[]), None);
        assert_eq!(aggregates(&[f64::NAN]), None);
        let one = aggregates(&[7.0]).expect("there is a sample");
        assert_eq!((one.count, one.average, one.p99), (1, 7.0, 7.0));
        let some = aggregates(&[3.0, 1.0, f64::NAN, 2.0]).expect("there are samples");
        assert_eq!((some.minimum, some.maximum, some.p50), (1.0, 3.0, 2.0));
        assert_eq!((some.count, some.first, some.last), (3, 0, 15_000));
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_values(mut values in prop::collection::vec(-1e6..1e6f64, 1..200)) {
            let some = aggregates(&values).expect("there are samples");
            values.sort_by(f64::total_cmp);
            let sorted = |q: f64| {
                let rank = q * (values.len() - 1) as f64;
                let (lower, upper) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
                lower * (1.0 - rank.fract()) + upper * rank.fract()
            };
            for (q, found) in [(0.5, some.p50), (0.95, some.p95), (0.99, some.p99)] {
                prop_assert!((found - sorted(q)).abs() < 1e-9, "{q}: {found} and {}", sorted(q));
                prop_assert_eq!(found, quantile(&values, q));
            }
        }
    }

    #[test]
    fn quantiles_beyond_the_ends_are_infinite() {
        let values = [1.0, 2.0];
        assert_eq!(quantile(&values, -0.1), f64::NEG_INFINITY);
        assert_eq!(quantile(&values, 1.1), f64::INFINITY);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_average_of_rates_is_the_gain_over_the_time() {
        let samples = [(0, 0.0), (5_000, 50.0), (65_000, 110.0)];
        let all = Aggregates::of_rates(rates(samples.into_iter()), &mut Scratch::default());
        let all = all.expect("there are rates");
        assert_eq!((all.count, all.minimum, all.maximum), (2, 1.0, 10.0));
        assert_eq!(all.average, 110.0 / 65.0, "not 5.5");
        assert_eq!((all.first, all.last), (0, 65_000));
    }
}
