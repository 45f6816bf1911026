//! What was begun in a repository and is not done: a merge, a rebase, a lock.

use probity_sdk::files::{self, FileError, Refused};

use crate::Place;

/// What git would go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Nothing.
    None,
    /// `git merge`, `git pull`.
    Merge,
    /// `git rebase`, `git pull --rebase`.
    Rebase,
    /// `git am`.
    Am,
    /// `git cherry-pick`.
    CherryPick,
    /// `git revert`.
    Revert,
    /// `git bisect`.
    Bisect,
}

impl Operation {
    /// All of them, as the states of a metric.
    pub const STATES: [&'static str; 7] = [
        "none",
        "merge",
        "rebase",
        "am",
        "cherry-pick",
        "revert",
        "bisect",
    ];

    /// Its word among the states.
    pub fn word(self) -> &'static str {
        Self::STATES[self as usize]
    }
}

/// The file that stands for each, which is written when it begins. A rebase picks commits, so it comes first.
const SIGNS: [(&str, Operation); 7] = [
    ("rebase-merge/orig-head", Operation::Rebase),
    ("rebase-apply/applying", Operation::Am),
    ("rebase-apply/orig-head", Operation::Rebase),
    ("MERGE_HEAD", Operation::Merge),
    ("CHERRY_PICK_HEAD", Operation::CherryPick),
    ("REVERT_HEAD", Operation::Revert),
    ("BISECT_LOG", Operation::Bisect),
];

/// The operation under way, and when it began in Unix seconds where that is known.
///
/// # Errors
/// What cannot be looked at.
pub fn operation(place: &Place) -> Result<(Operation, Option<f64>), FileError> {
    for (sign, operation) in SIGNS {
        if let Some(time) = changed(&place.own(sign))? {
            return Ok((operation, time));
        }
    }
    Ok((Operation::None, None))
}

/// Lock files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Locks {
    /// How many there are.
    pub count: usize,
    /// The path of the oldest, and the time at which it was taken in Unix seconds.
    pub oldest: Option<(String, f64)>,
}

/// The locks that are there. `others`: names of those on refs.
///
/// # Errors
/// What cannot be looked at.
pub fn locks(place: &Place, others: &[String]) -> Result<Locks, FileError> {
    let mut paths = vec![
        place.own("index.lock"),
        place.own("HEAD.lock"),
        place.shared("config.lock"),
        place.shared("packed-refs.lock"),
        place.shared("shallow.lock"),
    ];
    // Whoever leaves more than a few behind is told about those.
    paths.extend(others.iter().take(20).map(|other| place.shared(other)));
    let mut locks = Locks::default();
    for path in paths {
        let Some(time) = changed(&path)? else {
            continue;
        };
        locks.count += 1;
        let is_older = |time: f64| locks.oldest.as_ref().is_none_or(|oldest| time < oldest.1);
        if let Some(time) = time.filter(|time| is_older(*time)) {
            locks.oldest = Some((path, time));
        }
    }
    Ok(locks)
}

/// When a file was last changed; nothing when it is not there.
fn changed(path: &str) -> Result<Option<Option<f64>>, FileError> {
    match files::stat(path) {
        Ok(stat) => Ok(Some(stat.modified)),
        Err(FileError {
            reason: Refused::Missing | Refused::Because("not a folder"),
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}
