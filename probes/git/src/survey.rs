//! All that is found out about one repository in one run.

use probity_sdk::files::{self, FileError};
use probity_sdk::run;

use crate::refs::TO_SPARE;
use crate::{Budget, Head, Operation, Place, Refs, Repository, head, reflog, underway};

/// Why nothing can be said about a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// It is not there, not granted, or no repository.
    Broken(String),
    /// There is more of it than one run can look at.
    TooMuch(String),
}

impl From<FileError> for Unseen {
    fn from(error: FileError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// How long ago a branch moved, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Age {
    /// Its log or its file says so.
    Known(f64),
    /// It was packed then, and has no log.
    AtLeast(f64),
}

impl Age {
    /// So long at least.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Known(seconds) | Self::AtLeast(seconds) => seconds,
        }
    }
}

/// What is known of a repository.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// How many branches match.
    pub branches: usize,
    /// Those that were dated.
    pub dated: Vec<(String, Age)>,
    /// Whether there was no room or time to date all.
    pub is_cut: bool,
    /// Required branches that are not there.
    pub missing: Vec<String>,
    /// Refs that are none, and an example.
    pub broken: (u32, Option<String>),
    /// The branch that HEAD is on, or its full name where it is no branch; nothing when it is detached.
    pub head: Option<String>,
    /// Whether that is there.
    pub head_exists: bool,
    /// What is under way, and for how many seconds where that is known.
    pub operation: (Operation, Option<f64>),
    /// How many lock files there are.
    pub locks: usize,
    /// The oldest of them, and the seconds since it was made.
    pub oldest_lock: Option<(String, f64)>,
}

impl Survey {
    /// Looks at a repository. `now`: Unix seconds.
    ///
    /// # Errors
    /// Why nothing can be said about it.
    pub fn of(repository: &Repository, now: f64, budget: &mut Budget) -> Result<Self, Unseen> {
        let age = |time: f64| (now - time).max(0.0);
        let place = Place::find(repository.path.as_str()).map_err(Unseen::Broken)?;
        let head = Head::read(&place).map_err(Unseen::Broken)?;
        let mut refs = Refs::gather(&place, repository, head.unresolved.as_deref(), budget)?;
        let (dated, is_cut) = date(&place, repository, &mut refs, age);
        let missing = repository.require.iter().zip(&refs.required);
        let (operation, began) = underway::operation(&place)?;
        let locks = underway::locks(&place, &refs.locks)?;
        Ok(Self {
            branches: refs.branches.len(),
            dated,
            is_cut,
            missing: missing
                .filter(|(_, is_there)| !**is_there)
                .map(|(name, _)| name.clone())
                .collect(),
            broken: refs.broken,
            head_exists: head.unresolved.is_none() || refs.is_packed,
            head: head
                .points_to
                .map(|name| match name.strip_prefix("refs/heads/") {
                    Some(branch) => branch.to_owned(),
                    None => name,
                }),
            operation: (operation, began.map(age)),
            locks: locks.count,
            oldest_lock: locks.oldest.map(|(path, time)| (path, age(time))),
        })
    }

    /// How many of the branches have not moved for `seconds`; nothing when not all were dated.
    pub fn stale(&self, seconds: f64) -> Option<usize> {
        let stale = self
            .dated
            .iter()
            .filter(|(_, age)| age.seconds() >= seconds);
        (!self.is_cut).then(|| stale.count())
    }

    /// How long ago any branch moved; nothing when that is not known.
    pub fn newest(&self) -> Option<f64> {
        let ages = self.dated.iter().map(|(_, age)| *age);
        let newest = ages.reduce(|one, other| match one.seconds() <= other.seconds() {
            true => one,
            false => other,
        });
        match newest {
            Some(Age::Known(seconds)) if !self.is_cut => Some(seconds),
            _ => None,
        }
    }
}

/// Dates the first branches by name, as many as there are series for; says whether any was left out.
fn date(
    place: &Place,
    repository: &Repository,
    refs: &mut Refs,
    age: impl Fn(f64) -> f64,
) -> (Vec<(String, Age)>, bool) {
    let mut dated = Vec::new();
    let mut broken = Vec::new();
    let mut looked_at = 0;
    for (name, has_file) in refs
        .branches
        .iter()
        .take(repository.max_branches.0 as usize)
    {
        if run::time_left() < TO_SPARE {
            break;
        }
        looked_at += 1;
        let full = format!("{}/{name}", repository.refs);
        match moved(place, &full, *has_file) {
            Ok(Some(time)) => dated.push((name.clone(), Age::Known(age(time)))),
            Ok(None) => {
                let packed = refs.packed_at.map(|time| Age::AtLeast(age(time)));
                dated.extend(packed.map(|age| (name.clone(), age)));
            }
            Err(()) => broken.push(full),
        }
    }
    for full in broken {
        refs.add_broken(&full);
    }
    (dated, looked_at < refs.branches.len())
}

/// When a branch last moved, Unix seconds; nothing when it is packed and has no log.
///
/// # Errors
/// It is damaged, or cannot be read, or is a link to a folder.
fn moved(place: &Place, full: &str, has_file: bool) -> Result<Option<f64>, ()> {
    let path = place.shared(full);
    if has_file {
        head::target(&path).map_err(|_| ())?.ok_or(())?;
    }
    let log = place.shared(&format!("logs/{full}"));
    match reflog::last_move(&log).map_err(|_| ())? {
        None if has_file => Ok(files::stat(&path).map_err(|_| ())?.modified),
        time => Ok(time),
    }
}
