//! The past: who records it in memory, who keeps it on disk, who lets events go, and in which order they end.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::Tally;
use crate::snapshot::SnapshotCell;
use crate::store::{EventsConfig, Retention, RetentionTally, Store};
use crate::{archive, history, http};

/// Who will record and keep it. Each is there if the configuration wants it.
pub(super) struct Past {
    history: Option<history::Writer>,
    archive: Option<archive::Writer>,
    /// There as soon as there is a store.
    retention: Option<Retention>,
    retained: EventsConfig,
    retention_tally: RetentionTally,
}

/// Their tasks.
pub(super) struct PastTasks {
    history: Option<JoinHandle<()>>,
    archive: Option<JoinHandle<()>>,
    retention: Option<JoinHandle<()>>,
    stop_archive: CancellationToken,
}

impl Past {
    pub(super) fn new(config: &Config, cell: &Arc<SnapshotCell>, tally: &mut Tally) -> Self {
        let history = config.history.enabled;
        let history = history.then(|| history::Writer::new(&config.history, tally));
        let recorded = history.as_ref().map(history::Writer::history);
        let archive = archive::Writer::new(&config.archive, recorded, cell.clone(), tally);
        Self {
            history,
            archive,
            retention: None,
            retained: config.state.events.clone(),
            retention_tally: RetentionTally::new(tally),
        }
    }

    /// With what readers see of both.
    pub(super) fn shown(&self, handles: http::Handles) -> http::Handles {
        http::Handles {
            history: self.history.as_ref().map(history::Writer::history),
            archive: self.archive.as_ref().map(archive::Writer::archive),
            ..handles
        }
    }

    /// Gives the archive the store; without one it counts what it cannot write, and no events are let go.
    pub(super) fn open(&mut self, store: Option<&Store>) {
        let tally = self.retention_tally.clone();
        self.retention = store.map(|store| Retention::new(store.events(), &self.retained, tally));
        if let (Some(archive), Some(store)) = (&self.archive, store) {
            archive.archive().open(store.past());
        }
    }

    /// Starts them. Recording and letting go end with `stop`.
    pub(super) fn start(self, cell: &Arc<SnapshotCell>, stop: &CancellationToken) -> PastTasks {
        let stop_archive = CancellationToken::new();
        let history = self.history;
        let archive = self.archive;
        PastTasks {
            history: history.map(|writer| tokio::spawn(writer.run(cell.clone(), stop.clone()))),
            archive: archive.map(|writer| tokio::spawn(writer.run(stop_archive.clone()))),
            retention: self
                .retention
                .map(|retention| tokio::spawn(retention.run(stop.clone()))),
            stop_archive,
        }
    }
}

impl PastTasks {
    /// Waits for one of them to end. Resolves to its name.
    pub(super) async fn ended(&mut self) -> &'static str {
        tokio::select! {
            () = ended(&mut self.history) => "history",
            () = ended(&mut self.archive) => "archive",
            () = ended(&mut self.retention) => "retention",
        }
    }

    /// Waits for recording to end, and then for the archive to have written the rest. Gives the names of those that did not in time.
    pub(super) async fn stop(self, deadline: Instant) -> Vec<&'static str> {
        let mut stragglers = Vec::new();
        if let Some(history) = self.history
            && timeout_at(deadline, history).await.is_err()
        {
            stragglers.push("history");
        }
        if let Some(retention) = self.retention
            && timeout_at(deadline, retention).await.is_err()
        {
            stragglers.push("retention");
        }
        self.stop_archive.cancel();
        if let Some(archive) = self.archive
            && timeout_at(deadline, archive).await.is_err()
        {
            stragglers.push("archive");
        }
        stragglers
    }
}

/// Waits for a task to end; for ever where there is none.
pub(super) async fn ended(task: &mut Option<JoinHandle<()>>) {
    match task {
        // How it ended does not matter: it should not have.
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}
