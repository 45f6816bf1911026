//! The store at the start: a folder that is taken ends it, anything else that is wrong with it does not.

use std::path::Path;

use crate::model::{Condition, Status, Tally};
use crate::store::{Config, Store, StoreError};

/// What there is to keep things in, and how that does.
pub(super) struct Keep {
    /// Nothing when it could not be opened: what is to be kept is then kept in memory.
    pub(super) store: Option<Store>,
    pub(super) condition: Condition,
    pub(super) tally: Tally,
}

impl Keep {
    /// Gives the folder free, for whoever tries again after `error`.
    pub(super) async fn give_back(self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        if let Some(store) = self.store {
            store.close().await;
        }
        error.into()
    }
}

/// Opens the store in `folder`, and says so in the log when that cannot be done.
///
/// # Errors
/// [`StoreError::Locked`].
pub(super) async fn open(folder: &Path, config: &Config) -> anyhow::Result<Keep> {
    let (folder, config) = (folder.to_owned(), config.clone());
    let opening = move || {
        let mut tally = Tally::default();
        (Store::open_with(&folder, &config, &mut tally), tally)
    };
    let (opened, tally) = tokio::task::spawn_blocking(opening).await?;
    let (store, condition) = match opened {
        Ok(store) => {
            let condition = store.condition().clone();
            (Some(store), condition)
        }
        Err(error @ StoreError::Locked { .. }) => return Err(error.into()),
        Err(error) => {
            let next = error.next();
            tracing::error!(
                "{error}: what probes keep is lost when the program ends, and nothing is archived; next: {next}"
            );
            let message = format!("state is kept in memory only: {error}; next: {next}");
            (None, Condition::new(Status::Fail, message))
        }
    };
    Ok(Keep {
        store,
        condition,
        tally,
    })
}
