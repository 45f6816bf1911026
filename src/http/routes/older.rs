//! The past of an answer: what memory has, and from before that what the archive has, put together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::history::within;
use super::window::Description;
use crate::archive::{Archive, ArchiveError, PastReader, PastSeries, Sample, Seam};
use crate::history::{Rate, SeriesId, SeriesKey, View, rates};
use crate::http::problem::Problem;
use crate::model::Summary;
use crate::query::Selector;

/// Rows that are read for one answer.
pub(super) const MAX_ROWS: usize = 500_000;
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
    /// The longest step of its rows, in milliseconds.
    step: i64,
    series: Vec<(PastSeries, Vec<Sample>)>,
}

/// The past of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    pub(super) view: &'a View,
    /// Nothing where memory has all that is asked for, or the archive cannot be read.
    pub(super) older: Option<&'a Older>,
}

/// A series of an answer.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    /// What it is.
    pub(super) series: Description<'a>,
    /// It only grows, but for resets.
    pub(super) cumulative: bool,
    /// Its place in memory; nothing if the archive alone has it.
    id: Option<SeriesId>,
    /// What the archive has of it.
    rows: &'a [Sample],
}

/// The archive, and the longest step of its rows in milliseconds.
pub(super) type Stepped<'a> = (&'a Archive, i64);

/// The archive, if it keeps series and a window that begins at `start` goes back behind memory.
pub(super) fn needed<'a>(
    archive: Option<&'a Archive>,
    view: &View,
    start: i64,
) -> Option<Stepped<'a>> {
    let is_older = view.span().is_none_or(|(first, _)| start < first);
    let archive = archive.filter(|_| is_older)?;
    Some((archive, archive.longest_step()?))
}

/// The rows of the series that selectors choose, of the steps that end from `from` until `until`: one more than [`MAX_ROWS`]
/// at most.
///
/// # Errors
/// Why the archive cannot be read.
pub(super) fn rows(
    reader: &PastReader,
    selectors: &[Selector],
    from: i64,
    until: i64,
) -> Result<Vec<(PastSeries, Vec<Sample>)>, ArchiveError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for selector in selectors {
        let is_meant =
            |series: &PastSeries| selector.matches(&series.name, |key| label(&series.labels, key));
        let series = reader.series(selector.name(), MAX_ROWS, is_meant)?;
        found.extend(series.into_iter().filter(|(id, _)| seen.insert(*id)));
    }
    let ids = found.iter().map(|(id, _)| *id);
    let samples = reader.samples(ids, from, until, MAX_ROWS + 1)?;
    let series = std::iter::zip(found, samples).map(|((_, series), samples)| (series, samples));
    Ok(series.filter(|(_, samples)| !samples.is_empty()).collect())
}

impl Older {
    /// Reads what lies between `from` and the seam, or `end`, and what the first rate behind `from` needs; nothing where no
    /// archive is needed. With it, why the archive cannot be read.
    ///
    /// # Errors
    /// A problem when that is too much.
    pub(super) fn read(
        archive: Option<Stepped<'_>>,
        view: &View,
        selectors: &[Selector],
        (from, end): (i64, i64),
    ) -> Result<(Option<Self>, Option<String>), Problem> {
        let Some(archive) = archive else {
            return Ok((None, None));
        };
        match Self::read_rows(archive, view, selectors, from, end) {
            Ok(older) => {
                let rows = older.series.iter().map(|(_, samples)| samples.len()).sum();
                within("rows of the archive", rows, MAX_ROWS)?;
                Ok((Some(older), None))
            }
            Err(error) => Ok((None, Some(error.to_string()))),
        }
    }

    fn read_rows(
        (archive, step): Stepped<'_>,
        view: &View,
        selectors: &[Selector],
        from: i64,
        end: i64,
    ) -> Result<Self, ArchiveError> {
        let seam = archive.seam(view);
        let until = if end >= seam.latest {
            seam.archive
        } else {
            seam.archive.min(end)
        };
        let before = BEFORE.max(step * STEPS_BEFORE);
        let reader = archive.reader(PATIENCE)?;
        let series = rows(&reader, selectors, from.saturating_sub(before), until)?;
        Ok(Self { seam, step, series })
    }

    /// When memory goes on, in milliseconds since the Unix epoch.
    pub(super) fn until(&self) -> i64 {
        self.seam.latest
    }

    /// The samples of all series by their names.
    fn by_name(&self) -> HashMap<Name<'_>, &[Sample]> {
        let all = self.series.iter();
        all.map(|(series, samples)| ((&*series.name, &*series.labels), samples.as_slice()))
            .collect()
    }

    /// The series that memory does not have.
    fn alone<'a>(&'a self, in_memory: &HashSet<Name<'_>>) -> Vec<Whole<'a>> {
        let all = self.series.iter();
        let alone = all
            .filter(|(series, _)| !in_memory.contains(&(&*series.name, &*series.labels)))
            .map(|(series, rows)| Whole {
                series: Description::of_archived(series),
                cumulative: series.cumulative,
                id: None,
                rows,
            });
        alone.collect()
    }
}

impl<'a> Past<'a> {
    /// The series that are told of: those of memory with these ids, and then those that the archive alone has.
    pub(super) fn series(&self, ids: &[SeriesId]) -> Vec<Whole<'a>> {
        let rows = self.older.map(Older::by_name).unwrap_or_default();
        let keys = ids.iter().filter_map(|id| self.view.key(*id));
        let in_memory: HashSet<_> = keys.map(|key| name_of(key)).collect();
        let here = ids.iter().filter_map(|id| {
            let key = self.view.key(*id)?;
            Some(Whole {
                series: Description::of(key),
                cumulative: key.cumulative,
                id: Some(*id),
                rows: rows.get(&name_of(key)).copied().unwrap_or_default(),
            })
        });
        let alone = self.older.map(|older| older.alone(&in_memory));
        here.chain(alone.unwrap_or_default()).collect()
    }

    /// A series' values in memory that are later than `after`.
    pub(super) fn samples(
        &self,
        whole: &Whole<'_>,
        after: i64,
        until: i64,
    ) -> impl Iterator<Item = (i64, f64)> + use<'a> {
        let from = self.older.map_or(i64::MIN, |older| older.seam.memory);
        let (view, from) = (self.view, from.max(after.saturating_add(1)));
        let samples = whole.id.map(|id| view.samples(id, from, until));
        samples.into_iter().flatten()
    }

    /// A series' rows, of steps that end later than `after`.
    pub(super) fn rows<'w>(
        &self,
        whole: &Whole<'w>,
        after: i64,
    ) -> impl Iterator<Item = (i64, Summary)> + use<'w> {
        let latest = self.older.map_or(i64::MAX, Older::until);
        let rows = whole.rows.iter().filter(move |row| row.time > after);
        rows.map(move |row| (row.time.min(latest), row.summary))
    }

    /// What a series' rows cover of what is later than `after`: from the beginning of the first one's step until the last one's last
    /// sample. Nothing where there are none.
    pub(super) fn covered(&self, whole: &Whole<'_>, after: i64) -> Option<(i64, i64)> {
        let older = self.older?;
        let mut rows = whole.rows.iter().filter(|row| row.time > after);
        let (first, second) = (rows.next()?, rows.next());
        let last = rows.next_back().or(second).unwrap_or(first);
        // The longest step may be that of other rows.
        let reach = second.map_or(older.step, |second| {
            older.step.min(second.time - first.time)
        });
        let begin = first.time.saturating_sub(reach).max(after);
        Some((begin, last.last_time.min(older.until()).max(begin)))
    }

    /// What a total gained later than `after`: the first gain is one from the sample before.
    pub(super) fn rates<'w>(
        &self,
        whole: &Whole<'w>,
        after: i64,
        until: i64,
    ) -> impl Iterator<Item = Rate> + use<'a, 'w> {
        let before = BEFORE.max(self.view.interval().saturating_mul(STEPS_BEFORE));
        let latest = self.older.map_or(i64::MAX, Older::until);
        let rows = whole.rows.iter();
        let older = rows.map(move |row| (row.last_time.min(latest), row.summary.last));
        let newer = self.samples(whole, after.saturating_sub(before), until);
        rates(older.chain(newer)).filter_map(move |rate| rate.after(after))
    }
}

/// A series' name and labels, for looking it up.
fn name_of(key: &SeriesKey) -> Name<'_> {
    (&key.name, &key.labels)
}

fn label<'a>(labels: &'a [(Arc<str>, Arc<str>)], key: &str) -> Option<&'a str> {
    let found = labels.iter().find(|(own, _)| &**own == key);
    found.map(|(_, value)| &**value)
}
