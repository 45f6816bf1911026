//! Long work of little hurry: it stands back behind everything else, and rests as long as it worked.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process;

/// How far such work stands back, as the compiling process does.
const NICE: i32 = 15;
/// The longest rest. A step that took longer waited for a disk or for a processor, and has stood back already.
const LONGEST: Duration = Duration::from_millis(50);

/// The rhythm of one thread's work.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    begun: Instant,
}

impl Pace {
    /// The calling thread works in this rhythm from now on, behind all others, for good: only root may bring it back, so this
    /// is for a thread of its own.
    pub fn begin() -> Self {
        // On Linux a priority is the thread's. Where it cannot be had, resting has to do.
        if let Err(error) = process::nice(NICE) {
            tracing::debug!("this thread's priority cannot be lowered: {error}");
        }
        Self {
            begun: Instant::now(),
        }
    }

    /// Rests as long as the work since the last rest took.
    pub fn rest(&mut self) {
        self.rest_for(self.begun.elapsed());
    }

    /// Rests a quarter as long: others wait for the end of this work.
    pub fn breathe(&mut self) {
        self.rest_for(self.begun.elapsed() / 4);
    }

    fn rest_for(&mut self, time: Duration) {
        thread::sleep(time.min(LONGEST));
        self.begun = Instant::now();
    }
}
