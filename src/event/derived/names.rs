//! Names told apart, up to a bound: they become labels, and applications choose them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::printable;

/// What stands for all names beyond the bound.
pub(super) const OTHER: &str = "other";
/// A name that nobody tells for so long gives its place to another: what is done once a day keeps its own, and a sender that makes up
/// names makes no more series a day than there are places.
const SILENT: Duration = Duration::from_secs(25 * 3600);
/// The longest name, in bytes, with a character or two for what was cut off.
const LONGEST_NAME: usize = 128;
/// The longest id that is kept as it is; of a longer one a part and a hash.
const LONGEST_ID: usize = 128;

/// Names in the order of their first telling, each with what is known of it.
#[derive(Debug)]
pub(super) struct Names<T> {
    places: HashMap<Arc<str>, usize>,
    known: Vec<Known<T>>,
    /// Those that have a place whatever others take.
    reserved: HashSet<Box<str>>,
    /// How many places names without one of their own may take, and have taken.
    most: usize,
    taken: usize,
    /// Places of names that were silent for long when that was last looked at.
    silent: Vec<usize>,
    /// Names that have given their place to others.
    gone: Vec<Arc<str>>,
    /// How often a name found no room.
    overflow: u64,
    /// Whether one ever did, and whether since the last look.
    crowded: (bool, bool),
}

#[derive(Debug)]
struct Known<T> {
    name: Arc<str>,
    value: T,
    /// Whether it was told since the last look, and when that was seen last.
    told: bool,
    seen: Option<Instant>,
}

impl<T> Names<T> {
    /// At most `most` names, and one more for all others.
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            known: Vec::new(),
            reserved: HashSet::new(),
            most,
            taken: 0,
            silent: Vec::new(),
            gone: Vec::new(),
            overflow: 0,
            crowded: (false, false),
        }
    }

    /// With these names besides, which always find room.
    pub(super) fn with_reserved<'a>(self, names: impl Iterator<Item = &'a String>) -> Self {
        Self {
            reserved: names.map(|name| label(name).into()).collect(),
            ..self
        }
    }

    /// The place of a name that was told; one that is new is made with `make`.
    pub(super) fn place(&mut self, name: &str, make: impl FnOnce() -> T) -> usize {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => self.find_or_make(&label(name), make),
        };
        self.known[place].told = true;
        place
    }

    fn find_or_make(&mut self, name: &str, make: impl FnOnce() -> T) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        if self.reserved.contains(name) {
            return self.add(name, make());
        }
        if self.taken < self.most {
            self.taken += 1;
            return self.add(name, make());
        }
        if let Some(place) = self.given_up() {
            return self.replace(place, name, make());
        }
        self.overflow += 1;
        self.crowded = (true, true);
        match self.places.get(OTHER) {
            Some(place) => *place,
            None => self.add(OTHER, make()),
        }
    }

    fn add(&mut self, name: &str, value: T) -> usize {
        self.known.push(Known::new(name, value));
        let place = self.known.len() - 1;
        self.places.insert(self.known[place].name.clone(), place);
        place
    }

    /// The place of one that was silent for long, and still is.
    fn given_up(&mut self) -> Option<usize> {
        let known = &self.known;
        while let Some(place) = self.silent.pop() {
            if !known[place].told {
                return Some(place);
            }
        }
        None
    }

    fn replace(&mut self, place: usize, name: &str, value: T) -> usize {
        let before = std::mem::replace(&mut self.known[place], Known::new(name, value));
        self.places.remove(&before.name);
        self.gone.push(before.name);
        self.places.insert(self.known[place].name.clone(), place);
        place
    }

    /// Looks who was silent for long: they give their places to others that find none. Who is busy is not silent.
    pub(super) fn advance(&mut self, now: Instant, is_busy: impl Fn(&T) -> bool) {
        for known in &mut self.known {
            if std::mem::take(&mut known.told) || is_busy(&known.value) {
                known.seen = Some(now);
            }
            known.seen.get_or_insert(now);
        }
        self.silent.clear();
        if std::mem::take(&mut self.crowded.1) {
            let (known, reserved) = (&self.known, &self.reserved);
            let is_silent = |place: &usize| {
                let one = &known[*place];
                let silent = one.seen.map(|seen| now.saturating_duration_since(seen));
                let stays = reserved.contains(&*one.name) || *one.name == *OTHER;
                !stays && silent.is_some_and(|silent| silent > SILENT)
            };
            self.silent.extend((0..known.len()).filter(is_silent));
        }
    }

    /// Names that have given their places to others since this was last asked.
    pub(super) fn take_gone(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.gone)
    }

    pub(super) fn name(&self, place: usize) -> &Arc<str> {
        &self.known[place].name
    }

    pub(super) fn at(&mut self, place: usize) -> &mut T {
        &mut self.known[place].value
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.known.iter().map(|known| (&known.name, &known.value))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut T)> {
        let known = self.known.iter_mut();
        known.map(|known| (&known.name, &mut known.value))
    }

    /// How often a name found no room.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Whether this is all those that found no room.
    pub(super) fn is_other(&self, name: &str) -> bool {
        self.crowded.0 && name == OTHER
    }

    pub(super) fn forget_overflow(&mut self) {
        self.overflow = 0;
    }
}

impl<T> Known<T> {
    fn new(name: &str, value: T) -> Self {
        Self {
            name: name.into(),
            value,
            told: false,
            seen: None,
        }
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

/// By what something is told of: an id of its source, or of all sources if there is none here.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Id<'a> {
    pub(super) source: Option<&'a str>,
    pub(super) id: &'a str,
}

/// Ids as they are kept: they come from applications, and one may be as long as an event.
#[derive(Debug, Default)]
pub(super) struct Ids {
    hasher: RandomState,
}

impl Ids {
    /// The id as it is shown: of one that is too long a part that means no other.
    pub(super) fn kept(&self, id: &str) -> Arc<str> {
        if id.len() <= LONGEST_ID {
            return id.into();
        }
        let begin = printable(id, LONGEST_ID / 2);
        format!("{begin}{:016x}", self.hasher.hash_one(id)).into()
    }

    /// A number that stands for an id of its source: with a key of this process, so nobody can choose ids of one number.
    pub(super) fn key(&self, id: Id<'_>) -> u64 {
        self.hasher.hash_one(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_one_and_counted() {
        let mut names = Names::new(2);
        let mut place = |name: &str| names.place(name, || ());
        assert_eq!([place("a"), place("b"), place("a")], [0, 1, 0]);
        assert_eq!([place("c"), place("d"), place("b")], [2, 2, 1]);
        assert_eq!(&**names.name(2), OTHER);
        assert_eq!((names.overflow(), names.iter().count()), (2, 3));
    }

    #[test]
    fn a_name_that_is_silent_for_long_gives_its_place_to_one_that_finds_none() {
        let begun = Instant::now();
        let reserved = ["kept".to_owned()];
        let mut names = Names::new(3).with_reserved(reserved.iter());
        for name in ["kept", "busy", "quiet", "told"] {
            names.place(name, || name);
        }
        let advance = |names: &mut Names<&str>, after: Duration| {
            names.advance(begun + after, |name| *name == "busy");
        };
        advance(&mut names, Duration::ZERO);
        assert_eq!(names.place("told", || ""), 3);
        advance(&mut names, SILENT);
        assert_eq!(
            names.place("early", || ""),
            4,
            "nobody was silent for so long"
        );
        advance(&mut names, SILENT + Duration::from_secs(1));
        assert_eq!(names.place("new", || "new"), 2);
        assert_eq!(names.place("next", || ""), 4, "there was one");
        assert_eq!(names.take_gone(), ["quiet".into()]);
        let shown = names.iter().nth(2).map(|(name, value)| (&**name, *value));
        assert_eq!(shown, Some(("new", "new")));
        assert_eq!((names.overflow(), &**names.name(4)), (2, OTHER));
    }

    #[test]
    fn a_name_told_as_other_is_the_same_as_the_others() {
        let mut names = Names::new(1);
        let mut place = |name: &str| names.place(name, || ());
        assert_eq!([place(OTHER), place("b")], [0, 0]);
    }

    #[test]
    fn names_and_ids_are_cut_and_stay_apart() {
        let mut names = Names::new(9);
        let (long, hostile) = ("x".repeat(500), "a\n\u{202e}b");
        let places = [&*long, hostile, &*long, hostile].map(|name| names.place(name, || ()));
        assert_eq!(places, [0, 1, 0, 1]);
        assert!(names.name(0).len() <= LONGEST_NAME + '…'.len_utf8());
        assert_eq!(&**names.name(1), "a\\n\\u{202e}b");
        let ids = Ids::default();
        let other = format!("{long}y");
        assert_ne!(ids.kept(&long), ids.kept(&other));
        assert!(ids.kept(&long).len() < 100);
        assert_eq!(&*ids.kept("short"), "short");
        let of = |source, id| ids.key(Id { source, id });
        assert_eq!(of(Some("a"), "1"), of(Some("a"), "1"));
        assert_ne!(of(Some("a"), "1"), of(Some("b"), "1"));
        assert_ne!(of(None, "1"), of(Some(""), "1"));
        assert_ne!(of(Some("a"), "b1"), of(Some("ab"), "1"));
    }
}
