//! Backups: who makes them, if anybody shall, and in which order that ends.

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::backup::{Keeper, Maker};
use crate::config::Loaded;
use crate::http;
use crate::model::{Condition, Tally, Update};

/// Who will make them; nobody where they are switched off.
pub(super) struct BackingUp(Option<Keeper>);

/// Its task.
pub(super) struct BackupTask(Option<JoinHandle<()>>);

impl BackingUp {
    /// Tells `updates` of each.
    ///
    /// # Errors
    /// The place for them cannot be used as it is configured.
    pub(super) fn new(
        loaded: &Loaded,
        updates: &mpsc::Sender<Update>,
        tally: &mut Tally,
    ) -> anyhow::Result<Self> {
        let config = &loaded.config.backup;
        if !config.enabled {
            return Ok(Self(None));
        }
        let credentials = loaded.backup_credentials.as_ref();
        let ballast = loaded.config.state.ballast;
        let maker = Maker::open(config, &loaded.state_directory, ballast, credentials)
            .context("backups cannot be made")?;
        let keeper = Keeper::new(config, maker, updates.clone(), tally);
        Ok(Self(Some(keeper)))
    }

    /// With what others do with them.
    pub(super) fn shown(&self, handles: http::Handles) -> http::Handles {
        http::Handles {
            backups: self.0.as_ref().map(Keeper::backups),
            ..handles
        }
    }

    /// How they do.
    pub(super) fn condition(&self) -> Option<Condition> {
        self.0.as_ref().map(|keeper| keeper.condition().clone())
    }

    /// Starts it. One under way is given up with `stop`.
    pub(super) fn start(self, stop: &CancellationToken) -> BackupTask {
        let run = |keeper: Keeper| tokio::spawn(keeper.run(stop.clone()));
        BackupTask(self.0.map(run))
    }
}

impl BackupTask {
    /// Waits for it to end.
    pub(super) async fn ended(&mut self) {
        super::past::ended(&mut self.0).await;
    }

    /// Waits until what it was making is cleared away. Whether that was in time.
    pub(super) async fn stop(self, deadline: Instant) -> bool {
        match self.0 {
            Some(task) => timeout_at(deadline, task).await.is_ok(),
            None => true,
        }
    }
}
