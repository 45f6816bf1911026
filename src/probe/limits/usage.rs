//! What the present call has used of its time and of its calls to the host.

use std::time::{Duration, Instant};

use super::{Breach, Limits, Meter};
use crate::model::RunCosts;

/// The use of one call, and how far it may go.
pub(in crate::probe) struct Usage {
    began: Instant,
    deadline: Instant,
    cpu: Duration,
    host_calls: u32,
    most_host_calls: u32,
    meter: Meter,
}

impl Usage {
    pub(in crate::probe) fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            deadline: now,
            cpu: limits.cpu.0,
            host_calls: 0,
            most_host_calls: limits.host_calls,
            meter: Meter::default(),
        }
    }

    /// A new call begins.
    pub(in crate::probe) fn begin(&mut self, deadline: Instant) {
        self.began = Instant::now();
        self.deadline = deadline;
        self.host_calls = 0;
        self.meter.reset();
    }

    /// What counts the CPU time of the call.
    pub(in crate::probe) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The guest calls the host.
    ///
    /// # Errors
    /// It has done so as often as it may.
    pub(in crate::probe) fn count_host_call(&mut self) -> Result<(), Breach> {
        if self.host_calls >= self.most_host_calls {
            return Err(Breach::HostCalls {
                limit: self.most_host_calls,
            });
        }
        self.host_calls += 1;
        Ok(())
    }

    /// The epoch has moved, which takes the guest to the host without a call of its own; it may go on if its time is
    /// not used up.
    ///
    /// # Errors
    /// The deadline has passed, or the CPU time is used up.
    pub(in crate::probe) fn check_time(&mut self) -> Result<(), Breach> {
        self.host_calls = self.host_calls.saturating_sub(1);
        if Instant::now() >= self.deadline {
            return Err(self.late());
        }
        let used = self.meter.spent_by_now();
        if used >= self.cpu {
            return Err(Breach::Cpu {
                used,
                limit: self.cpu,
            });
        }
        Ok(())
    }

    /// The deadline has passed.
    pub(in crate::probe) fn late(&self) -> Breach {
        Breach::Deadline {
            ran: self.began.elapsed(),
            limit: self.deadline.saturating_duration_since(self.began),
        }
    }

    /// What the call cost.
    pub(in crate::probe) fn costs(&self) -> RunCosts {
        RunCosts {
            cpu: self.meter.spent(),
            host_calls: u64::from(self.host_calls),
            ..RunCosts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn usage() -> Usage {
        let mut usage = Usage::new(&Limits {
            host_calls: 3,
            cpu: Span::millis(5),
            ..Limits::default()
        });
        usage.begin(Instant::now() + Duration::from_secs(60));
        usage
    }

    #[test]
    fn host_calls_are_counted_to_the_limit_and_each_call_begins_anew() {
        let mut usage = usage();
        for _ in 0..2 {
            for _ in 0..3 {
                usage.count_host_call().expect("it is within the limit");
            }
            assert_eq!(usage.costs().host_calls, 3);
            let refused = usage.count_host_call().expect_err("one too many");
            assert!(matches!(refused, Breach::HostCalls { limit: 3 }));
            usage.begin(Instant::now());
        }
    }

    #[test]
    fn a_look_at_the_clock_is_no_host_call() {
        let mut usage = usage();
        for _ in 0..10 {
            usage.count_host_call().expect("it is within the limit");
            usage.check_time().expect("it has time left");
        }
        assert_eq!(usage.costs().host_calls, 0);
    }

    #[test]
    fn time_is_used_up_by_the_clock_or_by_work() {
        let mut usage = usage();
        let meter = usage.meter().clone();
        let breach = meter.count(|| {
            loop {
                if let Err(breach) = usage.check_time() {
                    return breach;
                }
            }
        });
        assert!(matches!(breach, Breach::Cpu { used, limit } if used >= limit));
        assert!(usage.costs().cpu >= Duration::from_millis(5));
        usage.begin(Instant::now());
        assert!(matches!(
            usage.check_time(),
            Err(Breach::Deadline { ran, limit }) if ran >= limit
        ));
    }
}
