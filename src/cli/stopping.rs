//! Work that a signal may end, with something to clean up behind it.

use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::subject::NO_ROOM;
use super::{Exit, Trouble};

/// The signals that ask a program to end.
pub(super) struct Stopping {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stopping {
    /// From now on they end no program by themselves.
    ///
    /// # Errors
    /// The machine refuses.
    pub(super) fn expect() -> Result<Self, Trouble> {
        let catch = |kind| signal(kind).map_err(|error| refused("signals", &error));
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them, and gives how to exit then.
    pub(super) async fn signalled(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
            _ = self.hangup.recv() => Exit::HungUp,
        }
    }

    /// Does work to its end, or until a signal. The work has a thread of its own: it may wait for a compiler, and a signal
    /// waits for nothing. After a signal it is left alone, for the program ends.
    ///
    /// # Errors
    /// There was a signal, or the machine gives no thread.
    pub(super) async fn or<T: Send + 'static>(
        mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let (done, result) = oneshot::channel();
        let worker = thread::Builder::new().name("work".to_owned());
        let worker = worker.spawn(move || {
            // Nobody waits for it after a signal.
            let _unheard = done.send(work());
        });
        let worker = worker.map_err(|error| refused("thread", &error))?;
        let exit = tokio::select! {
            done = result => match done {
                Ok(done) => return Ok(done),
                Err(_) => match worker.join() {
                    Err(panic) => std::panic::resume_unwind(panic),
                    Ok(()) => unreachable!("work that ends says what came of it"),
                },
            },
            exit = self.signalled() => exit,
        };
        let next = "run it again; nothing of it is left behind";
        Err(Trouble::new(exit, "a signal ended it", next))
    }
}

fn refused(what: &str, error: &std::io::Error) -> Trouble {
    let message = format!("the machine gives no {what}: {error}");
    Trouble::new(Exit::Unavailable, message, NO_ROOM)
}
