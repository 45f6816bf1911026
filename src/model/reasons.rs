//! Failed runs by reason.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Reasons that are told apart; a probe fails for a handful. Each is a series of the host's own.
const MAX_REASONS: usize = 16;
/// Where all further reasons are counted.
const OTHER: &str = "other";

/// How often runs failed for which reason; clones share the counts until one of them counts on.
#[derive(Debug, Clone, Default)]
pub struct FailureReasons(Arc<BTreeMap<Box<str>, u64>>);

impl FailureReasons {
    /// Counts a failure with this code. At most 16 codes are told apart, the rest counts as `other`.
    pub fn count(&mut self, code: &str) {
        let full = self.0.len() >= MAX_REASONS && !self.0.contains_key(code);
        let counts = Arc::make_mut(&mut self.0);
        let code = if full { OTHER } else { code };
        match counts.get_mut(code) {
            Some(count) => *count += 1,
            None => {
                counts.insert(code.into(), 1);
            }
        }
    }

    /// The codes and how often each was counted, by code.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(code, count)| (&**code, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reasons_are_told_apart_and_none_is_lost() {
        let mut reasons = FailureReasons::default();
        let before = reasons.clone();
        for round in 0..3 {
            for number in 0..MAX_REASONS + 5 {
                reasons.count(&format!("code-{number:02}"));
            }
            let counts: Vec<_> = reasons.iter().collect();
            assert_eq!(counts.len(), MAX_REASONS + 1);
            assert_eq!(counts[0], ("code-00", round + 1));
            assert_eq!(counts[MAX_REASONS], (OTHER, 5 * (round + 1)));
        }
        assert_eq!(
            before.iter().count(),
            0,
            "what was handed out does not change"
        );
    }
}
