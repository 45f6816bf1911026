//! The newest merged snapshot, to derive from. Before there is one, every question about it is answered with nothing.

use crate::host::snapshot as host;
use crate::json::Value;

/// The number of one series: a gauge's value, a counter's total, 1 of an info, the position from 0 of a state set's active state.
/// `labels`: the values in the order of the metric's label keys. Nothing when there is no such series, when it is too old to be shown,
/// and for histograms.
pub fn latest<const L: usize>(metric: &str, labels: [&str; L]) -> Option<f64> {
    host::latest(metric, &labels.map(str::to_owned))
}

/// The part of the JSON document served at `/snapshot` that a JSON Pointer (RFC 6901) names, such as `/resources/memory/used_percent`.
/// Nothing when there is no such part; [`Value::Null`] when it is there and not known. Ask for small parts.
pub fn part(pointer: &str) -> Option<Value> {
    Value::parse(&host::json(pointer)?)
}

/// The machine's name; empty when it has none.
pub fn hostname() -> String {
    host::hostname()
}

/// The host's version, such as `0.1.0`.
pub fn host_version() -> String {
    host::host_version()
}

/// Whether this host has a feature: the name of an interface, such as `sql`, that answers with more than `unsupported`.
pub fn supports(feature: &str) -> bool {
    host::supports(feature)
}
