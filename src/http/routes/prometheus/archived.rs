//! What the archive has from before memory, as queries read it: of each row the last sample, when that was.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::Instant;

use crate::archive::{Archive, ArchiveError, PastReader, PastSeries, Sample, Seam};
use crate::history::View;
use crate::http::routes::older::{MAX_ROWS, rows};
use crate::query::{Labels, Older, QueryError, Selector, Terms};

/// Steps of the archive that a sample may be old: at one alone it would be too old just before the next.
const LOOKBACK_STEPS: i64 = 2;

/// The archive, for one query.
#[derive(Debug)]
pub(super) struct Archived<'a> {
    archive: &'a Archive,
    seam: Seam,
    /// The longest step of its rows, in milliseconds. Asked for when it is needed first, as the reader.
    step: OnceCell<i64>,
    /// How old a sample may be in memory, and whether that is asked for.
    usual: i64,
    is_given: bool,
    /// When the query's time is over.
    until: Option<Instant>,
    /// Opened when it is needed first: most queries are about what memory has.
    reader: RefCell<Option<PastReader>>,
    /// Rows read so far.
    rows: Cell<usize>,
    /// Why it could not be read.
    fault: RefCell<Option<String>>,
}

impl<'a> Archived<'a> {
    /// The archive behind a view; nothing where none is kept. Unless `lookback` is given, a sample may be as old as the distance of
    /// rows wants it.
    pub(super) fn behind(
        archive: Option<&'a Archive>,
        view: &View,
        terms: &Terms,
        lookback_is_given: bool,
    ) -> Option<Self> {
        let archive = archive.filter(|archive| archive.step().is_some())?;
        Some(Self {
            archive,
            seam: archive.seam(view),
            step: OnceCell::new(),
            usual: i64::try_from(terms.lookback.as_millis()).unwrap_or(i64::MAX),
            is_given: lookback_is_given,
            until: terms.begun.checked_add(terms.limits.time),
            reader: RefCell::default(),
            rows: Cell::new(0),
            fault: RefCell::default(),
        })
    }

    /// Why the answer lacks what the archive has, if it does.
    pub(super) fn fault(self) -> Option<String> {
        let fault = self.fault.into_inner()?;
        Some(format!("the archive could not be read: {fault}"))
    }

    fn step(&self) -> i64 {
        let longest = || self.archive.longest_step().unwrap_or(0);
        *self.step.get_or_init(longest)
    }

    fn read(
        &self,
        selector: &Selector,
        from: i64,
        until: i64,
    ) -> Result<Vec<(PastSeries, Vec<Sample>)>, ArchiveError> {
        let mut reader = self.reader.borrow_mut();
        let reader = match &mut *reader {
            Some(reader) => reader,
            none => {
                let left = self.until.map(|until| until - Instant::now());
                none.insert(self.archive.reader(left.unwrap_or_default())?)
            }
        };
        // A row has the time of its step's end, and its last sample may be almost a step earlier.
        let until = until.saturating_add(self.step()).min(self.seam.archive);
        rows(reader, std::slice::from_ref(selector), from, until)
    }
}

impl Older for Archived<'_> {
    fn seam(&self) -> i64 {
        self.seam.memory
    }

    fn lookback(&self) -> i64 {
        match self.is_given {
            true => self.usual,
            false => self.usual.max(self.step() * LOOKBACK_STEPS),
        }
    }

    fn samples(
        &self,
        selector: &Selector,
        from: i64,
        until: i64,
    ) -> Result<Vec<(Labels, Vec<(i64, f64)>)>, QueryError> {
        let series = match self.read(selector, from, until) {
            Ok(series) => series,
            Err(error) if error.is_slow() => {
                let message = "reading the archive takes longer than the query may";
                return Err(QueryError::too_slow(message));
            }
            // What memory has is an answer still; a warning says what it lacks.
            Err(error) => {
                self.fault.replace(Some(error.to_string()));
                return Ok(Vec::new());
            }
        };
        let read: usize = series.iter().map(|(_, rows)| rows.len()).sum();
        self.rows.set(self.rows.get() + read);
        if self.rows.get() > MAX_ROWS {
            let message = format!("the query reads more than {MAX_ROWS} rows of the archive");
            return Err(QueryError::too_much(message));
        }
        let line = |(series, rows): (PastSeries, Vec<Sample>)| {
            let time = |row: &Sample| row.last_time.min(self.seam.latest);
            let samples = rows.iter().map(|row| (time(row), row.summary.last));
            let asked = samples.filter(|(time, _)| (from..=until).contains(time));
            (Labels::new(&series.name, &series.labels), asked.collect())
        };
        let lines = series.into_iter().map(line);
        Ok(lines
            .filter(|(_, samples): &(_, Vec<_>)| !samples.is_empty())
            .collect())
    }
}
