//! How fast what only grows did so.

/// What a total gained between one sample and the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// When the later sample was, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The gain, each second.
    pub value: f64,
    /// How long before the earlier one was, in milliseconds: more than none.
    pub millis: i64,
}

impl Rate {
    /// What of it is later than `start`; nothing if it is all earlier.
    pub fn after(self, start: i64) -> Option<Self> {
        let millis = self.millis.min(self.time - start);
        (millis > 0).then_some(Self { millis, ..self })
    }
}

/// The rates between the samples of a total, in order of time. A total that is smaller than before began anew at 0.
pub fn rates(samples: impl Iterator<Item = (i64, f64)>) -> impl Iterator<Item = Rate> {
    let mut before: Option<(i64, f64)> = None;
    samples.filter_map(move |(time, total)| {
        let (then, old) = before.replace((time, total))?;
        let gained = if total < old { total } else { total - old };
        let millis = time - then;
        (millis > 0).then(|| Rate {
            time,
            value: gained * 1e3 / millis as f64,
            millis,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_survives_a_reset_and_a_gap() {
        let samples = [(0, 10.0), (5_000, 20.0), (10_000, 4.0), (20_000, 24.0)];
        let rates = rates(samples.into_iter()).map(|rate| (rate.time, rate.value, rate.millis));
        let wanted = [
            (5_000, 2.0, 5_000),
            (10_000, 0.8, 5_000),
            (20_000, 2.0, 10_000),
        ];
        assert_eq!(rates.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_part_of_a_rate_is_what_lies_behind_the_start() {
        let rate = Rate {
            time: 10_000,
            value: 3.0,
            millis: 5_000,
        };
        for (start, millis) in [(0, Some(5_000)), (8_000, Some(2_000)), (10_000, None)] {
            assert_eq!(rate.after(start).map(|rate| rate.millis), millis);
        }
    }
}
