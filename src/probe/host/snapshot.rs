//! `probity:host/snapshot`: the last merged snapshot, to derive from.

use std::time::Instant;

use super::Guest;
use crate::model::MetricKind;
use crate::probe::v0_1_0::probity::host::snapshot::Host;
use crate::snapshot::{self, Snapshot};

/// What `supports` says yes to: the interfaces that do what they say in this version.
const FEATURES: [&str; 8] = [
    "run", "config", "log", "state", "snapshot", "metrics", "health", "sql",
];

/// The newest number of a series: a gauge's value, a counter's total, a state's index; nothing for histograms,
/// absent or unknown series.
fn latest(snapshot: &Snapshot, metric: &str, labels: &[String], now: Instant) -> Option<f64> {
    snapshot.sources.iter().find_map(|source| {
        let mut series = source
            .present(now)
            .map(|(series, _)| series)
            .filter(|series| *series.metric.name == *metric);
        let wanted = series.find(|series| {
            series
                .labels
                .iter()
                .map(|label| &**label)
                .eq(labels.iter().map(String::as_str))
        })?;
        (wanted.metric.kind != MetricKind::Histogram).then(|| source.numbers(wanted)[0].value)
    })
}

/// The part of the document at a JSON pointer (RFC 6901), as text.
fn json(snapshot: &Snapshot, pointer: &str, now: Instant) -> Option<String> {
    if pointer.is_empty() {
        return Some(snapshot::document(snapshot, now).to_string());
    }
    let (part, rest) = match pointer.strip_prefix('/')?.split_once('/') {
        Some((part, rest)) => (part, format!("/{rest}")),
        None => (&pointer[1..], String::new()),
    };
    snapshot::part(snapshot, part, now)?
        .pointer(&rest)
        .map(ToString::to_string)
}

impl Host for Guest {
    fn latest(&mut self, metric: String, labels: Vec<String>) -> wasmtime::Result<Option<f64>> {
        let live = || {
            latest(
                &*self.settings.snapshots.load()?,
                &metric,
                &labels,
                Instant::now(),
            )
        };
        Ok(self.settings.tape.latest(&metric, &labels, live))
    }

    fn json(&mut self, pointer: String) -> wasmtime::Result<Option<String>> {
        let live = || json(&*self.settings.snapshots.load()?, &pointer, Instant::now());
        Ok(self.settings.tape.json(&pointer, live))
    }

    fn hostname(&mut self) -> wasmtime::Result<String> {
        let live = || {
            let snapshot = self.settings.snapshots.load()?;
            snapshot.facts.process.as_ref()?.facts.hostname.clone()
        };
        Ok(self.settings.tape.hostname(live))
    }

    fn host_version(&mut self) -> wasmtime::Result<String> {
        let taped = self.settings.tape.host_version();
        Ok(taped.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()))
    }

    fn supports(&mut self, feature: String) -> wasmtime::Result<bool> {
        Ok(FEATURES.contains(&feature.as_str()))
    }
}
