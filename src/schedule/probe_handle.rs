//! What can be asked of a running probe, and what it tells of itself.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::model::{ActionError, ActionRequest, ProbeIdentity};
use crate::probe::{Refusal, RolledBack, Version};

/// Commands under way to one probe. Its task takes them between runs, so they wait for a deadline at most.
const CAPACITY: usize = 16;
/// Room that actions leave for what the folder wants: an offer and a retirement.
const RESERVED: usize = 4;

/// What a probe's task is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Try a version out, or take it at once if that was done, and put it in place of the one that runs.
    Offer { version: Version, tried: bool },
    /// Let the run in flight finish, and be gone.
    Retire,
    /// An operator's wish, other than a reload.
    Act(ActionRequest),
}

/// What a probe's task tells the catalogue.
#[derive(Debug)]
pub enum ProbeEvent {
    /// The version runs now.
    Swapped {
        /// Which.
        version: Arc<ProbeIdentity>,
    },
    /// The version did worse than what runs.
    Refused {
        /// Which.
        version: Arc<ProbeIdentity>,
        /// Why.
        refusal: Refusal,
    },
    /// The version failed on probation; the one before runs again.
    RolledBack {
        /// What runs again.
        probe: Arc<ProbeIdentity>,
        /// What was given up, and why.
        rolled_back: RolledBack,
    },
    /// The probe is gone.
    Retired {
        /// Its name.
        probe: Arc<str>,
    },
}

/// The way to one running probe.
#[derive(Debug, Clone)]
pub struct ProbeHandle {
    commands: mpsc::Sender<Command>,
}

impl ProbeHandle {
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, received) = mpsc::channel(CAPACITY);
        (Self { commands }, received)
    }

    /// Offers a version. A [`ProbeEvent`] tells what became of it; a later offer takes its place. One that was `tried`
    /// before, with other code for the same component, is taken without a trial.
    pub async fn offer(&self, version: Version, tried: bool) {
        self.send(Command::Offer { version, tried }).await;
    }

    /// Lets the run in flight finish and retires the probe. [`ProbeEvent::Retired`] tells when it is gone.
    pub async fn retire(&self) {
        self.send(Command::Retire).await;
    }

    /// Hands on an operator's wish. It is answered with a conflict when the probe has too many to answer already.
    pub fn act(&self, request: ActionRequest) {
        if self.commands.capacity() > RESERVED {
            if let Err(error) = self.commands.try_send(Command::Act(request)) {
                refuse(error.into_inner());
            }
        } else {
            refuse(Command::Act(request));
        }
    }

    async fn send(&self, command: Command) {
        if self.commands.send(command).await.is_err() {
            tracing::debug!("the probe has ended");
        }
    }
}

fn refuse(command: Command) {
    if let Command::Act(request) = command {
        let busy = "the probe has not answered earlier actions yet".to_owned();
        // Whoever asked may have gone.
        let _gone = request.answer.send(Err(ActionError::Conflict(busy)));
    }
}
