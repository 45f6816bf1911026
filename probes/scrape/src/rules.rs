//! Which series of an endpoint are given out, and under which names.

use crate::Sample;
use crate::selector::Selector;
use crate::settings::Rename;

/// The rules for one endpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Series that are kept; all of them when there is none.
    pub keep: Vec<Selector>,
    /// Of these, series that are not.
    pub drop: Vec<Selector>,
    /// Beginnings of names and what takes their place.
    pub rename: Vec<Rename>,
    /// Labels that are taken off.
    pub drop_labels: Vec<String>,
    /// Whether the buckets of histograms are given out.
    pub buckets: bool,
    /// The label that tells the targets apart.
    pub target_label: String,
}

/// Labels that the host keeps for itself.
const RESERVED: [&str; 3] = ["probe", "le", "quantile"];

impl Rules {
    /// Whether a sample of this metric is given out.
    pub fn keep(&self, sample: &Sample<'_>, family: &str) -> bool {
        let mean = |selectors: &[Selector]| selectors.iter().any(|one| one.means(sample, family));
        (self.keep.is_empty() || mean(&self.keep)) && !mean(&self.drop)
    }

    /// A name with its beginning replaced, by the first rule that fits.
    pub fn rename(&self, name: &str) -> String {
        let renamed = self.rename.iter().find_map(|rule| {
            let rest = name.strip_prefix(&rule.prefix)?;
            Some(format!("{}{rest}", rule.to))
        });
        renamed.unwrap_or_else(|| name.to_owned())
    }

    /// Whether a label is taken off.
    pub fn drops_label(&self, key: &str) -> bool {
        self.drop_labels.iter().any(|one| one == key)
    }

    /// A label's key as it is given out.
    pub fn label(&self, key: &str) -> String {
        let is_taken = RESERVED.contains(&key) || key == self.target_label || key.starts_with("__");
        match is_taken {
            true => format!("exported_{key}"),
            false => key.to_owned(),
        }
    }
}
