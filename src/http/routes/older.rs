//! The part of the past that memory has no longer: what the archive has of it, and how the two are put together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::history::{As, within};
use crate::archive::{Archive, ArchiveError, PastSeries, Sample, Seam};
use crate::history::{Fold, Rate, SeriesId, SeriesKey, Steps, View, rates};
use crate::http::problem::Problem;
use crate::model::Summary;
use crate::query::Selector;

/// Rows that are read for one answer.
const MAX_ROWS: usize = 500_000;
/// How long reading them may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far before a window its first rate looks for the total before.
const BEFORE: i64 = 300_000;
/// The same in steps of the archive or of memory, if those are longer.
const STEPS_BEFORE: i64 = 2;

/// A series' name and labels.
type Name<'a> = (&'a str, &'a [(Arc<str>, Arc<str>)]);

/// What the archive has of the series that are asked for, from before memory.
#[derive(Debug)]
pub(super) struct Older {
    seam: Seam,
    series: Vec<(PastSeries, Vec<Sample>)>,
}

impl Older {
    /// Reads what lies between the steps' beginning and the seam.
    ///
    /// # Errors
    /// A problem when that is too much; inside, why the archive cannot be read.
    pub(super) fn read(
        archive: &Archive,
        view: &View,
        selectors: &[Selector],
        steps: &Steps,
    ) -> Result<Result<Self, ArchiveError>, Problem> {
        match Self::read_rows(archive, view, selectors, steps) {
            Ok((older, rows)) => {
                within("rows of the archive", rows, MAX_ROWS)?;
                Ok(Ok(older))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn read_rows(
        archive: &Archive,
        view: &View,
        selectors: &[Selector],
        steps: &Steps,
    ) -> Result<(Self, usize), ArchiveError> {
        let seam = archive.seam(view);
        let until = if steps.end >= seam.latest {
            seam.archive
        } else {
            seam.archive.min(steps.end)
        };
        let before = BEFORE.max(archive.step().unwrap_or(0) * STEPS_BEFORE);
        let reader = archive.reader(PATIENCE)?;
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for selector in selectors {
            let is_meant = |series: &PastSeries| {
                selector.matches(&series.name, |key| label(&series.labels, key))
            };
            let series = reader.series(selector.name(), MAX_ROWS, is_meant)?;
            found.extend(series.into_iter().filter(|(id, _)| seen.insert(*id)));
        }
        let ids = found.iter().map(|(id, _)| *id);
        let samples = reader.samples(ids, steps.from - before, until, MAX_ROWS + 1)?;
        let rows = samples.iter().map(Vec::len).sum();
        let series = std::iter::zip(found, samples)
            .map(|((_, series), samples)| (series, samples))
            .filter(|(_, samples)| !samples.is_empty())
            .collect();
        Ok((Self { seam, series }, rows))
    }

    /// When memory goes on, in milliseconds since the Unix epoch.
    pub(super) fn until(&self) -> i64 {
        self.seam.latest
    }

    /// The samples of all series by their names.
    pub(super) fn by_name(&self) -> HashMap<Name<'_>, &[Sample]> {
        let all = self.series.iter();
        all.map(|(series, samples)| ((&*series.name, &*series.labels), samples.as_slice()))
            .collect()
    }

    /// The series that memory does not have.
    pub(super) fn alone<'a>(
        &'a self,
        in_memory: &HashSet<Name<'a>>,
    ) -> impl Iterator<Item = &'a (PastSeries, Vec<Sample>)> {
        let all = self.series.iter();
        all.filter(|(series, _)| !in_memory.contains(&(&*series.name, &*series.labels)))
    }

    /// A series' points, from its rows and from what memory has of it.
    pub(super) fn points(
        &self,
        rows: &[Sample],
        memory: Option<(&View, SeriesId)>,
        steps: &Steps,
        way: As,
        fold: Fold,
    ) -> Vec<(i64, Option<f64>)> {
        let latest = self.seam.latest;
        let from = self.seam.memory;
        let newer = memory.map(|(view, id)| view.samples(id, from, steps.end));
        let newer = newer.into_iter().flatten();
        match way {
            As::Value => {
                let rows = rows.iter().map(|row| (row.time.min(latest), row.summary));
                let newer = newer.map(|(time, value)| (time, Summary::of(value)));
                steps.values(&steps.sums(rows.chain(newer)), fold)
            }
            As::Rate => {
                let totals = rows.iter().map(|row| (row.last_time, row.summary.last));
                steps.fold_rates(rates(totals.chain(newer)), fold)
            }
        }
    }
}

/// A series' points where memory has all of them.
pub(super) fn points(
    view: &View,
    id: SeriesId,
    steps: &Steps,
    way: As,
    fold: Fold,
) -> Vec<(i64, Option<f64>)> {
    match way {
        As::Value => steps.fold(values_after(view, id, steps.from, steps.end), fold),
        As::Rate => steps.fold_rates(rates_after(view, id, steps.from, steps.end), fold),
    }
}

/// A series' values in memory that are later than `after`.
pub(super) fn values_after(
    view: &View,
    id: SeriesId,
    after: i64,
    until: i64,
) -> impl Iterator<Item = (i64, f64)> {
    view.samples(id, after.saturating_add(1), until)
}

/// What a total in memory gained later than `after`: the first gain is one from the sample before.
pub(super) fn rates_after(
    view: &View,
    id: SeriesId,
    after: i64,
    until: i64,
) -> impl Iterator<Item = Rate> {
    let before = BEFORE.max(view.interval().saturating_mul(STEPS_BEFORE));
    let totals = view.samples(id, after.saturating_sub(before), until);
    rates(totals).filter_map(move |rate| rate.after(after))
}

/// A series' name and labels, for looking it up.
pub(super) fn name_of(key: &SeriesKey) -> Name<'_> {
    (&key.name, &key.labels)
}

fn label<'a>(labels: &'a [(Arc<str>, Arc<str>)], key: &str) -> Option<&'a str> {
    let found = labels.iter().find(|(own, _)| &**own == key);
    found.map(|(_, value)| &**value)
}
