//! Names told apart, up to a bound: they become labels, and applications choose them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::model::printable;

/// What stands for all names beyond the bound.
pub(super) const OTHER: &str = "other";
/// The longest name, in bytes, with a character or two for what was cut off.
const LONGEST_NAME: usize = 128;
/// The longest id that is kept as it is; of a longer one a part and a hash.
const LONGEST_ID: usize = 128;

/// Names in the order of their first telling, each with what is known of it.
#[derive(Debug)]
pub(super) struct Names<T> {
    places: HashMap<Arc<str>, usize>,
    known: Vec<(Arc<str>, T)>,
    most: usize,
    /// How often a name found no room.
    overflow: u64,
}

impl<T> Names<T> {
    /// At most `most` names, and one more for all others.
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            known: Vec::new(),
            most,
            overflow: 0,
        }
    }

    /// The place of a name; one that is new is made with `make`.
    pub(super) fn place(&mut self, name: &str, make: impl FnOnce(&str) -> T) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.find_or_make(&label(name), make)
    }

    fn find_or_make(&mut self, name: &str, make: impl FnOnce(&str) -> T) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let name = if self.known.len() < self.most {
            name
        } else {
            self.overflow += 1;
            match self.places.get(OTHER) {
                Some(place) => return *place,
                None => OTHER,
            }
        };
        let (place, name): (usize, Arc<str>) = (self.known.len(), name.into());
        self.known.push((name.clone(), make(&name)));
        self.places.insert(name, place);
        place
    }

    pub(super) fn name(&self, place: usize) -> &Arc<str> {
        &self.known[place].0
    }

    pub(super) fn at(&mut self, place: usize) -> &mut T {
        &mut self.known[place].1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.known.iter().map(|(name, known)| (name, known))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut T)> {
        self.known.iter_mut().map(|(name, known)| (&*name, known))
    }

    /// How often a name found no room.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Whether this is all those that found no room.
    pub(super) fn is_other(&self, name: &str) -> bool {
        self.known.len() > self.most && name == OTHER
    }

    pub(super) fn forget_overflow(&mut self) {
        self.overflow = 0;
    }
}

/// A name as a label: without control characters, and not too long.
fn label(name: &str) -> Cow<'_, str> {
    let plain = name.len() <= LONGEST_NAME && !name.chars().any(odd);
    if plain {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(printable(name, LONGEST_NAME))
    }
}

fn odd(character: char) -> bool {
    !character.is_ascii() || character.is_control()
}

/// Ids as they are kept: they come from applications, and one may be as long as an event.
#[derive(Debug, Default)]
pub(super) struct Ids {
    hasher: RandomState,
}

impl Ids {
    /// The id, or of one that is too long a part that means no other.
    pub(super) fn kept<'a>(&self, id: &'a str) -> Cow<'a, str> {
        if id.len() <= LONGEST_ID {
            return Cow::Borrowed(id);
        }
        let begin = printable(id, LONGEST_ID / 2);
        Cow::Owned(format!("{begin}{:016x}", self.hash(id)))
    }

    /// A number for an id: with a key of this process, so nobody can choose ids of one number.
    pub(super) fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_one_and_counted() {
        let mut names = Names::new(2);
        let mut place = |name: &str| names.place(name, |_| ());
        assert_eq!([place("a"), place("b"), place("a")], [0, 1, 0]);
        assert_eq!([place("c"), place("d"), place("b")], [2, 2, 1]);
        assert_eq!(&**names.name(2), OTHER);
        assert_eq!((names.overflow(), names.iter().count()), (2, 3));
    }

    #[test]
    fn a_name_told_as_other_is_the_same_as_the_others() {
        let mut names = Names::new(1);
        let mut place = |name: &str| names.place(name, |_| ());
        assert_eq!([place(OTHER), place("b")], [0, 0]);
    }

    #[test]
    fn names_and_ids_are_cut_and_stay_apart() {
        let mut names = Names::new(9);
        let (long, hostile) = ("x".repeat(500), "a\n\u{202e}b");
        let places = [&*long, hostile, &*long, hostile].map(|name| names.place(name, |_| ()));
        assert_eq!(places, [0, 1, 0, 1]);
        assert!(names.name(0).len() <= LONGEST_NAME + '…'.len_utf8());
        assert_eq!(&**names.name(1), "a\\n\\u{202e}b");
        let ids = Ids::default();
        let other = format!("{long}y");
        assert_ne!(ids.kept(&long), ids.kept(&other));
        assert!(ids.kept(&long).len() < 100);
        assert_eq!(ids.kept("short"), "short");
    }
}
