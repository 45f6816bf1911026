//! What went wrong lately, one entry for each different failure.

use std::sync::Arc;
use std::time::SystemTime;

use super::Failure;

/// Different failures that are kept of a probe: enough to see what came before the last, at a kilobyte or two each.
const MAX_ERRORS: usize = 10;

/// A failure, and how often it was.
#[derive(Debug, Clone)]
pub struct RecentError {
    /// What went wrong, as it was the last time.
    pub failure: Arc<Failure>,
    /// How often that was, from `first` to `last`.
    pub count: u64,
    /// When it was for the first time of those that are counted.
    pub first: SystemTime,
    /// When it was for the last time.
    pub last: SystemTime,
}

/// The last different failures, the newest first; clones share them until one of them notes another.
#[derive(Debug, Clone, Default)]
pub struct RecentErrors(Arc<Vec<RecentError>>);

impl RecentErrors {
    /// Notes a failure at `when`. One with the same code and message as another that is kept is counted with it; the oldest
    /// goes when there are more than ten.
    pub fn note(&mut self, failure: Arc<Failure>, when: SystemTime) {
        let errors = Arc::make_mut(&mut self.0);
        let same = |one: &RecentError| {
            one.failure.code == failure.code && one.failure.message == failure.message
        };
        let noted = match errors.iter().position(same) {
            Some(at) => {
                let known = errors.remove(at);
                RecentError {
                    failure,
                    count: known.count + 1,
                    last: when,
                    ..known
                }
            }
            None => RecentError {
                failure,
                count: 1,
                first: when,
                last: when,
            },
        };
        errors.insert(0, noted);
        errors.truncate(MAX_ERRORS);
    }

    /// Has `change` look at each failure. The list stays shared unless one of them becomes another.
    pub fn revise(&mut self, mut change: impl FnMut(&mut Arc<Failure>)) {
        for index in 0..self.0.len() {
            let before = &self.0[index].failure;
            let mut after = before.clone();
            change(&mut after);
            if !Arc::ptr_eq(before, &after) {
                Arc::make_mut(&mut self.0)[index].failure = after;
            }
        }
    }

    /// The failures, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &RecentError> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn kept(errors: &RecentErrors) -> Vec<(&str, u64)> {
        let errors = errors.iter();
        errors
            .map(|one| (&*one.failure.message, one.count))
            .collect()
    }

    #[test]
    fn the_last_ten_are_kept_and_what_repeats_is_counted() {
        let mut errors = RecentErrors::default();
        let before = errors.clone();
        let mut note = |message: &str, second| {
            errors.note(Arc::new(Failure::new("trap", message)), at(second));
        };
        note("a", 1);
        note("b", 2);
        note("a", 3);
        note("a", 4);
        assert_eq!(kept(&errors), [("a", 3), ("b", 1)]);
        let newest = errors.iter().next().map(|one| (one.first, one.last));
        assert_eq!(newest, Some((at(1), at(4))));
        for number in 0..10 {
            errors.note(Arc::new(Failure::new("unavailable", "a")), at(5));
            errors.note(Arc::new(Failure::new("trap", format!("{number}"))), at(6));
        }
        assert_eq!(errors.iter().count(), MAX_ERRORS);
        assert_eq!(kept(&errors)[..3], [("9", 1), ("a", 10), ("8", 1)]);
        assert_eq!(kept(&before), [], "what was handed out does not change");
    }
}
