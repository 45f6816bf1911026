//! Everything of an exposition but the numbers, prepared once for a set of sources and their schemas.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::Format;
use super::text::{push_bound, push_help, push_label_value};
use crate::model::{Metric, MetricKind, Schema, Series, SourceKind};
use crate::snapshot::{Snapshot, SourceView};

/// The prepared exposition. Its schemas are held, so that an address compared is never one used again.
#[derive(Debug, Default)]
pub(super) struct Plan {
    sources: Vec<(Arc<str>, SourceKind, Arc<Schema>)>,
    /// In order of first definition.
    pub(super) families: Vec<Family>,
    /// By family.
    pub(super) rows: Vec<Row>,
    /// Series that the format cannot hold.
    pub(super) left_out: usize,
    /// Where each line's text ends in `texts`; it begins where the one before ends.
    ends: Vec<usize>,
    texts: Vec<u8>,
}

/// Metrics of one name.
#[derive(Debug)]
pub(super) struct Family {
    /// The lines that open it.
    pub(super) head: Vec<u8>,
    /// Its rows in the plan.
    pub(super) rows: Range<usize>,
}

/// One series.
#[derive(Debug)]
pub(super) struct Row {
    /// Index of its source in the snapshot.
    pub(super) source: u32,
    /// First of its points.
    pub(super) slot: u32,
    /// How many points it has.
    pub(super) slots: u32,
    /// First of its prepared line beginnings.
    pub(super) part: u32,
    /// Whether an old value is absent.
    pub(super) fades: bool,
    /// Which lines it has.
    pub(super) shape: Shape,
}

/// The lines of a series.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Its value.
    Single,
    /// Its total and when that began.
    Counter,
    /// One line a state.
    States {
        /// How many.
        count: u32,
    },
    /// Buckets, then what else the format takes.
    Histogram(HistogramLines),
}

/// The lines of a histogram, in this order.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistogramLines {
    /// Buckets, +Inf included.
    pub(super) buckets: usize,
    /// Whether sum and count follow.
    pub(super) sum: bool,
    /// Whether the time follows at which it began.
    pub(super) created: bool,
}

/// The series of one family while the plan is made.
struct Group<'a> {
    metric: &'a Metric,
    members: Vec<(u32, &'a SourceView, &'a Series)>,
}

impl Plan {
    /// Whether it was made for just these sources and schemas.
    pub(super) fn fits(&self, snapshot: &Snapshot) -> bool {
        self.sources.len() == snapshot.sources.len()
            && self
                .sources
                .iter()
                .zip(&snapshot.sources)
                .all(|((name, kind, schema), source)| {
                    Arc::ptr_eq(schema, &source.schema)
                        && *kind == source.info.kind
                        && *name == source.info.name
                })
    }

    /// Prepares the exposition of a snapshot's sources.
    pub(super) fn build(format: Format, snapshot: &Snapshot) -> Self {
        let mut plan = Self::default();
        for source in &snapshot.sources {
            let name = source.info.name.clone();
            plan.sources
                .push((name, source.info.kind, source.schema.clone()));
        }
        for group in plan.group(format, snapshot) {
            let first = plan.rows.len();
            let mut seen = HashSet::new();
            for (index, source, series) in group.members {
                if seen.insert(sorted_labels(source, series)) {
                    plan.add(format, index, source, series);
                } else {
                    plan.left_out += 1;
                }
            }
            plan.families.push(Family {
                head: head(format, group.metric),
                rows: first..plan.rows.len(),
            });
        }
        plan
    }

    /// The prepared beginning of a line, up to the blank before its number.
    #[inline]
    pub(super) fn part(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start..self.ends[index]]
    }

    fn group<'a>(&mut self, format: Format, snapshot: &'a Snapshot) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        let mut by_family: HashMap<&str, usize> = HashMap::new();
        for (index, source) in snapshot.sources.iter().enumerate() {
            for series in &source.schema.series {
                let metric = &*series.metric;
                let at = *by_family.entry(family(format, metric)).or_insert_with(|| {
                    groups.push(Group {
                        metric,
                        members: Vec::new(),
                    });
                    groups.len() - 1
                });
                let group = &mut groups[at];
                if group.metric.kind == metric.kind && !doubles_probe_label(source, metric) {
                    group.members.push((index as u32, source, series));
                } else {
                    self.left_out += 1;
                }
            }
        }
        groups
    }

    fn add(&mut self, format: Format, index: u32, source: &SourceView, series: &Series) {
        let labels = labels(source, series);
        let part = self.ends.len() as u32;
        let metric = &*series.metric;
        let shape = match metric.kind {
            MetricKind::Gauge | MetricKind::Info => self.single(metric, &labels),
            MetricKind::Counter => self.counter(format, metric, &labels),
            MetricKind::StateSet => self.states(metric, &labels),
            MetricKind::Histogram => self.histogram(format, metric, &labels),
        };
        self.rows.push(Row {
            source: index,
            slot: series.slot,
            slots: metric.slots() as u32,
            part,
            fades: !matches!(metric.kind, MetricKind::Counter | MetricKind::Histogram),
            shape,
        });
    }

    fn single(&mut self, metric: &Metric, labels: &[u8]) -> Shape {
        self.push_line(&metric.name, "", labels, |_| {});
        Shape::Single
    }

    fn counter(&mut self, format: Format, metric: &Metric, labels: &[u8]) -> Shape {
        self.push_line(&metric.name, "", labels, |_| {});
        if format == Format::Prometheus {
            return Shape::Single;
        }
        self.push_line(family(format, metric), "_created", labels, |_| {});
        Shape::Counter
    }

    fn states(&mut self, metric: &Metric, labels: &[u8]) -> Shape {
        for state in &*metric.states {
            self.push_line(&metric.name, "", labels, |out| {
                push_label(out, &metric.name, state);
            });
        }
        Shape::States {
            count: metric.states.len() as u32,
        }
    }

    fn histogram(&mut self, format: Format, metric: &Metric, labels: &[u8]) -> Shape {
        let bounds = metric.bounds.iter().copied();
        for bound in bounds.chain([f64::INFINITY]) {
            self.push_line(&metric.name, "_bucket", labels, |out| {
                out.extend_from_slice(b"le=\"");
                push_bound(out, bound, format);
                out.push(b'"');
            });
        }
        // OpenMetrics: with negative bounds the sum may fall, so neither sum nor count is allowed.
        let falling = metric.bounds.first().is_some_and(|bound| *bound < 0.0);
        let created = format == Format::OpenMetrics;
        let sum = !(created && falling);
        if sum {
            self.push_line(&metric.name, "_sum", labels, |_| {});
            self.push_line(&metric.name, "_count", labels, |_| {});
        }
        if created {
            self.push_line(&metric.name, "_created", labels, |_| {});
        }
        Shape::Histogram(HistogramLines {
            buckets: metric.bounds.len() + 1,
            sum,
            created,
        })
    }

    /// One line's beginning: name, suffix, labels, and what `last` adds as the last label.
    fn push_line(&mut self, name: &str, suffix: &str, labels: &[u8], last: impl Fn(&mut Vec<u8>)) {
        let out = &mut self.texts;
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        let open = out.len();
        out.push(b'{');
        out.extend_from_slice(labels);
        if !labels.is_empty() {
            out.push(b',');
        }
        let before = out.len();
        last(out);
        if out.len() == before {
            // The separator, or the brace of no labels at all.
            out.pop();
        }
        if out.len() > open {
            out.push(b'}');
        }
        out.push(b' ');
        self.ends.push(out.len());
    }
}

/// OpenMetrics names a family without the suffix of its samples.
fn family(format: Format, metric: &Metric) -> &str {
    let name = &*metric.name;
    let suffix = match (format, metric.kind) {
        (Format::OpenMetrics, MetricKind::Counter) => "_total",
        (Format::OpenMetrics, MetricKind::Info) => "_info",
        _ => "",
    };
    name.strip_suffix(suffix).unwrap_or(name)
}

/// A state set's state is in a label named like the metric: a probe's cannot be called `probe`.
fn doubles_probe_label(source: &SourceView, metric: &Metric) -> bool {
    source.info.kind == SourceKind::Probe
        && metric.kind == MetricKind::StateSet
        && &*metric.name == "probe"
}

fn head(format: Format, metric: &Metric) -> Vec<u8> {
    let name = family(format, metric);
    let kind = match (format, metric.kind) {
        (Format::Prometheus, MetricKind::StateSet | MetricKind::Info) => "gauge",
        (_, kind) => kind.as_str(),
    };
    let mut out = Vec::new();
    if !metric.help.is_empty() {
        out.extend_from_slice(format!("# HELP {name} ").as_bytes());
        push_help(&mut out, &metric.help, format);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("# TYPE {name} {kind}\n").as_bytes());
    let has_unit = !metric.unit.is_empty() && metric.kind != MetricKind::Info;
    if format == Format::OpenMetrics && has_unit {
        out.extend_from_slice(format!("# UNIT {name} {}\n", metric.unit).as_bytes());
    }
    out
}

/// A probe's series carry its name, which it cannot choose itself.
fn label_pairs<'a>(
    source: &'a SourceView,
    series: &'a Series,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let probe = (source.info.kind == SourceKind::Probe).then_some(("probe", &*source.info.name));
    let own = series.metric.label_keys.iter().zip(&series.labels);
    probe
        .into_iter()
        .chain(own.map(|(key, value)| (&**key, &**value)))
}

/// What tells a series from others of its name: the order of labels does not.
fn sorted_labels<'a>(source: &'a SourceView, series: &'a Series) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = label_pairs(source, series).collect();
    pairs.sort_unstable();
    pairs
}

/// The labels between the braces.
fn labels(source: &SourceView, series: &Series) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in label_pairs(source, series) {
        if !out.is_empty() {
            out.push(b',');
        }
        push_label(&mut out, key, value);
    }
    out
}

fn push_label(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"=\"");
    push_label_value(out, value);
    out.push(b'"');
}
