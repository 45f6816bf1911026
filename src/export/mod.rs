//! Text formats of a snapshot's metrics: Prometheus 0.0.4 and OpenMetrics 1.0.0.
//!
//! Owns the bytes on the wire and the plan that makes them cheap. Never asks the clock, never changes a
//! snapshot, knows nothing of HTTP. Formats: the Prometheus text exposition format, version 0.0.4, and the
//! OpenMetrics specification, version 1.0.0.

mod plan;
mod text;

use std::time::Instant;

use crate::model::{MetricKind, Point};
use crate::snapshot::{Freshness, Snapshot};
use plan::{HistogramLines, Plan, Row, Shape};
use text::push_number;

/// Which text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

/// An encoded exposition.
#[derive(Debug)]
pub struct Encoded {
    /// The text, UTF-8.
    pub bytes: Vec<u8>,
    /// Series written.
    pub series: usize,
    /// Series that the format cannot hold beside others: of a family that an earlier source defined with
    /// another type, or a second series of the same name and labels.
    pub left_out: usize,
}

/// Encodes snapshots into one format. Keep it from snapshot to snapshot: everything but the numbers is prepared
/// once and stays valid until a source or its schema changes.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    plan: Plan,
    /// Length of the last exposition, to allocate the next one in one piece.
    length: usize,
}

/// What encoding needs of one source.
struct View<'a> {
    points: &'a [Point],
    /// Values written before this are absent.
    absent_before: Option<Instant>,
}

impl Encoder {
    /// An encoder without a plan yet.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            plan: Plan::default(),
            length: 0,
        }
    }

    /// The snapshot's metrics as they are at `now`. What is absent is left out, and nothing carries a timestamp.
    pub fn encode(&mut self, snapshot: &Snapshot, now: Instant) -> Encoded {
        if !self.plan.fits(snapshot) {
            self.plan = Plan::build(self.format, snapshot);
        }
        let views: Vec<View<'_>> = snapshot
            .sources
            .iter()
            .map(|source| View {
                points: &source.points,
                absent_before: Freshness::absent_before(
                    MetricKind::Gauge,
                    source.info.interval,
                    now,
                ),
            })
            .collect();
        // Numbers change their length: an eighth more than last time is rarely exceeded.
        let mut bytes = Vec::with_capacity(self.length + self.length / 8 + 64);
        let series = self.write_families(&views, &mut bytes);
        if self.format == Format::OpenMetrics {
            bytes.extend_from_slice(b"# EOF\n");
        }
        self.length = bytes.len();
        Encoded {
            bytes,
            series,
            left_out: self.plan.left_out,
        }
    }

    fn write_families(&self, views: &[View<'_>], out: &mut Vec<u8>) -> usize {
        let mut series = 0;
        for family in &self.plan.families {
            let mut begun = false;
            for row in &self.plan.rows[family.rows.clone()] {
                let Some(points) = present(row, &views[row.source as usize]) else {
                    continue;
                };
                if !begun {
                    out.extend_from_slice(&family.head);
                    begun = true;
                }
                self.write_row(row, points, out);
                series += 1;
            }
        }
        series
    }

    fn write_row(&self, row: &Row, points: &[Point], out: &mut Vec<u8>) {
        match row.shape {
            Shape::Single => self.line(row.part, points[0].value, out),
            Shape::Counter => {
                self.line(row.part, points[0].value, out);
                self.created(row.part + 1, points[1], out);
            }
            Shape::States { count } => {
                let active = points[0].value as u32;
                for state in 0..count {
                    self.line(row.part + state, f64::from(state == active), out);
                }
            }
            Shape::Histogram(lines) => self.write_histogram(row.part, lines, points, out),
        }
    }

    /// Buckets are kept apart and written cumulatively; sum and created follow them in the points.
    fn write_histogram(
        &self,
        first: u32,
        lines: HistogramLines,
        points: &[Point],
        out: &mut Vec<u8>,
    ) {
        let mut parts = first..;
        let mut line = |value| {
            if let Some(part) = parts.next() {
                self.line(part, value, out);
            }
        };
        let (buckets, rest) = points.split_at(lines.buckets);
        let mut count = 0.0;
        for point in buckets {
            count += point.value;
            line(count);
        }
        if lines.sum {
            line(rest[0].value);
            line(count);
        }
        if let (true, Some(part)) = (lines.created, parts.next()) {
            self.created(part, rest[1], out);
        }
    }

    /// When a total began; 0 is not a time but says that nobody knows.
    fn created(&self, part: u32, began: Point, out: &mut Vec<u8>) {
        if began.value > 0.0 {
            self.line(part, began.value, out);
        }
    }

    #[inline]
    fn line(&self, part: u32, value: f64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.plan.part(part));
        push_number(out, value);
        out.push(b'\n');
    }
}

/// The row's numbers, unless they are absent.
#[inline]
fn present<'a>(row: &Row, view: &View<'a>) -> Option<&'a [Point]> {
    let first = row.slot as usize;
    let points = view.points.get(first..first + row.slots as usize)?;
    let updated = points.first()?.updated?;
    let absent = row.fades && view.absent_before.is_some_and(|limit| updated < limit);
    (!absent).then_some(points)
}
