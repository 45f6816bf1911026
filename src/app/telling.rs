//! Events: the way that they take to the disk, who follows them, and when both end.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::emitting;
use crate::config::Config;
use crate::event::Events;
use crate::event::task::Follower;
use crate::http;
use crate::model::{Tally, Update};
use crate::probe::EventSink;
use crate::snapshot::SnapshotCell;
use crate::store::Store;

/// The way of events, before anything runs on it.
pub(super) struct Telling {
    events: Events,
    /// Nothing where events are switched off.
    follower: Option<Follower>,
}

/// The task that writes what nobody waits for, and the one that follows what is committed.
pub(super) struct TellingTask {
    events: Events,
    task: JoinHandle<()>,
    follower: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Telling {
    /// # Errors
    /// What is not acceptable in the configuration, if nobody has held it against the rules.
    pub(super) fn new(
        config: &Config,
        snapshots: &Arc<SnapshotCell>,
        updates: &mpsc::Sender<Update>,
        tally: &mut Tally,
    ) -> anyhow::Result<Self> {
        let (events, committed) = emitting::way(config, tally)?;
        let follower = config.events.enabled.then(|| {
            let way = (events.clone(), committed);
            let (snapshots, updates) = (snapshots.clone(), updates.clone());
            Follower::new(&config.events.derived, way, snapshots, updates, tally)
        });
        Ok(Self {
            follower: follower.transpose()?,
            events,
        })
    }

    /// With what readers see of it.
    pub(super) fn shown(&self, handles: http::Handles) -> http::Handles {
        http::Handles {
            events: Some(self.events.clone()),
            ..handles
        }
    }

    /// What takes the events of guests.
    pub(super) fn of_probes(&self) -> Arc<dyn EventSink> {
        emitting::kept(self.events.clone())
    }

    /// Gives the way the store; without one every event is refused.
    pub(super) async fn open(&mut self, store: Option<&Store>) {
        if let Some(store) = store {
            self.events.open(store.events());
        }
        if let Some(follower) = &mut self.follower {
            follower.open().await;
        }
    }

    /// Starts both. Following ends with `stop_observing`.
    pub(super) fn start(self, stop_observing: &CancellationToken) -> TellingTask {
        let stop = CancellationToken::new();
        let follower = self.follower;
        TellingTask {
            follower: follower.map(|one| tokio::spawn(one.run(stop_observing.clone()))),
            task: tokio::spawn(self.events.clone().run(stop.clone())),
            events: self.events,
            stop,
        }
    }
}

impl TellingTask {
    /// The way, for others.
    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// Waits for one of them to end, which it should not. Resolves to its name.
    pub(super) async fn ended(&mut self) -> &'static str {
        let followed = async {
            match &mut self.follower {
                // How it ended does not matter.
                Some(follower) => drop(follower.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = &mut self.task => "events",
            () = followed => "follower",
        }
    }

    /// Waits for following to end, which it was told to. Whether it was in time.
    pub(super) async fn stop_following(&mut self, deadline: Instant) -> bool {
        match self.follower.take() {
            Some(follower) => timeout_at(deadline, follower).await.is_ok(),
            None => true,
        }
    }

    /// Waits until what was handed over is written. Whether it was in time.
    pub(super) async fn stop(self, deadline: Instant) -> bool {
        self.stop.cancel();
        timeout_at(deadline, self.task).await.is_ok()
    }
}
