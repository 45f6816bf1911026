//! How long threads waited for a processor, from /proc/self/task/*/schedstat. Format: the kernel's
//! Documentation/scheduler/sched-stats.rst: time running, time waiting (both in nanoseconds), time slices.

use std::path::PathBuf;
use std::time::Instant;

use super::kernel_file::KernelFile;
use super::scan::Words;
use super::{Machine, Malformed, SamplerError};

/// Blocking sections hand a loop's work on to other threads; more of them than this are not followed.
const MAX_THREADS: usize = 64;

/// The main thread, and the threads on which the event loop was seen.
pub(super) struct RunQueue {
    /// /proc/self/task.
    tasks: PathBuf,
    /// The main thread first.
    threads: Vec<Thread>,
    /// When they were last read.
    read: Option<Instant>,
}

/// One thread that is followed.
struct Thread {
    /// 0 for the main thread.
    id: u32,
    /// Its schedstat.
    file: KernelFile,
    /// Nanoseconds of waiting at the last reading.
    waited: Option<u64>,
}

impl RunQueue {
    /// Opens the main thread's file, /proc/self/schedstat.
    pub(super) fn open(machine: &Machine) -> Result<Self, SamplerError> {
        Ok(Self {
            tasks: machine.proc("self/task"),
            threads: vec![Thread {
                id: 0,
                file: KernelFile::open(machine.proc("self/schedstat"))?,
                waited: None,
            }],
            read: None,
        })
    }

    /// The waiting time of the thread that waited most, as a share of the time since the last reading; `seen` is
    /// the thread on which the loop ran last. Nothing at first, or where the kernel does not tell.
    pub(super) fn sample(&mut self, now: Instant, seen: u32) -> Result<Option<f64>, SamplerError> {
        self.follow(seen)?;
        let elapsed = self
            .read
            .map(|read| now.saturating_duration_since(read).as_nanos() as f64);
        let mut most: Option<u64> = None;
        for thread in &mut self.threads {
            let waited = thread.file.parse(parse)?;
            let grown = (waited.zip(thread.waited)).map(|(now, before)| now.saturating_sub(before));
            thread.waited = waited;
            most = most.max(grown);
        }
        self.threads
            .retain(|thread| thread.id == 0 || thread.waited.is_some());
        self.read = Some(now);
        Ok(match (most, elapsed) {
            (Some(most), Some(elapsed)) if elapsed > 0.0 => Some(most as f64 / elapsed),
            _ => None,
        })
    }

    fn follow(&mut self, seen: u32) -> Result<(), SamplerError> {
        let known = self.threads.iter().any(|thread| thread.id == seen);
        if known || seen == std::process::id() || self.threads.len() >= MAX_THREADS {
            return Ok(());
        }
        self.threads.push(Thread {
            id: seen,
            file: KernelFile::open(self.tasks.join(format!("{seen}/schedstat")))?,
            waited: None,
        });
        Ok(())
    }
}

/// Nanoseconds spent waiting.
fn parse(text: &[u8]) -> Result<u64, Malformed> {
    let mut words = Words::new(1, text);
    words.number()?;
    words.number()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_second_number_is_the_waiting() {
        assert_eq!(parse(b"765 403 375\n"), Ok(403));
        assert_eq!(
            parse(b"765\n"),
            Err(Malformed::new(1, "a whole number is expected"))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _refused = parse(&bytes);
        }
    }
}
