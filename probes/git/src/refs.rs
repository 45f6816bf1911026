//! A repository's branches: those with a file of their own, and those that are packed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use probity_sdk::files::{self, Entry, FileError, Refused};
use probity_sdk::lines::{self, Ended};
use probity_sdk::run;

use crate::names::{is_object, is_ref};
use crate::survey::Unseen;
use crate::{Place, Repository};

/// Folders within folders are followed this far.
const MAX_DEPTH: usize = 32;
/// Packed refs that are read in one run: of about two hundred thousand branches.
const PACKED_BYTES: usize = 12 << 20;
/// Memory for names; the host gives a probe 64 MiB.
const MAX_NAME_BYTES: usize = 4 << 20;
/// Reading stops when less than this is left of the call, so that the check says so and the run is not cut off.
pub const TO_SPARE: Duration = Duration::from_millis(100);

/// What may be looked at in one run, for all repositories together: each name in a folder is a call to the host, of which a run has ten
/// thousand, and a file of packed refs takes 35 ms of processor time for each MiB, of which a run has a second.
#[derive(Debug, PartialEq)]
pub struct Budget {
    /// Names in folders.
    pub names: u32,
    /// Bytes of packed refs.
    pub bytes: usize,
}

impl Budget {
    /// That of a new run.
    pub fn new() -> Self {
        Self {
            names: 4000,
            bytes: PACKED_BYTES,
        }
    }

    /// What the next repository may look at: no more than half as long as there are `others` behind it, so that a large one does not take
    /// their turn too.
    pub fn take_part(&mut self, others: usize) -> Self {
        let most = if others == 0 { 1 } else { 2 };
        let part = Self {
            names: self.names.div_ceil(most),
            bytes: self.bytes.div_ceil(most as usize),
        };
        self.names -= part.names;
        self.bytes -= part.bytes;
        part
    }

    /// Takes back what is left of a part.
    pub fn give_back(&mut self, part: Self) {
        self.names += part.names;
        self.bytes += part.bytes;
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Refs {
    /// The branches that match, by name without the common beginning; whether each has a file of its own.
    pub branches: BTreeMap<String, bool>,
    /// For each branch that is required, in their order: whether it is there.
    pub required: Vec<bool>,
    /// Whether the ref asked for is packed.
    pub is_packed: bool,
    /// When refs were last packed, Unix seconds.
    pub packed_at: Option<f64>,
    /// Paths of locks on refs.
    pub locks: Vec<String>,
    /// Names and lines that are none, and an example.
    pub broken: (u32, Option<String>),
    name_bytes: usize,
}

impl Refs {
    /// Gathers them. `asked`: a ref that may be packed, by its full name.
    ///
    /// # Errors
    /// Why nothing can be said about them.
    pub fn gather(
        place: &Place,
        repository: &Repository,
        asked: Option<&str>,
        budget: &mut Budget,
    ) -> Result<Self, Unseen> {
        let mut refs = Self {
            required: vec![false; repository.require.len()],
            ..Self::default()
        };
        refs.packed(place, repository, asked, budget)?;
        refs.loose(place, repository, budget)?;
        Ok(refs)
    }

    /// Reads `packed-refs`: comments that begin with `#`, lines `OBJECT NAME`, and below a tag's a line `^OBJECT`.
    fn packed(
        &mut self,
        place: &Place,
        repository: &Repository,
        asked: Option<&str>,
        budget: &mut Budget,
    ) -> Result<(), Unseen> {
        let path = place.shared("packed-refs");
        let mut file = match files::open(&path) {
            Err(FileError {
                reason: Refused::Missing,
                ..
            }) => return Ok(()),
            file => file?,
        };
        self.packed_at = files::stat(&path)?.modified;
        let left = Cell::new(budget.bytes);
        let portion = || {
            let portion = file.portion()?;
            left.set(left.get().saturating_sub(portion.len()));
            Ok::<_, FileError>(portion)
        };
        let go_on = || left.get() > 0 && run::time_left() > TO_SPARE;
        let ended = lines::each_line(portion, go_on, |line| {
            self.packed_line(line, repository, asked);
        })?;
        budget.bytes = left.get();
        match ended {
            Ended::Whole => self.check_size(&path),
            Ended::Stopped => {
                let remedy = match left.get() {
                    0 => "watch fewer repositories with one probe",
                    _ => "raise limits.deadline, or watch fewer repositories with one probe",
                };
                Err(Unseen::TooMuch(format!(
                    "{path} is too large to be read in this run: {remedy}"
                )))
            }
            Ended::LongLine => Err(Unseen::Broken(format!("{path} has a line of over 32 KiB"))),
        }
    }

    fn packed_line(&mut self, line: &[u8], repository: &Repository, asked: Option<&str>) {
        if line.is_empty() || matches!(line[0], b'#' | b'^') {
            return;
        }
        let mut words = line.splitn(2, |byte| *byte == b' ');
        let object = words.next().unwrap_or_default();
        let name = words
            .next()
            .and_then(|name| core::str::from_utf8(name).ok());
        match name.filter(|name| is_object(object) && is_ref(name)) {
            Some(name) => {
                self.is_packed |= asked == Some(name);
                self.add(name, false, repository);
            }
            None => self.add_broken(&String::from_utf8_lossy(line)),
        }
    }

    /// Walks the folders below the common beginning.
    fn loose(
        &mut self,
        place: &Place,
        repository: &Repository,
        budget: &mut Budget,
    ) -> Result<(), Unseen> {
        let mut folders = vec![(repository.refs.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let path = place.shared(&folder);
            let names = match files::list(&path) {
                // None has a file, or the last one was removed since its name was read.
                Err(FileError {
                    reason: Refused::Missing,
                    ..
                }) => continue,
                names => names?,
            };
            for entry in names {
                if budget.names == 0 || run_is_over(budget.names) {
                    return Err(Unseen::TooMuch(format!(
                        "{path} has too many names to be read in this run: run `git pack-refs`, or watch fewer repositories with one probe"
                    )));
                }
                budget.names -= 1;
                if let Some(below) = self.entry(&folder, entry.ok(), repository) {
                    folders.extend((depth + 1 < MAX_DEPTH).then_some((below, depth + 1)));
                }
            }
        }
        self.check_size(&place.shared(&repository.refs))
    }

    /// Takes one name in a folder; gives that of a folder below. A name that is no text is no entry, and has no place in a label either.
    fn entry(
        &mut self,
        folder: &str,
        entry: Option<Entry>,
        repository: &Repository,
    ) -> Option<String> {
        let Some(entry) = entry else {
            self.add_broken(folder);
            return None;
        };
        let name = format!("{folder}/{}", entry.name);
        if entry.is_folder {
            return Some(name);
        }
        if entry.name.ends_with(".lock") {
            self.locks.push(name);
        } else if is_ref(&name) {
            self.add(&name, true, repository);
        } else {
            self.add_broken(&name);
        }
        None
    }

    fn add(&mut self, full: &str, has_file: bool, repository: &Repository) {
        let Some(name) = full
            .strip_prefix(repository.refs.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return;
        };
        for (required, found) in repository.require.iter().zip(&mut self.required) {
            *found |= required == name;
        }
        if self.name_bytes <= MAX_NAME_BYTES && repository.branches.match_any(name) {
            self.name_bytes += name.len();
            self.branches.insert(name.to_owned(), has_file);
        }
    }

    pub(crate) fn add_broken(&mut self, what: &str) {
        let (count, example) = &mut self.broken;
        *count += 1;
        example.get_or_insert_with(|| what.chars().take(100).collect());
    }

    fn check_size(&self, path: &str) -> Result<(), Unseen> {
        match self.name_bytes > MAX_NAME_BYTES {
            true => Err(Unseen::TooMuch(format!(
                "{path} has more branches that match than fit into memory: narrow `branches`"
            ))),
            false => Ok(()),
        }
    }
}

/// Whether the time is used up; asked for every hundredth name, since it is a call to the host too.
fn run_is_over(names: u32) -> bool {
    names % 100 == 0 && run::time_left() < TO_SPARE
}

#[cfg(test)]
#[path = "refs_tests.rs"]
mod tests;
