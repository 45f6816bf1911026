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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Instant;

    use wasmtime::{Config, Instance, Module, Store, TypedFunc};

    use super::*;

    /// Nothing here takes longer, unless it hangs.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// Long enough for a ticker that ticks to tick in it.
    const WINDOW: Duration = TICK.saturating_mul(5);

    /// Traps as soon as the epoch has moved past where it was when the watch began.
    struct EpochWatch {
        store: Store<()>,
        /// Returns at once; the epoch is looked at when it is entered.
        enter: TypedFunc<(), ()>,
    }

    impl EpochWatch {
        fn begin(engine: &Engine) -> Self {
            let bytes = wat::parse_str("(module (func (export \"enter\")))").unwrap();
            let module = Module::new(engine, bytes).unwrap();
            let mut store = Store::new(engine, ());
            store.set_epoch_deadline(1);
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let enter = instance.get_typed_func(&mut store, "enter").unwrap();
            Self { store, enter }
        }

        fn moved(&mut self) -> bool {
            let Err(error) = self.enter.call(&mut self.store, ()) else {
                return false;
            };
            assert_eq!(error.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
            true
        }
    }

    fn engine() -> Engine {
        let mut config = Config::new();
        Engine::new(config.epoch_interruption(true).gc_support(false)).unwrap()
    }

    fn moves_within_a_window(engine: &Engine) -> bool {
        let mut watch = EpochWatch::begin(engine);
        thread::sleep(WINDOW);
        watch.moved()
    }

    fn until(what: &str, mut condition: impl FnMut() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < PATIENCE, "not in time: {what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_epoch_stands_still_while_nobody_holds_it() {
        let engine = engine();
        let _ticker = Ticker::start(engine.clone()).unwrap();
        assert!(!moves_within_a_window(&engine));
    }

    #[test]
    fn the_epoch_moves_until_the_last_hold_is_dropped() {
        let engine = engine();
        let ticker = Ticker::start(engine.clone()).unwrap();
        let (one, other) = (ticker.hold(), ticker.hold());
        let mut watch = EpochWatch::begin(&engine);
        until("a hold moves it", || watch.moved());
        drop(one);
        // A tick may have been under way when the hold was dropped: two moves are the other hold's.
        for _ in 0..2 {
            let mut watch = EpochWatch::begin(&engine);
            until("the other hold moves it", || watch.moved());
        }
        drop(other);
        let moves = (0..5).filter(|_| moves_within_a_window(&engine)).count();
        assert!(moves <= 1, "a tick may have been under way, not {moves}");
        let _again = ticker.hold();
        let mut watch = EpochWatch::begin(&engine);
        until("a later hold moves it again", || watch.moved());
    }

    #[test]
    fn the_thread_ends_with_the_ticker_asleep_or_ticking() {
        for held in [false, true] {
            let ticker = Ticker::start(engine()).unwrap();
            let hold = held.then(|| ticker.hold());
            let shared = Arc::downgrade(&ticker.shared);
            drop(ticker);
            let left = usize::from(held);
            until("the thread ends", || shared.strong_count() == left);
            drop(hold);
        }
    }
}
