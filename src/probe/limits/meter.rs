//! The CPU time of a call: that of whichever thread polls it, for as long as it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the CPU time of one call; clones share it. Only one thread polls a call at a time, and handing it to
/// another one orders what they write here, so no write is lost.
#[derive(Clone, Default)]
pub(in crate::probe) struct Meter(Arc<Clocks>);

#[derive(Default)]
struct Clocks {
    /// Nanoseconds of the polls that are over.
    spent: AtomicU64,
    /// The thread's clock when the poll under way began.
    began: AtomicU64,
}

impl Meter {
    /// A new call begins.
    pub(in crate::probe) fn reset(&self) {
        self.0.spent.store(0, Ordering::Relaxed);
    }

    /// Does `work`, a poll of the call, and counts it.
    pub(in crate::probe) fn count<R>(&self, work: impl FnOnce() -> R) -> R {
        self.0.began.store(thread_time(), Ordering::Relaxed);
        let result = work();
        let used = self.under_way();
        self.0.spent.fetch_add(used, Ordering::Relaxed);
        result
    }

    /// What the polls of the call have used, without the one under way.
    pub(in crate::probe) fn spent(&self) -> Duration {
        Duration::from_nanos(self.0.spent.load(Ordering::Relaxed))
    }

    /// What the call has used so far, asked from within a poll.
    pub(in crate::probe) fn spent_by_now(&self) -> Duration {
        self.spent() + Duration::from_nanos(self.under_way())
    }

    fn under_way(&self) -> u64 {
        thread_time().saturating_sub(self.0.began.load(Ordering::Relaxed))
    }
}

/// The CPU time of the current thread in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_is_counted_and_waiting_is_not() {
        let meter = Meter::default();
        let work = Duration::from_millis(20);
        meter.count(|| {
            while meter.spent_by_now() < work {
                std::hint::spin_loop();
            }
        });
        assert!(meter.spent() >= work);
        meter.reset();
        let began = Instant::now();
        meter.count(|| std::thread::sleep(work));
        // What the machine takes from this thread counts as both.
        assert!(meter.spent() + work / 2 <= began.elapsed());
    }
}
