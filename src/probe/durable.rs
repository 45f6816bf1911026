//! A probe's state between starts: read before its first run, written after each good one.
//!
//! A run's observation is handed on when its changes are on disk. Where the disk does not do its part, the run counts all
//! the same: the changes stay in memory, and go with those of the next run.

use std::sync::Arc;
use std::time::Duration;

use super::host::{Disk, State};
use crate::model::{Failure, StateChanges};
use crate::store::{StateStore, StoreError};

/// How long an observation waits for the disk. A commit takes milliseconds, and much longer only where the disk is in
/// trouble.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads what earlier starts left, once.
///
/// # Errors
/// `state.unavailable`: the probe cannot run without what it may have kept.
pub(super) async fn load(
    states: Option<&StateStore>,
    probe: &Arc<str>,
    state: &mut State,
) -> Result<(), Failure> {
    if state.disk.loaded {
        return Ok(());
    }
    match states {
        Some(states) => {
            let unavailable = |error: StoreError| {
                let message = format!("its state cannot be read: {error}; next: {}", error.next());
                Failure::new("state.unavailable", message)
            };
            state.adopt(states.load(probe).await.map_err(unavailable)?);
        }
        None => state.disk.loaded = true,
    }
    Ok(())
}

/// Writes what is committed and not yet on disk, and waits for it, but never long.
pub(super) async fn save(states: Option<&StateStore>, probe: &Arc<str>, disk: &mut Disk) {
    let Some(states) = states else {
        // There is no disk to be behind of.
        disk.unsaved = Arc::default();
        return;
    };
    if !disk.loaded || disk.detached || disk.unsaved.is_empty() {
        return;
    }
    // A write that is still under way is not waited for twice: that would hold up every run of a probe while a disk hangs.
    if let Some((mut saving, sent)) = disk.saving.take() {
        match saving.within(Duration::ZERO).await {
            None => {
                disk.saving = Some((saving, sent));
                note(disk, &StoreError::Slow(states.file().to_owned()));
                return;
            }
            Some(Ok(())) => saved(disk, &sent),
            // Sent again below.
            Some(Err(_)) => {}
        }
    }
    if !disk.unsaved.is_empty() {
        write(states, probe, disk).await;
    }
    if disk.unsaved.is_empty() {
        disk.error = None;
    }
}

async fn write(states: &StateStore, probe: &Arc<str>, disk: &mut Disk) {
    let sent = disk.unsaved.clone();
    let mut saving = match states.save(probe, sent.clone()) {
        Ok(saving) => saving,
        Err(error) => return note(disk, &error),
    };
    match saving.within(PATIENCE).await {
        Some(Ok(())) => saved(disk, &sent),
        Some(Err(error)) => note(disk, &error),
        None => {
            disk.saving = Some((saving, sent));
            note(disk, &StoreError::Slow(states.file().to_owned()));
        }
    }
}

/// What was changed again since it was sent is still to be written.
fn saved(disk: &mut Disk, sent: &StateChanges) {
    let is_newer = |key: &String, change: &mut _| sent.get(key) != Some(&*change);
    Arc::make_mut(&mut disk.unsaved).retain(is_newer);
}

fn note(disk: &mut Disk, error: &StoreError) {
    disk.failures += 1;
    let message = format!(
        "not stored, kept in memory: {error}; next: {}",
        error.next()
    );
    disk.error = Some(Arc::new(Failure::new("state.unsaved", message)));
}
