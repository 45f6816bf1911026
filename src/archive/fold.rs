//! A part of the history made few: one row for each step of each series.

use std::sync::Arc;

use crate::history::{SeriesKey, View};
use crate::model::Summary;
use crate::store::{KeptSeries, PastSeries, Sample};

/// Rows made at once, unless one step has more: what waits for the disk in memory, a few megabytes.
const MAX_ROWS: usize = 20_000;
/// Rows handed to the store in one change: some 50 ms of its thread, which others wait for too.
const CHANGE_ROWS: usize = 5_000;

/// What was made of some ticks.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    /// The rows, in as many changes as they are written with.
    pub(super) changes: Vec<Arc<[KeptSeries]>>,
    /// How many rows there are in all of them.
    pub(super) rows: usize,
    /// The tick after the last one that is in it.
    pub(super) next: u64,
    /// Ticks before it that memory had let go already.
    pub(super) lost: u64,
}

/// Makes rows of the ticks from number `next` on that are not later than `until`, or of as many as are made at once. Nothing when
/// there are none. A row has the time of its step's end, which is a multiple of `step`.
pub(super) fn fold(view: &View, next: u64, until: i64, step: i64) -> Option<Batch> {
    let mut ticks = view.ticks_from(next).take_while(|(_, time)| *time <= until);
    let (number, first) = ticks.next()?;
    let at_once = (MAX_ROWS / view.series().count().max(1)).max(1) as i64;
    let limit = step_end(first, step).saturating_add((at_once - 1) * step);
    let in_reach = ticks.take_while(|(_, time)| *time <= limit).last();
    let (last, end) = in_reach.unwrap_or((number, first));
    let series = view.series().filter_map(|(id, key)| {
        let samples = rows(view.samples(id, first, end), step);
        (!samples.is_empty()).then(|| KeptSeries {
            series: kept(key),
            samples,
        })
    });
    let series: Vec<KeptSeries> = series.collect();
    Some(Batch {
        rows: series.iter().map(|one| one.samples.len()).sum(),
        changes: changes(series),
        next: last + 1,
        lost: number - next,
    })
}

/// Samples in order of time, made one row for each step.
fn rows(samples: impl Iterator<Item = (i64, f64)>, step: i64) -> Vec<Sample> {
    let mut rows: Vec<Sample> = Vec::new();
    for (last_time, value) in samples {
        let (time, summary) = (step_end(last_time, step), Summary::of(value));
        let row = Sample {
            time,
            last_time,
            summary,
        };
        match rows.last_mut() {
            Some(last) if last.time == time => {
                *last = Sample {
                    summary: last.summary.then(summary),
                    ..row
                };
            }
            _ => rows.push(row),
        }
    }
    rows
}

/// The end of the step that a moment lies in: a step has what comes after the end of the one before.
pub(super) fn step_end(time: i64, step: i64) -> i64 {
    time + (-time).rem_euclid(step)
}

/// Cut into changes of some thousand rows.
fn changes(series: Vec<KeptSeries>) -> Vec<Arc<[KeptSeries]>> {
    let (mut changes, mut change, mut rows) = (Vec::new(), Vec::new(), 0);
    for one in series {
        rows += one.samples.len();
        change.push(one);
        if rows >= CHANGE_ROWS {
            changes.push(std::mem::take(&mut change).into());
            rows = 0;
        }
    }
    if !change.is_empty() {
        changes.push(change.into());
    }
    changes
}

fn kept(key: &SeriesKey) -> PastSeries {
    PastSeries {
        name: key.name.clone(),
        labels: key.labels.clone(),
        kind: key.metric.kind,
        unit: key.metric.unit.clone(),
        source: key.source.clone(),
        cumulative: key.cumulative,
    }
}
