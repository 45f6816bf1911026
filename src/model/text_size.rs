//! How much text a series makes where metrics are served as text: the reason why some count for more than others.

use super::{Metric, MetricKind};

/// A value with the blank before it and the line's end: no number is printed longer.
const VALUE: usize = 26;
/// The longest ending of a sample's name.
const SUFFIX: usize = "_created".len();
/// A bucket's bound as a label.
const BOUND: usize = r#"le="-2.2250738585072014e-308","#.len();
/// The probe's name as a label. It has at most 64 bytes.
const PROBE: usize = r#"probe="","#.len() + 64;

impl Metric {
    /// The most bytes that one series with these label values makes in either text format: one line for a gauge, one for
    /// each state or bucket.
    pub fn text_bytes<L: AsRef<str>>(&self, labels: &[L]) -> usize {
        let own = self.label_keys.iter().zip(labels);
        let own = own.map(|(key, value)| label_bytes(key, value.as_ref()));
        let line = self.name.len() + SUFFIX + "{}".len() + PROBE + own.sum::<usize>() + VALUE;
        match self.kind {
            MetricKind::Gauge | MetricKind::Info => line,
            MetricKind::Counter => 2 * line,
            MetricKind::StateSet => {
                let states = self.states.iter();
                let lines = states.map(|state| line + label_bytes(&self.name, state));
                lines.sum()
            }
            // One for +Inf, then sum, count and when it began.
            MetricKind::Histogram => (self.bounds.len() + 4) * (line + BOUND),
        }
    }
}

/// `key="value",` with what is escaped in it.
fn label_bytes(key: &str, value: &str) -> usize {
    let escaped = value
        .bytes()
        .filter(|byte| br#"\""#.contains(byte) || *byte == b'\n');
    key.len() + value.len() + escaped.count() + r#"="","#.len()
}
