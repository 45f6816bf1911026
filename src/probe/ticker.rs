//! The epoch ticker: makes long-running guests yield, and costs nothing while none is running long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// How long a guest may keep a thread before it yields to the others.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// A thread that moves the engine's epoch while somebody holds it. Stops when dropped.
pub(super) struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    holds: AtomicUsize,
    stop: Mutex<bool>,
    wake: Condvar,
}

impl Ticker {
    /// Starts the thread, asleep.
    ///
    /// # Errors
    /// When the machine gives no further thread.
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            holds: AtomicUsize::new(0),
            stop: Mutex::new(false),
            wake: Condvar::new(),
        });
        let of_thread = shared.clone();
        thread::Builder::new()
            .name("probe-ticker".into())
            .spawn(move || of_thread.run(&engine))?;
        Ok(Self { shared })
    }

    /// Keeps the epoch moving until the hold is dropped.
    pub(super) fn hold(&self) -> Hold {
        let shared = self.shared.clone();
        if shared.holds.fetch_add(1, Ordering::SeqCst) == 0 {
            // Taken so that the thread is either before its check or already waiting.
            drop(shared.stop.lock().unwrap_or_else(PoisonError::into_inner));
            shared.wake.notify_one();
        }
        Hold(shared)
    }

    /// Whether the thread is moving the epoch.
    #[cfg(test)]
    pub(super) fn is_ticking(&self) -> bool {
        self.shared.holds.load(Ordering::SeqCst) > 0
    }
}

impl Shared {
    fn run(&self, engine: &Engine) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stop {
            let idle = self.holds.load(Ordering::SeqCst) == 0;
            stop = if idle {
                self.wake.wait(stop).unwrap_or_else(PoisonError::into_inner)
            } else {
                engine.increment_epoch();
                self.wake
                    .wait_timeout(stop, TICK)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self
            .shared
            .stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_one();
    }
}

/// Somebody's wish that the epoch moves.
pub(super) struct Hold(Arc<Shared>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::SeqCst);
    }
}
