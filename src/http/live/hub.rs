//! The one task that follows the snapshots for all who listen.

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Live, SharedLive};

/// Notices what happens at once, and encodes documents at most once an interval.
pub(in crate::http) struct Hub {
    shared: SharedLive,
    snapshots: watch::Receiver<u64>,
    /// The documents are older than the newest snapshot.
    behind: bool,
    /// When documents may be encoded again.
    free: Instant,
}

impl Hub {
    /// A hub for the server's snapshots; nothing is noticed before [`Hub::run`].
    pub(in crate::http) fn new(shared: SharedLive) -> Self {
        Self {
            snapshots: shared.handles.cell.changes(),
            shared,
            behind: false,
            free: Instant::now(),
        }
    }

    /// Runs until the program begins to stop. When it ends, in whatever way, so do the streams.
    pub(in crate::http) async fn run(mut self) {
        let shared = self.shared.clone();
        let live = &shared.live;
        let _ending = live.end.clone().drop_guard();
        self.notice();
        loop {
            tokio::select! {
                () = live.end.cancelled() => return,
                Ok(()) = self.snapshots.changed() => self.notice(),
                () = live.asked.notified() => self.encode(false).await,
                () = tokio::time::sleep_until(self.free), if self.behind => {
                    // What is published while this goes on is noticed afterwards.
                    self.behind = false;
                    self.encode(true).await;
                    self.free = Instant::now() + live.interval;
                }
            }
        }
    }

    fn live(&self) -> &Live {
        &self.shared.live
    }

    /// Looks at the newest snapshot: what happened is told at once, documents when they are due.
    fn notice(&mut self) {
        let Some(snapshot) = self.shared.handles.cell.load() else {
            return;
        };
        if self.live().past.note(&snapshot) {
            self.live().tell();
        }
        // A view that comes later is encoded when it comes.
        self.behind = !self.live().views.all().is_empty();
    }

    /// Encodes all views, or only those that never were.
    async fn encode(&self, all: bool) {
        // No snapshot, nothing to show; the first one comes as a change.
        let Ok(edition) = self.shared.edition() else {
            return;
        };
        for view in self.live().views.all() {
            if all || view.is_empty() {
                view.encode(&edition, &self.live().tally).await;
            }
        }
        self.live().tell();
    }
}
