//! How long a crashed probe waits: 1 s doubling to 60 s, give or take a fifth.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Share of the delay by which it may be shorter or longer, so that probes that crash together do not
/// come back together.
const JITTER: f64 = 0.2;

/// The delays after crashes in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    crashes: u32,
    random: RandomState,
}

impl Backoff {
    /// The delay after one more crash.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.crashes.min(16)).min(LONGEST);
        self.crashes += 1;
        let mut hasher = self.random.build_hasher();
        hasher.write_u32(self.crashes);
        let unit = hasher.finish() as f64 / u64::MAX as f64;
        doubled.mul_f64(1.0 - JITTER + 2.0 * JITTER * unit)
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.crashes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_a_minute_within_the_jitter_and_start_over() {
        let mut backoff = Backoff::default();
        for wanted in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            let delay = backoff.next().as_secs_f64();
            assert!(
                (wanted * 0.8..=wanted * 1.2).contains(&delay),
                "{delay} for {wanted}"
            );
        }
        backoff.reset();
        assert!(backoff.next().as_secs_f64() <= 1.2);
    }
}
