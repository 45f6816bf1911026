//! Where a value is in the configuration: `probe[1].grant.read[0]`.

use std::fmt;

use crate::model::printable;

/// The longest key shown, in bytes: an unknown key is whatever the file says.
const MAX_KEY_BYTES: usize = 80;

/// One step into a table or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a table by key.
    Key(String),
    /// Into a list by index.
    Index(usize),
}

/// A value's place in the tree; empty for the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyPath(pub(super) Vec<Step>);

impl KeyPath {
    /// Reads the form that [`crate::model::Invalid::key`] has. Known keys hold neither dots nor brackets; one of the operator's
    /// that does stands in quotes.
    pub(super) fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut quoted = false;
        let parts = text.split(|character| {
            quoted ^= character == '"';
            character == '.' && !quoted
        });
        for part in parts {
            if let Some(key) = part.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
                steps.push(Step::Key(key.to_owned()));
                continue;
            }
            let mut pieces = part.split('[');
            steps.extend(pieces.next().map(|key| Step::Key(key.to_owned())));
            steps.extend(
                pieces
                    .filter_map(|piece| piece.trim_end_matches(']').parse().ok())
                    .map(Step::Index),
            );
        }
        Self(steps)
    }

    /// The last key's name, if the path ends in one.
    pub(super) fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Step::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// Whether `self` is the first item of the list that `other` is.
    pub(super) fn begins_list(&self, other: &Self) -> bool {
        matches!(self.0.split_last(), Some((Step::Index(0), list)) if *list == other.0)
    }

    /// Whether `self` is `other` or leads to it.
    pub(super) fn leads_to(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            // A variant is the value itself, and an unknown step leads nowhere.
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        Self(path.iter().filter_map(step).collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if position > 0 { "." } else { "" };
                    let quote = if key.contains('.') { "\"" } else { "" };
                    let key = printable(key, MAX_KEY_BYTES);
                    write!(f, "{dot}{quote}{key}{quote}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_as_it_is_written() {
        for text in [
            "server",
            "server.listen",
            "probe[1].grant.read[0]",
            "a[1][2].b",
            "events.sampling.kinds.\"step.thought\"",
        ] {
            assert_eq!(KeyPath::parse(text).to_string(), text);
        }
        let path = KeyPath::parse("probe[1].name");
        assert_eq!(path.last_key(), Some("name"));
        assert!(KeyPath::parse("probe[1]").leads_to(&path));
        assert!(!KeyPath::parse("probe[0]").leads_to(&path));
    }
}
