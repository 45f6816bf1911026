//! Noticing that a source changed.
//!
//! A probe's folder holds a few files, so they are looked at several times a second: that works on every file system, and costs less than a
//! millisecond.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at. People notice a tenth of a second as at once.
const PAUSE: Duration = Duration::from_millis(100);
/// Looks without a change before a change counts as complete: an editor may write a file in several steps.
const QUIET_LOOKS: u32 = 2;
/// A file that changed while so many builds on end ran is made by them, and not saved by somebody each time.
const BUILDS: u32 = 4;
/// Files looked at, at most. A folder that holds more has something in it that is no source.
const MAX_FILES: usize = 10_000;
/// Folders that hold what is made, not what it is made of.
const MADE: [&str; 4] = ["target", "node_modules", "__pycache__", "venv"];

/// A file's time and size.
type Mark = (Option<SystemTime>, u64);

/// A probe's folder.
#[derive(Debug)]
pub struct Watched {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, Mark>,
    /// Files that changed while the last builds ran, with how many of them one after the other.
    changed_while_built: BTreeMap<PathBuf, u32>,
}

impl Watched {
    /// The folder as it is now.
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        let seen = look(&folder);
        Self {
            folder,
            seen,
            changed_while_built: BTreeMap::new(),
        }
    }

    /// Takes what a build that has just ended wrote beside the sources for what was there before: lock files, and whatever
    /// changes with each of four builds on end. Anything else was saved by somebody meanwhile, and is a change yet.
    pub fn built(&mut self) {
        let now = look(&self.folder);
        let before = std::mem::take(&mut self.changed_while_built);
        for path in differences(&self.seen, &now) {
            let builds = before.get(&path).map_or(1, |builds| builds + 1);
            if is_lock_file(&path) || builds >= BUILDS {
                match now.get(&path) {
                    Some(mark) => self.seen.insert(path.clone(), *mark),
                    None => self.seen.remove(&path),
                };
            }
            self.changed_while_built.insert(path, builds);
        }
    }

    /// Waits until something has changed and is at rest again; gives one of the files.
    pub async fn changed(&mut self) -> PathBuf {
        let mut first = None;
        let mut quiet = 0;
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = look(&self.folder);
            let changed = differences(&self.seen, &now).into_iter().next();
            match changed {
                Some(path) => {
                    first.get_or_insert(path);
                    quiet = 0;
                    self.seen = now;
                }
                None => quiet += 1,
            }
            if quiet >= QUIET_LOOKS
                && let Some(path) = first
            {
                return path;
            }
        }
    }
}

/// The files that are not the same in both.
fn differences(before: &BTreeMap<PathBuf, Mark>, now: &BTreeMap<PathBuf, Mark>) -> Vec<PathBuf> {
    let new = now
        .iter()
        .filter(|(path, mark)| before.get(*path) != Some(*mark));
    let gone = before.iter().filter(|(path, _)| !now.contains_key(*path));
    new.chain(gone).map(|(path, _)| path.clone()).collect()
}

/// Whether tools write it by themselves, under names such as `Cargo.lock`, `package-lock.json` and `go.sum`.
fn is_lock_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".lock") || matches!(&*name, "package-lock.json" | "go.sum")
}

fn look(folder: &Path) -> BTreeMap<PathBuf, Mark> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder that has just gone is a change like any other: its files are missing.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            if name.starts_with('.') || name.ends_with(".wasm") || seen.len() >= MAX_FILES {
                continue;
            }
            match entry.metadata() {
                Ok(found) if found.is_dir() && !MADE.contains(&&*name) => folders.push(path),
                Ok(found) if found.is_file() => {
                    seen.insert(path, (found.modified().ok(), found.len()));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_source_is_noticed_and_what_is_made_of_it_is_not() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir_all(path("src")).unwrap();
        fs::create_dir_all(path("target")).unwrap();
        fs::write(path("src/lib.rs"), "a").unwrap();
        let mut watched = Watched::new(place.path());
        for made in ["target/x", "hello.wasm", ".probity"] {
            fs::write(path(made), "made").unwrap();
        }
        assert!(differences(&watched.seen, &look(place.path())).is_empty());
        fs::write(path("src/lib.rs"), "ab").unwrap();
        assert_eq!(watched.changed().await, path("src/lib.rs"));
        fs::remove_file(path("src/lib.rs")).unwrap();
        assert_eq!(watched.changed().await, path("src/lib.rs"));
    }

    #[tokio::test]
    async fn what_is_saved_while_a_build_runs_is_a_change_and_what_the_build_writes_is_none() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("probe.c"), "a").unwrap();
        let mut watched = Watched::new(place.path());
        fs::write(path("Cargo.lock"), "made").unwrap();
        watched.built();
        assert!(differences(&watched.seen, &look(place.path())).is_empty());
        fs::write(path("probe.c"), "ab").unwrap();
        watched.built();
        assert_eq!(watched.changed().await, path("probe.c"));
        for build in 1..=BUILDS {
            fs::write(path("made.c"), "x".repeat(build as usize)).unwrap();
            watched.built();
            let left = differences(&watched.seen, &look(place.path())).len();
            assert_eq!(left, usize::from(build < BUILDS));
        }
    }
}
