//! What readers see, held against the plain model: the JSON document and both text formats.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use probity::export::{Encoder, Format};
use probity::merge::OWN_SOURCE;
use probity::model::{CheckReport, MetricKind};
use probity::snapshot::{Snapshot, document};
use serde_json::Value;

use crate::exposition::{self, Exposition};
use crate::plain::{Key, Shown};
use crate::probe::Probe;

/// Somebody who reads one snapshot after the other.
pub struct Reader {
    encoders: [(Format, Encoder); 2],
}

impl Reader {
    pub fn new() -> Self {
        Self {
            encoders: [Format::Prometheus, Format::OpenMetrics]
                .map(|format| (format, Encoder::new(format))),
        }
    }

    /// Reads a snapshot at `now` and compares it with what the probes should show.
    pub fn read(&mut self, snapshot: &Snapshot, now: Instant, probes: &[&Probe]) {
        let names = snapshot.probes.iter().map(|probe| &probe.identity.name);
        assert!(
            names.eq(probes.iter().map(|probe| &probe.name)),
            "other probes are shown"
        );
        read_json(snapshot, now, probes);
        for (format, encoder) in &mut self.encoders {
            let encoded = encoder.encode(snapshot, now);
            let text = std::str::from_utf8(&encoded.bytes).expect("the text is UTF-8");
            let read = exposition::parse(text, *format == Format::OpenMetrics);
            let read = read.unwrap_or_else(|rule| panic!("{format:?}: {rule}\n{text}"));
            let text = Text::new(*format, snapshot, &read);
            let found = probes
                .iter()
                .map(|probe| text.compare(probe, now))
                .sum::<usize>();
            assert_eq!(
                found + own_series(snapshot, now),
                encoded.series,
                "{format:?} counts otherwise"
            );
        }
    }
}

/// How many of its own series the host shows.
fn own_series(snapshot: &Snapshot, now: Instant) -> usize {
    let own = snapshot
        .sources
        .iter()
        .filter(|source| *source.info.name == *OWN_SOURCE);
    own.map(|source| source.present(now).count()).sum()
}

/// A probe's series that readers see at `now`, and for how long each has not been written.
fn present(probe: &Probe, now: Instant) -> impl Iterator<Item = (&Key, &Shown, Duration)> {
    let interval = probe.interval;
    probe.plain.shown.iter().filter_map(move |(key, shown)| {
        let age = now.saturating_duration_since(shown.updated);
        let keeps = matches!(
            shown.metric.kind,
            MetricKind::Counter | MetricKind::Histogram
        );
        (keeps || age <= interval * 3).then_some((key, shown, age))
    })
}

fn read_json(snapshot: &Snapshot, now: Instant, probes: &[&Probe]) {
    let text = serde_json::to_string(&document(snapshot, now)).expect("a document is written");
    assert!(
        !text.contains(|c| c < ' '),
        "a control character stands in the document"
    );
    let document: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(document["sequence"], snapshot.sequence);
    let mut entries: HashMap<(&str, &str, Vec<String>), &Value> = HashMap::new();
    for entry in document["metrics"].as_array().expect("metrics are a list") {
        let labels = entry["labels"]
            .as_object()
            .expect("labels are an object")
            .values();
        let labels = labels.map(|label| word(label).to_owned()).collect();
        let before = entries.insert(
            (word(&entry["source"]), word(&entry["name"]), labels),
            entry,
        );
        assert!(before.is_none(), "a series is shown twice: {entry}");
    }
    let lost = entries.get(&(OWN_SOURCE, "probity_merge_lost_writes_total", Vec::new()));
    assert!(
        lost.is_none_or(|lost| lost["value"] == 0.0),
        "writes are lost"
    );
    entries.retain(|(source, ..), _| *source != OWN_SOURCE);
    for probe in probes {
        for ((name, labels), shown, age) in present(probe, now) {
            let entry = entries.remove(&(&*probe.name, &**name, labels.clone()));
            let entry =
                entry.unwrap_or_else(|| panic!("{name}{labels:?} of {} is not shown", probe.name));
            compare_json(entry, shown);
            let stale = probe.failing || age > probe.interval * 2;
            assert_eq!(entry["stale"], stale, "{entry}");
        }
        read_checks(&document["health"]["checks"], probe);
    }
    assert!(entries.is_empty(), "nobody wrote {entries:?}");
}

fn word(value: &Value) -> &str {
    value.as_str().expect("it is a text")
}

fn compare_json(entry: &Value, shown: &Shown) {
    let (metric, numbers, value) = (&shown.metric, &shown.numbers, &entry["value"]);
    assert_eq!(entry["type"], metric.kind.as_str());
    assert_eq!(entry["help"], *metric.help);
    match metric.kind {
        MetricKind::Gauge | MetricKind::Counter | MetricKind::Info => {
            compare_number(value, numbers[0])
        }
        MetricKind::StateSet => assert_eq!(*value, *metric.states[numbers[0] as usize]),
        MetricKind::Histogram => {
            let (counts, sum) = numbers.split_at(metric.bounds.len() + 1);
            compare_number(&value["sum"], sum[0]);
            assert_eq!(value["count"], counts.iter().sum::<f64>() as u64);
            let buckets = value["buckets"].as_array().expect("buckets are a list");
            assert_eq!(buckets.len(), counts.len());
            for (index, bucket) in buckets.iter().enumerate() {
                assert_eq!(bucket["count"], counts[..=index].iter().sum::<f64>() as u64);
                compare_number(
                    &bucket["le"],
                    metric.bounds.get(index).copied().unwrap_or(f64::INFINITY),
                );
            }
        }
    }
}

/// What JSON cannot hold is null.
fn compare_number(value: &Value, number: f64) {
    if number.is_finite() {
        assert_eq!(value.as_f64(), Some(number));
    } else {
        assert!(value.is_null(), "{value} for {number}");
    }
}

/// The checks of a probe are those of its last good run.
fn read_checks(checks: &Value, probe: &Probe) {
    let checks = checks.as_array().expect("checks are a list");
    let own: Vec<&Value> = checks
        .iter()
        .filter(|check| check["source"] == *probe.name)
        .collect();
    assert_eq!(own.len(), probe.checks.len(), "{own:?}");
    for (check, report) in own.into_iter().zip(&probe.checks) {
        assert_eq!(
            word(&check["name"]),
            format!("{}/{}", probe.name, report.id)
        );
        assert_eq!(word(&check["title"]), report.title);
        compare_details(&check["details"], report);
        if check["stale"] == false {
            assert!(!probe.failing, "a failing probe is believed: {check}");
            assert_eq!(word(&check["message"]), report.message);
            assert_eq!(word(&check["status"]), report.status.as_str());
        }
    }
}

fn compare_details(shown: &Value, report: &CheckReport) {
    match &report.details {
        Some(details) => assert_eq!(shown.to_string(), details.text()),
        None => assert!(shown.is_null()),
    }
}

/// One of the text formats as it was read.
struct Text<'a> {
    format: Format,
    types: &'a BTreeMap<String, String>,
    samples: HashMap<(&'a str, Vec<(&'a str, &'a str)>), f64>,
    /// The kinds of metrics that want to be a family of this name.
    kinds: HashMap<&'a str, Vec<MetricKind>>,
}

impl<'a> Text<'a> {
    fn new(format: Format, snapshot: &'a Snapshot, read: &'a Exposition) -> Self {
        let sample = |((name, labels), value): &'a (exposition::Key, f64)| {
            let labels = labels.iter().map(|(key, value)| (&**key, &**value));
            ((&**name, labels.collect()), *value)
        };
        let mut kinds: HashMap<&str, Vec<MetricKind>> = HashMap::new();
        for series in snapshot
            .sources
            .iter()
            .flat_map(|source| &source.schema.series)
        {
            let metric = &series.metric;
            kinds
                .entry(family(format, metric.kind, &metric.name))
                .or_default()
                .push(metric.kind);
        }
        Self {
            format,
            types: &read.types,
            samples: read.samples.iter().map(sample).collect(),
            kinds,
        }
    }

    /// How many of a probe's series are there. The others have a name that means something else, too.
    fn compare(&self, probe: &Probe, now: Instant) -> usize {
        let series = present(probe, now).filter(|((name, labels), shown, _)| {
            let family = family(self.format, shown.metric.kind, name);
            let found = self.shows(probe, family, labels, shown);
            let kinds = &self.kinds[family];
            let doubtful = kinds.iter().any(|kind| *kind != shown.metric.kind) || family == "probe";
            assert!(
                found || doubtful,
                "{name}{labels:?} is not shown: {:?}",
                self.samples
            );
            found
        });
        series.count()
    }

    fn shows(&self, probe: &Probe, family: &str, labels: &[String], shown: &Shown) -> bool {
        let (metric, numbers) = (&shown.metric, &shown.numbers);
        let kind = match (self.format, metric.kind) {
            (Format::Prometheus, MetricKind::StateSet | MetricKind::Info) => "gauge",
            (_, kind) => kind.as_str(),
        };
        if self.types.get(family).is_none_or(|known| known != kind) {
            return false;
        }
        let keys = metric.label_keys.iter().map(|key| &**key);
        let mut own: Vec<(&str, &str)> = keys.zip(labels.iter().map(String::as_str)).collect();
        own.push(("probe", &*probe.name));
        let has = |name: &str, more: Option<(&str, &str)>, number: f64| {
            let mut labels: Vec<(&str, &str)> = own.iter().copied().chain(more).collect();
            labels.sort_unstable();
            let found = self.samples.get(&(name, labels));
            found.is_some_and(|found| *found == number || (found.is_nan() && number.is_nan()))
        };
        match metric.kind {
            MetricKind::Gauge | MetricKind::Info => has(&metric.name, None, numbers[0]),
            MetricKind::Counter => {
                let began = shown
                    .created
                    .filter(|created| self.format == Format::OpenMetrics && *created > 0.0);
                let created =
                    began.is_none_or(|created| has(&format!("{family}_created"), None, created));
                created && has(&metric.name, None, numbers[0])
            }
            MetricKind::StateSet => metric.states.iter().enumerate().all(|(index, state)| {
                let active = f64::from(u8::from(index == numbers[0] as usize));
                has(&metric.name, Some((&metric.name, state)), active)
            }),
            MetricKind::Histogram => {
                let (counts, sum) = numbers.split_at(metric.bounds.len() + 1);
                let total: f64 = counts.iter().sum();
                // OpenMetrics has no sum where it might fall.
                let summed = self.format == Format::Prometheus || metric.bounds[0] >= 0.0;
                let ends = !summed || has(&format!("{family}_sum"), None, sum[0]);
                ends && has(&format!("{family}_bucket"), Some(("le", "+Inf")), total)
            }
        }
    }
}

/// OpenMetrics names a family without the suffix of its samples.
fn family(format: Format, kind: MetricKind, name: &str) -> &str {
    let suffix = match (format, kind) {
        (Format::OpenMetrics, MetricKind::Counter) => "_total",
        (Format::OpenMetrics, MetricKind::Info) => "_info",
        _ => "",
    };
    name.strip_suffix(suffix).unwrap_or(name)
}
