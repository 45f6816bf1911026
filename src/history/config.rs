//! Configuration of the history.

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, Invalid, Span, check_range};

/// Ticks at most: readers are given a list that grows with them, again and again.
const MOST_TICKS: u128 = 200_000;

/// `[history]`: how much of the past is kept in memory.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Off: nothing is kept, and everything that shows or queries the past answers 404.
    pub enabled: bool,
    /// The step at which every series is sampled.
    pub interval: Span,
    /// How far back it goes.
    pub retention: Span,
    /// How much memory the samples may take; what is oldest goes before this is exceeded.
    pub max_memory: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Span::seconds(5),
            retention: Span::seconds(3600),
            max_memory: ByteSize::mib(32),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        let (least, most) = (Span::millis(100), Span::seconds(3600));
        check_range(&mut faults, "interval", self.interval, least, most);
        let (least, most) = (Span::seconds(60), Span::seconds(7 * 86_400));
        check_range(&mut faults, "retention", self.retention, least, most);
        let (least, most) = (ByteSize::mib(1), ByteSize::mib(16 << 10));
        check_range(&mut faults, "max_memory", self.max_memory, least, most);
        let ticks = self.retention.0.as_millis() / self.interval.0.as_millis().max(1);
        if !(1..=MOST_TICKS).contains(&ticks) {
            let (interval, retention) = (self.interval, self.retention);
            let rule = format!("must fit 1 to {MOST_TICKS} times into retention ({retention})");
            faults.push(Invalid::new("interval", interval, rule));
        }
        faults
    }
}
