//! What came of the last actions asked for from a page, until the page that follows shows it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::page::Outcome;

/// Outcomes kept: each is shown by the page that its sender is led to at once.
const KEPT: usize = 64;

/// The last outcomes by number. A page's address carries a number and not a text, so that no link puts words into the page.
#[derive(Debug, Default)]
pub(super) struct Outcomes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    outcomes: VecDeque<(u64, Outcome)>,
}

impl Outcomes {
    /// Keeps one, and forgets the oldest when there are too many. Its number.
    pub(super) fn keep(&self, outcome: Outcome) -> u64 {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let number = kept.last;
        if kept.outcomes.len() == KEPT {
            kept.outcomes.pop_front();
        }
        kept.outcomes.push_back((number, outcome));
        number
    }

    /// The one with this number, while it is kept.
    pub(super) fn of(&self, number: u64) -> Option<Outcome> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcomes = kept.outcomes.iter();
        let (_, outcome) = outcomes.find(|(own, _)| *own == number)?;
        Some(outcome.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept() {
        let outcomes = Outcomes::default();
        let outcome = |message: String| Outcome { ok: true, message };
        for number in 1..=65 {
            assert_eq!(outcomes.keep(outcome(number.to_string())), number);
        }
        let message = |number| outcomes.of(number).map(|outcome| outcome.message);
        assert_eq!((message(1), message(2)), (None, Some("2".to_owned())));
        assert_eq!((message(65), message(66)), (Some("65".to_owned()), None));
    }
}
