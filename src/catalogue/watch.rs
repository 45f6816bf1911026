//! The system's events about the folder, as hints: which files changed, and which of them are complete.
//!
//! Hints save time and are never trusted alone: the folder is read after each, and now and then without one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::scan::Place;

/// Names remembered until the folder is read; beyond that nothing is lost but the knowledge of what is complete.
const MAX_HINTS: usize = 4096;

/// Names of changed files, each with whether its last event says that its bytes are complete.
pub(super) type Hints = HashMap<OsString, bool>;

/// Follows one folder, if the system can.
pub(super) struct Watch {
    folder: PathBuf,
    shared: Arc<Shared>,
    /// Nothing when only reading the folder shows changes.
    watcher: Option<RecommendedWatcher>,
    watched: Option<Place>,
    /// Why there are no events, as it was last reported.
    trouble: Option<String>,
}

struct Shared {
    folder: PathBuf,
    hints: Mutex<Hints>,
    /// The folder that was followed is gone, even if one that looks the same is there again.
    lost: AtomicBool,
    wake: Notify,
}

impl Watch {
    /// Follows nothing yet.
    pub(super) fn new(folder: &Path, by_events: bool) -> Self {
        let mut watch = Self {
            folder: folder.to_owned(),
            shared: Arc::new(Shared {
                folder: folder.to_owned(),
                hints: Mutex::default(),
                lost: AtomicBool::new(false),
                wake: Notify::new(),
            }),
            watcher: None,
            watched: None,
            trouble: None,
        };
        if by_events {
            let shared = watch.shared.clone();
            let made = notify::recommended_watcher(move |event| shared.note(event));
            watch.watcher = made
                .inspect_err(|error| watch.trouble = Some(error.to_string()))
                .ok();
        }
        watch
    }

    /// Follows the folder that is there now. Events are bound to a folder and not to its name, so one that was replaced
    /// is followed anew.
    pub(super) fn follow(&mut self, place: Option<Place>) {
        if place == self.watched && !self.shared.lost.swap(false, Ordering::Relaxed) {
            return;
        }
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        if self.watched.take().is_some() {
            // The system has often forgotten the old folder already.
            let _forgotten = watcher.unwatch(&self.folder);
        }
        if place.is_none() {
            return;
        }
        match watcher.watch(&self.folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched = place;
                self.trouble = None;
            }
            Err(error) => self.report(&error),
        }
    }

    fn report(&mut self, error: &notify::Error) {
        let trouble = error.to_string();
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::warn!(
                "the system tells no changes of {}, which is read every second instead: {trouble}",
                self.folder.display()
            );
            self.trouble = Some(trouble);
        }
    }

    /// Whether the system tells changes of the folder that is there.
    pub(super) fn is_live(&self) -> bool {
        self.watched.is_some()
    }

    /// Waits until something has changed.
    pub(super) async fn changed(&self) {
        self.shared.wake.notified().await;
    }

    /// What has changed since it was last asked.
    pub(super) fn take(&self) -> Hints {
        std::mem::take(&mut self.shared.lock())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Hints> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: notify::Result<Event>) {
        // An error or an overflow loses events, which reading the folder makes up for.
        if let Ok(event) = event {
            let Some(complete) = judge(event.kind) else {
                return;
            };
            if event.kind.is_remove() && event.paths.contains(&self.folder) {
                self.lost.store(true, Ordering::Relaxed);
            }
            let mut hints = self.lock();
            for name in event.paths.iter().filter_map(|path| path.file_name()) {
                if hints.len() < MAX_HINTS || hints.contains_key(name) {
                    hints.insert(name.to_owned(), complete);
                }
            }
        }
        self.wake.notify_one();
    }
}

/// Whether an event says that a file is complete; nothing for those that say nothing, such as the catalogue's own
/// reading.
fn judge(kind: EventKind) -> Option<bool> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => Some(true),
        EventKind::Access(_) => None,
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::time::Duration;

    use super::super::scan;
    use super::*;

    /// Waits until the file's hint is `complete`; no event takes this long.
    async fn until(watch: &Watch, name: &str, complete: bool) {
        let wait = async {
            loop {
                watch.changed().await;
                if watch.take().get(name.as_ref() as &std::ffi::OsStr) == Some(&complete) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn closing_and_renaming_complete_a_file_and_reading_it_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path(), true);
        watch.follow(scan::scan(folder.path()).unwrap().folder);
        assert!(watch.is_live());
        let file = folder.path().join("a.wasm");
        fs::write(&file, "x").unwrap();
        until(&watch, "a.wasm", true).await;
        fs::rename(&file, folder.path().join("b.wasm")).unwrap();
        until(&watch, "b.wasm", true).await;

        fs::read(folder.path().join("b.wasm")).unwrap();
        fs::write(folder.path().join("end"), "x").unwrap();
        until(&watch, "end", true).await;
        assert!(
            !watch
                .take()
                .contains_key("b.wasm".as_ref() as &std::ffi::OsStr)
        );
    }

    #[tokio::test]
    async fn a_folder_that_is_replaced_is_followed_anew() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("probes");
        fs::create_dir(&folder).unwrap();
        let mut watch = Watch::new(&folder, true);
        watch.follow(scan::scan(&folder).unwrap().folder);
        fs::rename(&folder, outer.path().join("old")).unwrap();
        watch.follow(scan::scan(&folder).unwrap().folder);
        assert!(!watch.is_live());
        fs::create_dir(&folder).unwrap();
        watch.follow(scan::scan(&folder).unwrap().folder);
        assert!(watch.is_live());
        fs::write(folder.join("a.wasm"), "x").unwrap();
        until(&watch, "a.wasm", true).await;
    }

    #[tokio::test]
    async fn r22_lost_events_wake_without_a_hint_and_a_flood_of_names_is_bounded() {
        let watch = Watch::new(Path::new("probes"), false);
        watch
            .shared
            .note(Err(notify::Error::generic("the queue overflowed")));
        watch.changed().await;
        assert!(watch.take().is_empty(), "the folder is read for everything");

        for number in 0..MAX_HINTS + 10 {
            let kind = EventKind::Access(AccessKind::Close(AccessMode::Write));
            let path = PathBuf::from(format!("probes/{number}.wasm"));
            watch.shared.note(Ok(Event::new(kind).add_path(path)));
        }
        watch.changed().await;
        assert_eq!(watch.take().len(), MAX_HINTS);
        assert!(watch.take().is_empty());
    }

    #[test]
    fn without_events_it_is_not_live() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path(), false);
        watch.follow(scan::scan(folder.path()).unwrap().folder);
        assert!(!watch.is_live());
    }
}
