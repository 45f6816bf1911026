//! The answers of one source in one run, in the order in which they were given.

use serde::{Deserialize, Serialize};

/// Answers, and which of them have been given again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Reel<T> {
    answers: Vec<T>,
    /// By index; what is not in it has not been given.
    #[serde(skip)]
    given: Vec<bool>,
}

impl<T> Default for Reel<T> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            given: Vec::new(),
        }
    }
}

impl<T> Reel<T> {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Puts one more at the end; gives its index.
    pub(super) fn push(&mut self, answer: T) -> usize {
        self.answers.push(answer);
        self.answers.len() - 1
    }

    /// The one at `index`.
    pub(super) fn at(&mut self, index: usize) -> Option<&mut T> {
        self.answers.get_mut(index)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.answers.iter()
    }

    /// The first one that has a fault: its index, and which.
    pub(super) fn fault(&self, of: impl Fn(&T) -> Option<String>) -> Option<(usize, String)> {
        let mut all = self.answers.iter().enumerate();
        all.find_map(|(index, one)| Some((index, of(one)?)))
    }

    /// All of them, to be changed.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.answers.iter_mut()
    }

    /// The next one that fits and has not been given: each is given once, for asking had an effect.
    pub(super) fn next(&mut self, fits: impl Fn(&T) -> bool) -> Option<&T> {
        self.given.resize(self.answers.len(), false);
        let index = (0..self.answers.len())
            .find(|&index| !self.given[index] && fits(&self.answers[index]))?;
        self.given[index] = true;
        Some(&self.answers[index])
    }

    /// The next one that fits, and the last one again when there is no further: asking had no effect, and the world
    /// stands still then.
    pub(super) fn next_or_last(&mut self, fits: impl Fn(&T) -> bool) -> Option<&T> {
        self.given.resize(self.answers.len(), false);
        let fitting = |index: &usize| fits(&self.answers[*index]);
        let mut indices = 0..self.answers.len();
        let next = indices.find(|index| !self.given[*index] && fitting(index));
        let index = next.or_else(|| (0..self.answers.len()).rev().find(fitting))?;
        self.given[index] = true;
        Some(&self.answers[index])
    }

    /// Those that nobody has asked for.
    pub(super) fn left(&self) -> impl Iterator<Item = &T> {
        let given = |index: usize| self.given.get(index).copied().unwrap_or(false);
        let numbered = self.answers.iter().enumerate();
        numbered.filter_map(move |(index, answer)| (!given(index)).then_some(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_given_in_order_once_or_the_last_one_again() {
        let mut reel = Reel::default();
        for answer in ["a1", "b1", "a2"] {
            reel.push(answer);
        }
        let a = |answer: &&str| answer.starts_with('a');
        let mut once = reel.clone();
        let given: Vec<_> = (0..3).map(|_| once.next(a).copied()).collect();
        assert_eq!(given, [Some("a1"), Some("a2"), None]);
        assert_eq!(once.left().collect::<Vec<_>>(), [&"b1"]);
        let given: Vec<_> = (0..3).map(|_| reel.next_or_last(a).copied()).collect();
        assert_eq!(given, [Some("a1"), Some("a2"), Some("a2")]);
        assert_eq!(reel.next_or_last(|_| false), None);
    }
}
