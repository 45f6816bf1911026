//! The binary's life: start, wait for a signal, drain.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::App;
use crate::catalogue::CatalogueError;
use crate::config::Loaded;
use crate::http::HttpError;
use crate::model::Tally;
use crate::probe::Compiler;
use crate::store::StoreError;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was drained.
    Clean,
    /// A second signal, or the deadline, cut the drain short.
    Cut,
    /// A task of the program's own ended that should not: a defect. Nothing was drained.
    Defect(&'static str),
}

/// What a failed start failed on, for whoever tells the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The address that it should listen on.
    Address,
    /// The file of the token that requests must carry.
    Token,
    /// The probe folder.
    Folder,
    /// The state folder: another instance has it. It may work later.
    Occupied,
    /// Anything else.
    Other,
}

impl Obstacle {
    /// The obstacle behind an error of [`run`].
    pub fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<HttpError>() {
            Some(HttpError::Token { .. }) => Self::Token,
            Some(_) => Self::Address,
            None if error.is::<CatalogueError>() => Self::Folder,
            None if error.is::<StoreError>() => Self::Occupied,
            None => Self::Other,
        }
    }
}

/// Runs until SIGTERM or SIGINT, or SIGHUP of its terminal, then drains. A second signal ends at once. `of_caller` is published with the
/// program's own counters, and components are compiled by `compiler`.
///
/// # Errors
/// What could not be bound, opened or started.
pub fn run(loaded: &Loaded, of_caller: &Arc<Tally>, compiler: Compiler) -> anyhow::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("probity")
        .build()?;
    let ended = runtime.block_on(until_signalled(loaded, of_caller, compiler));
    // A thread that is stuck in the kernel (a dead network mount) must not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn until_signalled(
    loaded: &Loaded,
    of_caller: &Arc<Tally>,
    compiler: Compiler,
) -> anyhow::Result<Ended> {
    let mut signals = Signals::listen()?;
    let mut app = App::start_with(loaded, vec![of_caller.clone()], compiler).await?;
    let name = tokio::select! {
        name = signals.next() => name,
        task = app.defect() => return Ok(Ended::Defect(task)),
    };
    tracing::info!("{name}: draining; a second signal ends at once");
    // A terminal that hangs up says so twice: its shell does, and the kernel.
    signals.on_terminal = false;
    tokio::select! {
        stragglers = app.stop() => {
            if stragglers.is_empty() {
                tracing::info!("drained");
                return Ok(Ended::Clean);
            }
            tracing::warn!("not drained in time: {}", stragglers.join(", "));
        }
        name = signals.next() => tracing::warn!("{name} again: ending at once"),
    }
    Ok(Ended::Cut)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Somebody started it by hand, and it ends with the terminal.
    on_terminal: bool,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            // Asked now: a terminal that has hung up is none any more.
            on_terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
        })
    }

    /// The next one that asks it to end.
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    if self.on_terminal {
                        return "SIGHUP";
                    }
                    // Others read their files again then; whoever rotates logs sends it to everybody.
                    tracing::info!("SIGHUP: nothing to do, for the configuration is read at the start only");
                }
            }
        }
    }
}
