//! `rate`, `increase` and `delta`: what a series gained in a range, with an estimate of what happened before its first and
//! after its last sample there.
//!
//! The estimate is Prometheus' (`extrapolatedRate` in promql/functions.go, version 3): samples come at about even
//! distances, so a range whose end is no farther from the nearest sample than 1.1 of those is taken to be covered by the series, and the slope
//! goes on to there. Otherwise the series is taken to begin or end half a distance beyond its outermost sample. A counter is
//! never taken to have been below 0.

/// Which of the three it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gain {
    /// Of a counter, each second.
    Rate,
    /// Of a counter.
    Increase,
    /// Of a gauge.
    Delta,
}

/// How much farther than the usual distance a sample may be from the range's end.
const COVERED: f64 = 1.1;

/// The gain from `start` until `end`, in milliseconds; nothing with fewer than two samples.
pub(super) fn gain(gain: Gain, samples: &[(i64, f64)], start: i64, end: i64) -> Option<f64> {
    let [(first_time, first), .., (last_time, last)] = samples else {
        return None;
    };
    let sampled = seconds(last_time - first_time);
    let distance = sampled / (samples.len() - 1) as f64;
    let mut gained = last - first;
    if gain != Gain::Delta {
        gained += lost_by_resets(samples);
    }
    let beyond = |gap: f64| match gap < distance * COVERED {
        true => gap,
        false => distance / 2.0,
    };
    let mut before = beyond(seconds(first_time - start));
    if gain != Gain::Delta && gained > 0.0 && *first >= 0.0 {
        let since_zero = sampled * (first / gained);
        before = before.min(since_zero);
    }
    let after = beyond(seconds(end - last_time));
    let whole = gained * ((sampled + before + after) / sampled);
    Some(match gain {
        Gain::Rate => whole / seconds(end - start),
        Gain::Increase | Gain::Delta => whole,
    })
}

/// What a counter had counted each time when it began anew.
fn lost_by_resets(samples: &[(i64, f64)]) -> f64 {
    let pairs = samples.windows(2);
    let resets = pairs.filter(|pair| pair[1].1 < pair[0].1);
    resets.map(|pair| pair[0].1).sum()
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1e3
}
