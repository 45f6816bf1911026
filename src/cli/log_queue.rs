//! The queue between whoever logs and standard error: no task waits for a reader that stalls.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::model::TallyCounter;

/// About a thousand lines: the whole of a busy start, or what a hundred noisy guests are allowed in seconds. Counted in
/// bytes, because one line of a guest may have four thousand.
const CAPACITY_BYTES: usize = 256 * 1024;
/// A terminal or pipe that another program made non-blocking gives no sign of when it takes bytes again.
const RETRY: Duration = Duration::from_millis(10);

/// Lines on their way out. When it is full, lines are dropped and counted until its thread has made room.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Lines came, or the thread has written some.
    changed: Condvar,
    dropped: TallyCounter,
}

#[derive(Default)]
struct State {
    /// Whole lines that the thread has not taken yet.
    waiting: Vec<u8>,
    /// Lines dropped since the thread last took some.
    dropped: u64,
    /// The thread is writing what it took.
    writing: bool,
}

impl Queue {
    /// Starts the thread that writes to `out`. Lines that do not get there are counted in `dropped`; `report` is called
    /// with the number of those dropped for want of room, once there is room, and may push a line about it.
    ///
    /// # Errors
    /// When the machine gives no further thread.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        dropped: TallyCounter,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            dropped,
        });
        let of_thread = queue.clone();
        // Not joined: a thread that is stuck in a write must not hold up the end. `flush` waits for what it can.
        thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || of_thread.run(out, report))?;
        Ok(queue)
    }

    /// Queues whole lines, or drops them. Never waits.
    pub(super) fn push(&self, lines: &[u8]) {
        let mut state = self.lock();
        // After a first gap nothing is taken before the report of it, so that the report stands where lines are missing.
        if state.dropped > 0 || state.waiting.len() + lines.len() > CAPACITY_BYTES {
            state.dropped += 1;
            self.dropped.increment();
        } else {
            state.waiting.extend_from_slice(lines);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until everything queued is written, at most `patience`. False when it is not.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let busy = |state: &mut State| !state.is_idle();
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, busy)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_idle()
    }

    fn run(&self, mut out: impl Write, report: impl Fn(u64)) -> ! {
        let mut batch = Vec::new();
        loop {
            let dropped = self.take(&mut batch);
            if dropped > 0 {
                report(dropped);
            }
            // A reader that is gone ends nothing, and a report of it would go the same way.
            self.dropped.add(write(&mut out, &batch));
        }
    }

    /// Waits for lines and takes them all; gives the number of those dropped after them.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        batch.clear();
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| state.is_idle())
            .unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        std::mem::swap(&mut state.waiting, batch);
        std::mem::take(&mut state.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_idle(&self) -> bool {
        !self.writing && self.waiting.is_empty() && self.dropped == 0
    }
}

/// Writes all of `lines` and gives the number of those that `out` refused for good.
fn write(out: &mut impl Write, lines: &[u8]) -> u64 {
    let mut rest = lines;
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => break,
            Ok(count) => rest = &rest[count..],
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => thread::sleep(RETRY),
                _ => break,
            },
        }
    }
    rest.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
#[path = "log_queue_tests.rs"]
mod tests;
