//! When a changed file is worth reading: at once after it was closed or renamed into place, else after it was quiet.
//!
//! Pure: it is told what was seen and when.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::scan::{Entry, Listing, Place};
use super::watch::Hints;

/// How long a file must not change before it is taken for complete.
pub(super) const QUIET: Duration = Duration::from_millis(100);
/// How long a file that was only quiet, and is no whole component, must not change before that is held against it.
const DOUBT: Duration = Duration::from_secs(2);
/// How long files are missed before they count as removed, when the folder itself was replaced or cannot be found: a mount
/// that comes back must not cost every probe.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// What is to be done about a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is new or has changed.
    Ready {
        /// Its stem.
        name: String,
        entry: Entry,
        /// Whether it is known to be complete, and not merely quiet.
        sure: bool,
    },
    /// It is gone.
    Gone(String),
}

/// Every file of the folder, as it was last seen.
#[derive(Default)]
pub(super) struct Files {
    folder: Option<Place>,
    seen: BTreeMap<String, Seen>,
    begun: bool,
}

struct Seen {
    entry: Entry,
    since: Instant,
    state: Handling,
    missed: Option<Missed>,
}

/// How far a file's last change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handling {
    /// It was not handed out yet.
    Pending,
    /// It was, and was no whole component: perhaps somebody still writes it.
    Doubted,
    /// It was handed out.
    Done,
}

impl Seen {
    /// When its change is to be handed out, if one is.
    fn due(&self) -> Option<Instant> {
        match self.state {
            Handling::Pending => Some(self.since + QUIET),
            Handling::Doubted => Some(self.since + DOUBT),
            Handling::Done => None,
        }
    }
}

/// A file that is not there any more.
struct Missed {
    since: Instant,
    /// The folder was replaced or cannot be found.
    with_folder: bool,
}

impl Files {
    /// Takes in what the folder looks like `now` and what was hinted, and gives the changes that are due.
    pub(super) fn update(&mut self, listing: Listing, hints: &Hints, now: Instant) -> Vec<Change> {
        let same_folder = listing.folder.is_some() && listing.folder == self.folder;
        // At the start there is nobody to wait for.
        let first = !std::mem::replace(&mut self.begun, true);
        if listing.folder.is_some() {
            self.folder = listing.folder;
        }
        let mut changes = self.missing(&listing, same_folder, now);
        for (name, entry) in listing.files {
            let complete = first || is_complete(hints, &entry);
            changes.extend(self.see(name, entry, complete, now));
        }
        changes
    }

    fn see(&mut self, name: String, entry: Entry, complete: bool, now: Instant) -> Option<Change> {
        let known = self.seen.entry(name.clone()).or_insert_with(|| Seen {
            entry: entry.clone(),
            since: now,
            state: Handling::Pending,
            missed: None,
        });
        known.missed = None;
        if known.entry != entry {
            known.entry = entry;
            known.since = now;
            known.state = Handling::Pending;
        }
        let due = known.due()?;
        if !complete && now < due {
            return None;
        }
        let sure = complete || known.state == Handling::Doubted;
        known.state = Handling::Done;
        let entry = known.entry.clone();
        Some(Change::Ready { name, entry, sure })
    }

    fn missing(&mut self, listing: &Listing, same_folder: bool, now: Instant) -> Vec<Change> {
        let mut gone = Vec::new();
        self.seen.retain(|name, seen| {
            if listing.files.contains_key(name) {
                return true;
            }
            let missed = seen.missed.get_or_insert(Missed {
                since: now,
                with_folder: !same_folder,
            });
            let stays = missed.with_folder && now.duration_since(missed.since) < GRACE;
            if !stays {
                gone.push(Change::Gone(name.clone()));
            }
            stays
        });
        gone
    }

    /// The file turned out to change while it was read: it has to be quiet again.
    pub(super) fn unsettle(&mut self, name: &str, now: Instant) {
        self.handle_again(name, Handling::Pending, now);
    }

    /// The file was only quiet, and is no whole component: it gets more time.
    pub(super) fn doubt(&mut self, name: &str, now: Instant) {
        self.handle_again(name, Handling::Doubted, now);
    }

    fn handle_again(&mut self, name: &str, state: Handling, now: Instant) {
        // A newer change is handled as it comes.
        if let Some(seen) = self.seen.get_mut(name)
            && seen.state == Handling::Done
        {
            (seen.since, seen.state) = (now, state);
        }
    }

    /// When the folder should be looked at again because of what is pending, if anything is.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.seen.values().filter_map(Seen::due).min()
    }

    /// The file under this name, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        let seen = self.seen.get(name)?;
        seen.missed.is_none().then_some(&seen.entry)
    }
}

fn is_complete(hints: &Hints, entry: &Entry) -> bool {
    let name: Option<OsString> = entry.path.file_name().map(ToOwned::to_owned);
    name.and_then(|name| hints.get(&name).copied()) == Some(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use super::super::scan::scan;
    use super::*;

    /// A real folder and the time as the test has it.
    struct Bench {
        outer: tempfile::TempDir,
        files: Files,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let outer = tempfile::tempdir().unwrap();
            fs::create_dir(outer.path().join("probes")).unwrap();
            let mut bench = Self {
                outer,
                files: Files::default(),
                start: Instant::now(),
            };
            assert!(bench.look(0, &[]).is_empty());
            bench
        }

        fn folder(&self) -> std::path::PathBuf {
            self.outer.path().join("probes")
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.folder().join(name), text).unwrap();
        }

        /// What is due `ms` after the start, in words, given files whose last event completes them.
        fn look(&mut self, ms: u64, complete: &[&str]) -> Vec<String> {
            let hints = complete.iter().map(|name| (name.into(), true)).collect();
            let listing = scan(Path::new(&self.folder())).unwrap();
            let now = self.start + Duration::from_millis(ms);
            let words = |change| match change {
                Change::Ready { name, sure, .. } => {
                    format!("{} {name}", if sure { "sure" } else { "quiet" })
                }
                Change::Gone(name) => format!("gone {name}"),
            };
            self.files
                .update(listing, &hints, now)
                .into_iter()
                .map(words)
                .collect()
        }
    }

    #[test]
    fn what_is_there_at_the_start_is_read_at_once() {
        let mut bench = Bench::new();
        bench.write("a.wasm", "x");
        bench.files = Files::default();
        assert_eq!(bench.look(0, &[]), ["sure a"]);
        assert!(bench.look(1000, &[]).is_empty());
    }

    #[test]
    fn a_closed_file_is_read_at_once_and_any_other_when_it_was_quiet() {
        let mut bench = Bench::new();
        bench.write("a.wasm", "x");
        bench.write("b.wasm", "x");
        assert_eq!(bench.look(10, &["a.wasm"]), ["sure a"]);
        assert_eq!(
            bench.files.next_look(),
            Some(bench.start + Duration::from_millis(110))
        );
        bench.write("b.wasm", "xx");
        assert!(bench.look(109, &[]).is_empty(), "it changed once more");
        assert!(bench.look(208, &[]).is_empty());
        assert_eq!(bench.look(209, &[]), ["quiet b"]);
        assert_eq!(bench.files.next_look(), None);
    }

    #[test]
    fn r01_a_file_that_is_no_component_yet_gets_time_before_that_is_held_against_it() {
        let mut bench = Bench::new();
        bench.write("a.wasm", "half");
        assert!(bench.look(0, &[]).is_empty());
        assert_eq!(bench.look(100, &[]), ["quiet a"]);
        bench
            .files
            .doubt("a", bench.start + Duration::from_millis(100));
        assert!(bench.look(1000, &[]).is_empty());
        bench.write("a.wasm", "halfwhole");
        assert_eq!(bench.look(1500, &["a.wasm"]), ["sure a"]);

        bench
            .files
            .doubt("a", bench.start + Duration::from_millis(1500));
        assert_eq!(bench.look(3500, &[]), ["sure a"], "nobody writes it");
    }

    #[test]
    fn r14_a_removed_file_is_gone_at_once() {
        let mut bench = Bench::new();
        bench.write("a.wasm", "x");
        assert_eq!(bench.look(10, &["a.wasm"]), ["sure a"]);
        fs::remove_file(bench.folder().join("a.wasm")).unwrap();
        assert_eq!(bench.look(11, &[]), ["gone a"]);
        assert!(bench.files.get("a").is_none());
    }

    #[test]
    fn r24_files_that_went_with_their_folder_are_given_time_to_come_back() {
        let mut bench = Bench::new();
        bench.write("a.wasm", "x");
        bench.write("b.wasm", "x");
        assert_eq!(bench.look(10, &["a.wasm", "b.wasm"]).len(), 2);
        fs::rename(bench.folder(), bench.outer.path().join("old")).unwrap();
        assert!(bench.look(20, &[]).is_empty(), "the folder cannot be found");
        fs::create_dir(bench.folder()).unwrap();
        assert!(
            bench.look(30, &[]).is_empty(),
            "an empty one is in its place"
        );
        bench.write("a.wasm", "x");
        assert_eq!(
            bench.look(40, &["a.wasm"]),
            ["sure a"],
            "it is another file now"
        );
        assert!(bench.look(30_019, &[]).is_empty());
        assert_eq!(bench.look(30_020, &[]), ["gone b"]);
    }
}
