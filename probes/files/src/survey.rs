//! Walks a watch's folder and sums up what matches.

use probity_sdk::files::{Entry, Refused};
use probity_sdk::pattern::matches;

use crate::Watch;

/// Folders within folders are followed this far.
const MAX_DEPTH: usize = 32;

/// What a walk needs of a file system.
pub trait Tree {
    /// The names in a folder.
    type Listing: Iterator<Item = Result<Entry, Refused>>;

    /// Lists a folder by its path.
    ///
    /// # Errors
    /// Why it cannot be listed.
    fn list(&self, path: &str) -> Result<Self::Listing, Refused>;

    /// Looks at a path, links followed; nothing when it leads to something else than a file.
    ///
    /// # Errors
    /// Why it cannot be looked at.
    fn look(&self, path: &str) -> Result<Option<Looked>, Refused>;
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looked {
    /// Its size.
    pub bytes: u64,
    /// When it was last changed, Unix seconds, where the file system keeps that.
    pub modified: Option<f64>,
}

/// What matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// How many files.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// Seconds since the newest was changed; not below zero. Nothing when there is no file, or none with a time.
    pub newest_age: Option<f64>,
    /// Seconds since the oldest was changed.
    pub oldest_age: Option<f64>,
    /// Names that match and folders below that cannot be read.
    pub unreadable: u64,
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Survey {
    /// All of it was looked at.
    Whole(Found),
    /// There are more names than the watch looks at, or than there was time for: what was found means nothing.
    TooMany {
        /// Names looked at.
        entries: u32,
    },
    /// The watch's own folder cannot be read.
    Refused(Refused),
}

impl Survey {
    /// Walks the watch's folder. `now`: Unix seconds; `go_on` is asked before each name whether there is time for it.
    pub fn of(watch: &Watch, tree: &impl Tree, now: f64, go_on: impl Fn() -> bool) -> Self {
        let mut walk = Walk {
            watch,
            tree,
            now,
            found: Found::default(),
            entries: 0,
        };
        let listing = match tree.list(watch.path.as_str()) {
            Ok(listing) => listing,
            Err(refused) => return Self::Refused(refused),
        };
        let mut folders = Vec::new();
        let mut whole = walk.folder(watch.path.as_str(), listing, 0, &mut folders, &go_on);
        while let (true, Some((path, depth))) = (whole, folders.pop()) {
            match tree.list(&path) {
                Ok(listing) => whole = walk.folder(&path, listing, depth, &mut folders, &go_on),
                // It may have been removed since its name was read.
                Err(Refused::Missing) => {}
                Err(_) => walk.found.unreadable += 1,
            }
        }
        if whole {
            Self::Whole(walk.found)
        } else {
            Self::TooMany {
                entries: walk.entries,
            }
        }
    }
}

struct Walk<'a, T> {
    watch: &'a Watch,
    tree: &'a T,
    now: f64,
    found: Found,
    entries: u32,
}

impl<T: Tree> Walk<'_, T> {
    /// Looks at one folder's names and adds the folders below to `folders`. False when it had to stop.
    fn folder(
        &mut self,
        path: &str,
        listing: T::Listing,
        depth: usize,
        folders: &mut Vec<(String, usize)>,
        go_on: impl Fn() -> bool,
    ) -> bool {
        for entry in listing {
            if self.entries == self.watch.max_entries.0 || !go_on() {
                return false;
            }
            self.entries += 1;
            let Ok(entry) = entry else {
                // The listing itself is broken off.
                self.found.unreadable += 1;
                return true;
            };
            let separator = if path.ends_with('/') { "" } else { "/" };
            let full = format!("{path}{separator}{}", entry.name);
            if !entry.is_folder {
                self.file(&entry.name, &full);
            } else if self.watch.recursive && depth + 1 < MAX_DEPTH {
                folders.push((full, depth + 1));
            }
        }
        true
    }

    fn file(&mut self, name: &str, path: &str) {
        if !matches(&self.watch.pattern, name) {
            return;
        }
        match self.tree.look(path) {
            Ok(Some(looked)) => self.add(looked),
            // A folder behind a link, a device, or a file removed since its name was read.
            Ok(None) | Err(Refused::Missing) => {}
            Err(_) => self.found.unreadable += 1,
        }
    }

    fn add(&mut self, looked: Looked) {
        let found = &mut self.found;
        found.count += 1;
        found.bytes = found.bytes.saturating_add(looked.bytes);
        if let Some(modified) = looked.modified {
            // A file from the future is as new as can be.
            let age = (self.now - modified).max(0.0);
            found.newest_age = Some(found.newest_age.map_or(age, |newest| newest.min(age)));
            found.oldest_age = Some(found.oldest_age.map_or(age, |oldest| oldest.max(age)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use crate::Settings;
    use probity_sdk::config;

    /// Paths of files with size and time; a size of `None` is a file that cannot be looked at.
    #[derive(Default)]
    struct Paths(BTreeMap<&'static str, Option<(u64, f64)>>);

    impl Tree for Paths {
        type Listing = std::vec::IntoIter<Result<Entry, Refused>>;

        fn list(&self, path: &str) -> Result<Self::Listing, Refused> {
            if path.ends_with("locked") {
                return Err(Refused::Because("permission denied"));
            }
            let below = self
                .0
                .keys()
                .filter_map(|file| file.strip_prefix(path)?.strip_prefix('/'));
            let mut entries: Vec<Entry> = below
                .map(|rest| Entry {
                    name: rest.split('/').next().unwrap().to_owned(),
                    is_folder: rest.contains('/'),
                })
                .collect();
            entries.dedup();
            if entries.is_empty() {
                return Err(Refused::Missing);
            }
            Ok(entries.into_iter().map(Ok).collect::<Vec<_>>().into_iter())
        }

        fn look(&self, path: &str) -> Result<Option<Looked>, Refused> {
            let (bytes, modified) = self.0[path].ok_or(Refused::Because("permission denied"))?;
            Ok(Some(Looked {
                bytes,
                modified: Some(modified),
            }))
        }
    }

    fn tree() -> Paths {
        Paths(BTreeMap::from([
            ("/logs/a.log", Some((10, 900.0))),
            ("/logs/b.log", Some((20, 400.0))),
            ("/logs/c.txt", Some((40, 1.0))),
            ("/logs/d.log", None),
            ("/logs/future.log", Some((1, 5000.0))),
            ("/logs/below/e.log", Some((80, 100.0))),
            ("/logs/below/deep/f.log", Some((160, 950.0))),
            ("/logs/locked/g.log", Some((320, 950.0))),
        ]))
    }

    fn survey(watch: &str) -> Survey {
        let json = format!(r#"{{"watch":[{{"name":"w","path":"/logs",{watch}}}]}}"#);
        let settings: Settings = config::parse(&json).unwrap();
        Survey::of(&settings.watch.0[0], &tree(), 1000.0, || true)
    }

    #[test]
    fn files_of_one_folder_are_summed_up() {
        let found = Found {
            count: 3,
            bytes: 31,
            newest_age: Some(0.0),
            oldest_age: Some(600.0),
            unreadable: 1,
        };
        assert_eq!(survey(r#""pattern":"*.log""#), Survey::Whole(found));
    }

    #[test]
    fn folders_below_are_walked_when_asked_for() {
        let found = Found {
            count: 5,
            bytes: 271,
            newest_age: Some(0.0),
            oldest_age: Some(900.0),
            unreadable: 2,
        };
        assert_eq!(
            survey(r#""pattern":"*.log","recursive":true"#),
            Survey::Whole(found)
        );
    }

    #[test]
    fn no_match_is_no_error() {
        assert_eq!(
            survey(r#""pattern":"*.gz""#),
            Survey::Whole(Found::default())
        );
    }

    #[test]
    fn a_missing_folder_is_told_apart() {
        let json = r#"{"watch":[{"name":"w","path":"/nowhere"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let survey = Survey::of(&settings.watch.0[0], &tree(), 0.0, || true);
        assert_eq!(survey, Survey::Refused(Refused::Missing));
    }

    #[test]
    fn the_walk_is_bounded_by_number_and_by_time() {
        let pattern = r#""pattern":"*.log","max_entries""#;
        assert_eq!(
            survey(&format!("{pattern}:6")),
            Survey::TooMany { entries: 6 }
        );
        assert!(matches!(survey(&format!("{pattern}:7")), Survey::Whole(_)));
        let json = r#"{"watch":[{"name":"w","path":"/logs"}]}"#;
        let settings: Settings = config::parse(json).unwrap();
        let late = Survey::of(&settings.watch.0[0], &tree(), 0.0, || false);
        assert_eq!(late, Survey::TooMany { entries: 0 });
    }
}
