//! Whatever legal series there are, the text is legal and complete.

use std::sync::Arc;
use std::time::Instant;

use probity::export::Format;
use probity::model::{Metric, MetricKind, Recorder, SourceKind};
use probity::snapshot::SourceView;
use proptest::prelude::*;

use super::exposition::{Exposition, parse};
use super::snapshots::{probe, sampler, snapshot};
use super::{FORMATS, encode, text};

/// One recorded series: kind, name, label keys, label values, number.
type Given = (MetricKind, String, Vec<String>, Vec<String>, f64);

fn given() -> impl Strategy<Value = Given> {
    let kind = prop_oneof![
        Just(MetricKind::Gauge),
        Just(MetricKind::Counter),
        Just(MetricKind::Histogram),
        Just(MetricKind::StateSet),
        Just(MetricKind::Info)
    ];
    // Short names, so that sources disagree about them now and then.
    (
        kind,
        "[a-c_]{1,3}",
        prop::collection::vec("[a-zA-Z_][a-z0-9_]{0,3}", 0..4),
        any::<f64>(),
    )
        .prop_flat_map(|(kind, name, keys, value)| {
            let values = prop::collection::vec(".{0,12}|[\\\\\"\n]{1,4}", keys.len());
            (Just(kind), Just(name), Just(keys), values, Just(value))
        })
}

fn definition((kind, name, keys, _, _): &Given) -> Option<Metric> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let help = "Quote \" backslash \\ end.";
    match kind {
        MetricKind::Gauge => Metric::new(*kind, name, "", help, &keys),
        MetricKind::Counter => {
            Metric::new(*kind, &format!("{name}_bytes_total"), "bytes", help, &keys)
        }
        MetricKind::Info => Metric::new(*kind, &format!("{name}_info"), "", help, &keys),
        MetricKind::Histogram => Metric::histogram(name, "", help, &keys, &[-1.0, 0.5, 1e6]),
        MetricKind::StateSet => Metric::state_set(name, help, &keys, &["on", "off", "a\"b\\"]),
    }
    .ok()
}

/// Records what is legal of `all`; a recorder itself refuses the rest.
fn fill(recorder: &mut Recorder, all: &[Given]) {
    for one in all {
        let Some(metric) = definition(one) else {
            continue;
        };
        let (kind, _, _, labels, value) = one;
        let finite = if value.is_finite() { *value } else { 1.0 };
        let Ok(id) = recorder.define(metric) else {
            continue;
        };
        let series = recorder.series(id, labels).unwrap();
        let written = match kind {
            MetricKind::Gauge | MetricKind::Info => recorder.set(series, *value),
            MetricKind::Counter => recorder.mirror(series, finite.abs()),
            MetricKind::Histogram => recorder.observe(series, finite),
            MetricKind::StateSet => recorder.activate(series, "on"),
        };
        if let Err(refused) = written {
            assert!(refused.to_string().contains("twice"), "{refused}");
        }
    }
}

fn expected_labels(source: &SourceView, series: &probity::model::Series) -> Vec<(String, String)> {
    let probe = (source.info.kind == SourceKind::Probe)
        .then(|| ("probe".to_owned(), source.info.name.to_string()));
    let own = series.metric.label_keys.iter().zip(&series.labels);
    probe
        .into_iter()
        .chain(own.map(|(key, value)| (key.to_string(), value.to_string())))
        .collect()
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

proptest! {
    /// Whatever legal series the sources have, the text is legal, and says of each series what it is
    /// worth, or counts it as left out.
    #[test]
    fn arbitrary_legal_snapshots_read_back(
        samplers in prop::collection::vec(given(), 0..12),
        probes in prop::collection::vec(given(), 0..12),
    ) {
        let sources = vec![
            sampler("machine", |recorder| fill(recorder, &samplers)),
            probe("one\"\\two", |recorder| fill(recorder, &probes)),
        ];
        let snapshot = snapshot(1, sources);
        for format in FORMATS {
            let encoded = encode(format, &snapshot);
            let parsed = parse(text(&encoded), format == Format::OpenMetrics);
            let parsed = parsed.map_err(|rule| TestCaseError::fail(format!("{format:?} {rule}\n{}", text(&encoded))))?;
            let (mut present, mut found) = (0, 0);
            for source in &snapshot.sources {
                for (series, _) in source.present(Instant::now()) {
                    present += 1;
                    found += usize::from(shows(&parsed, format, source, series));
                }
            }
            prop_assert_eq!(found, encoded.series);
            prop_assert_eq!(present, encoded.series + encoded.left_out);
        }
    }
}

proptest! {
    /// What a probe's series are charged is never less than what is served of them.
    #[test]
    fn no_series_makes_more_text_than_it_is_charged_for(series in prop::collection::vec(given(), 0..12)) {
        // No probe's name is longer.
        let name = "n".repeat(64);
        let snapshot = snapshot(1, vec![probe(&name, |recorder| fill(recorder, &series))]);
        for format in FORMATS {
            let encoded = encode(format, &snapshot);
            let lines = text(&encoded).lines().filter(|line| !line.starts_with('#'));
            let bytes: usize = lines.map(|line| line.len() + 1).sum();
            prop_assert!(bytes <= snapshot.sources[0].schema.text, "{bytes}\n{}", text(&encoded));
        }
    }
}

/// Whether the exposition has the series with its value; a histogram with all its buckets.
fn shows(
    parsed: &Exposition,
    format: Format,
    source: &Arc<SourceView>,
    series: &probity::model::Series,
) -> bool {
    let owned = expected_labels(source, series);
    let mut labels: Vec<(&str, &str)> = owned.iter().map(|(k, v)| (&**k, &**v)).collect();
    let name = &*series.metric.name;
    let points = source.numbers(series);
    let kind = match (format, series.metric.kind) {
        (Format::Prometheus, MetricKind::StateSet | MetricKind::Info) => "gauge",
        (_, kind) => kind.as_str(),
    };
    let suffix = match (format, series.metric.kind) {
        (Format::OpenMetrics, MetricKind::Counter) => "_total",
        (Format::OpenMetrics, MetricKind::Info) => "_info",
        _ => "",
    };
    let family = name.strip_suffix(suffix).unwrap();
    if parsed.types.get(family).map(String::as_str) != Some(kind) {
        return false;
    }
    match series.metric.kind {
        MetricKind::StateSet => series
            .metric
            .states
            .iter()
            .enumerate()
            .all(|(index, state)| {
                let mut with_state = labels.clone();
                with_state.push((name, state));
                parsed.value(name, &with_state) == Some(f64::from(u8::from(index == 0)))
            }),
        MetricKind::Histogram => {
            let total: f64 = points[..4].iter().map(|point| point.value).sum();
            labels.push(("le", "+Inf"));
            parsed.value(&format!("{name}_bucket"), &labels) == Some(total)
        }
        _ => parsed
            .value(name, &labels)
            .is_some_and(|value| same(value, points[0].value)),
    }
}
