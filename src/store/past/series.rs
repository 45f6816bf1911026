//! Samples on their way into the database.

use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Statement, Transaction, params};

use super::kept::{Kept, SAMPLE_BYTES, What, series_bytes};
use super::{KeptSeries, Labels, PastBounds, PastSeries, PastTotals, Sample, prune};
use crate::model::{MetricKind, Summary};

/// Writes samples, and lets others go. Gives the rows written.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    series: &[KeptSeries],
    bounds: Option<PastBounds>,
) -> rusqlite::Result<(u64, PastTotals)> {
    let mut kept = Kept::load(transaction, What::Sample)?;
    let mut writing = Writing::prepare(transaction)?;
    let mut rows = 0;
    for one in series.iter().filter(|one| !one.samples.is_empty()) {
        let id = writing.series(&one.series, &mut kept)?;
        for sample in &one.samples {
            writing.sample(id, sample, &mut kept)?;
        }
        rows += one.samples.len() as u64;
    }
    if let Some(bounds) = bounds {
        prune::samples(transaction, bounds, &mut kept)?;
    }
    Ok((rows, kept.store(transaction)?))
}

/// The statements, prepared once for all rows.
struct Writing<'a> {
    find: Statement<'a>,
    begin: Statement<'a>,
    describe: Statement<'a>,
    put: Statement<'a>,
    look: Statement<'a>,
    replace: Statement<'a>,
}

impl<'a> Writing<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        let prepare = |sql| transaction.prepare(sql);
        Ok(Self {
            find: prepare(
                "SELECT id, name, labels, kind, unit, source, cumulative FROM series WHERE name = ?1 AND labels = ?2",
            )?,
            begin: prepare(
                "INSERT INTO series (name, labels, kind, unit, source, cumulative) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
            )?,
            describe: prepare(
                "UPDATE series SET kind = ?2, unit = ?3, source = ?4, cumulative = ?5 WHERE id = ?1",
            )?,
            put: prepare("INSERT OR IGNORE INTO sample VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
            look: prepare(
                "SELECT time, count, average, minimum, maximum, last, early FROM sample WHERE series = ?1 AND time = ?2",
            )?,
            replace: prepare(
                "INSERT OR REPLACE INTO sample VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
        })
    }

    /// The id of a series, which gets one if it has none, and whose description is the newest.
    fn series(&mut self, series: &PastSeries, kept: &mut Kept) -> rusqlite::Result<i64> {
        let labels = labels_text(&series.labels);
        let found = self
            .find
            .query_row(params![&*series.name, labels], |row| {
                Ok((row.get(0)?, read_series(row)?))
            })
            .optional()?;
        let (kind, cumulative) = (series.kind.as_str(), i64::from(series.cumulative));
        let (unit, source) = (&*series.unit, &*series.source);
        match found {
            Some((id, known)) => {
                if known != *series {
                    let described = params![id, kind, unit, source, cumulative];
                    self.describe.execute(described)?;
                }
                Ok(id)
            }
            None => {
                kept.add(0, series_bytes(series.name.len() + labels.len()));
                let new = params![&*series.name, labels, kind, unit, source, cumulative];
                self.begin.query_row(new, |row| row.get(0))
            }
        }
    }

    /// Puts a sample down; where its step has samples already, beside those.
    fn sample(&mut self, id: i64, sample: &Sample, kept: &mut Kept) -> rusqlite::Result<()> {
        if put(&mut self.put, id, sample)? > 0 {
            kept.add(1, SAMPLE_BYTES);
            return Ok(());
        }
        let before = self.look.query_row(params![id, sample.time], read_sample)?;
        let both = Sample {
            summary: before.summary.then(sample.summary),
            ..*sample
        };
        put(&mut self.replace, id, &both).map(drop)
    }
}

/// A number that is none becomes NULL, which is how SQLite stores it.
fn put(statement: &mut Statement<'_>, id: i64, sample: &Sample) -> rusqlite::Result<usize> {
    let summary = &sample.summary;
    statement.execute(params![
        id,
        sample.time,
        i64::try_from(summary.count).unwrap_or(i64::MAX),
        summary.average(),
        summary.minimum,
        summary.maximum,
        summary.last,
        sample.time.saturating_sub(sample.last_time)
    ])
}

/// A sample of `time, count, average, minimum, maximum, last, early`.
pub(super) fn read_sample(row: &Row<'_>) -> rusqlite::Result<Sample> {
    let count: i64 = row.get(1)?;
    let number = |index| -> rusqlite::Result<f64> {
        let number: Option<f64> = row.get(index)?;
        Ok(number.unwrap_or(f64::NAN))
    };
    let summary = Summary {
        count: u64::try_from(count).unwrap_or(0),
        sum: number(2)? * count as f64,
        minimum: number(3)?,
        maximum: number(4)?,
        last: number(5)?,
    };
    let (time, early): (i64, i64) = (row.get(0)?, row.get(6)?);
    Ok(Sample {
        time,
        last_time: time.saturating_sub(early),
        summary,
    })
}

/// A series of `id, name, labels, kind, unit, source, cumulative`.
pub(super) fn read_series(row: &Row<'_>) -> rusqlite::Result<PastSeries> {
    let text = |index| -> rusqlite::Result<Arc<str>> { row.get(index) };
    let (labels, kind) = (text(2)?, text(3)?);
    let broken = |index, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, what.into())
    };
    Ok(PastSeries {
        name: text(1)?,
        labels: read_labels(&labels).ok_or_else(|| broken(2, "labels are no JSON"))?,
        kind: MetricKind::parse(&kind).ok_or_else(|| broken(3, "no kind of metric"))?,
        unit: text(4)?,
        source: text(5)?,
        cumulative: row.get::<_, i64>(6)? != 0,
    })
}

/// The labels as a JSON object, in the order in which they are.
fn labels_text(labels: &Labels) -> String {
    let pairs = labels
        .iter()
        .map(|(key, value)| ((**key).to_owned(), (**value).into()));
    serde_json::Value::Object(pairs.collect()).to_string()
}

fn read_labels(text: &str) -> Option<Labels> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let pair = |(key, value): (&String, &serde_json::Value)| {
        Some((key.as_str().into(), value.as_str()?.into()))
    };
    object.iter().map(pair).collect()
}
