//! What can be asked of a running probe, and what it tells of itself.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::model::{ActionError, ActionRequest, ProbeIdentity};
use crate::probe::{Refusal, RolledBack, Version};

/// Actions under way to one probe. Its task takes them between runs; whoever asks for more is told so.
const CAPACITY: usize = 8;

/// What the folder wants of a probe. Nobody waits for its task to take it, and of two offers the later one wins.
#[derive(Default)]
pub(super) struct Wishes {
    next: Mutex<Next>,
    wake: Notify,
}

/// What is wanted next.
#[derive(Default)]
pub(super) struct Next {
    /// A version to try out and to put in place of the one that runs.
    pub(super) offer: Option<Version>,
    /// Let the run in flight finish, and be gone.
    pub(super) retire: bool,
}

impl Wishes {
    fn change(&self, change: impl FnOnce(&mut Next)) {
        change(&mut self.next.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    /// Waits for a wish.
    pub(super) async fn next(&self) -> Next {
        self.wake.notified().await;
        std::mem::take(&mut self.next.lock().unwrap_or_else(PoisonError::into_inner))
    }
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
#[derive(Clone)]
pub struct ProbeHandle {
    wishes: Arc<Wishes>,
    actions: mpsc::Sender<ActionRequest>,
}

impl ProbeHandle {
    pub(super) fn new() -> (Self, Arc<Wishes>, mpsc::Receiver<ActionRequest>) {
        let (actions, received) = mpsc::channel(CAPACITY);
        let wishes = Arc::<Wishes>::default();
        let handle = Self {
            wishes: wishes.clone(),
            actions,
        };
        (handle, wishes, received)
    }

    /// Offers a version. A [`ProbeEvent`] tells what became of it, unless a later offer took its place.
    pub fn offer(&self, version: Version) {
        self.wishes.change(|next| next.offer = Some(version));
    }

    /// Lets the run in flight finish and retires the probe. [`ProbeEvent::Retired`] tells when it is gone.
    pub fn retire(&self) {
        self.wishes.change(|next| next.retire = true);
    }

    /// Hands on an operator's wish. It is answered with a conflict when the probe has too many to answer already.
    pub fn act(&self, request: ActionRequest) {
        if let Err(error) = self.actions.try_send(request) {
            let busy = "the probe has not answered earlier actions yet, or is gone".to_owned();
            // Whoever asked may have gone.
            let _gone = error
                .into_inner()
                .answer
                .send(Err(ActionError::Conflict(busy)));
        }
    }
}
