//! What running a probe costs.

use std::ops::AddAssign;
use std::time::Duration;

/// What one run of a probe cost, or several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCosts {
    /// CPU time of the guest and of the host's functions it called.
    pub cpu: Duration,
    /// Its calls to the host.
    pub host_calls: u64,
    /// Instances made.
    pub instances: u64,
    /// Calls that the host refused: bad names, labels, values.
    pub rejected_calls: u64,
    /// Log lines passed on.
    pub log_lines: u64,
    /// Log lines dropped over the quota.
    pub log_dropped: u64,
}

impl RunCosts {
    /// An instance made, and nothing else.
    pub fn of_an_instance() -> Self {
        Self {
            instances: 1,
            ..Self::default()
        }
    }
}

impl AddAssign for RunCosts {
    fn add_assign(&mut self, more: Self) {
        self.cpu += more.cpu;
        self.host_calls += more.host_calls;
        self.instances += more.instances;
        self.rejected_calls += more.rejected_calls;
        self.log_lines += more.log_lines;
        self.log_dropped += more.log_dropped;
    }
}
