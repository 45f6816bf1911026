//! Reading events, each question within a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::answer::{EventTotals, EventsAfter, EventsPage, RunEntry, RunEvents, RunsPage};
use super::append::Id;
use super::ends;
use super::filter::{EventFilter, Meant};
use super::pool::{Pool, Pooled};
use super::row::COLUMNS;
use super::walk::{Between, EventCursor, EventOrder, bounded, places};
use crate::model::KeptEvent;
use crate::store::StoreError;

/// Events that are looked at between two looks at the clock while a stream catches up, so that it gets somewhere however few
/// of them are meant.
const WINDOW: i64 = 20_000;

/// Text of events' data that is read for one answer: with this much, it ends after fewer than it was asked for.
const MOST_BYTES: usize = 16 << 20;
/// The same for a stream: each client may have so much that it has not taken yet.
const STREAM_BYTES: usize = 1 << 20;
/// How long is looked for events that no index has, before what was found is given: others wait meanwhile.
const SCAN: Duration = Duration::from_secs(1);

/// Answers questions about events. Every method blocks, sees everything that was committed before, and fails with
/// [`StoreError::Slow`] when the reader's time is over.
#[derive(Debug)]
pub struct EventReader {
    pool: Arc<Pool>,
    /// There until it is given back.
    pooled: Option<Pooled>,
    begun: Instant,
    patience: Duration,
}

impl EventReader {
    pub(super) fn open(pool: &Arc<Pool>, patience: Duration) -> Result<Self, StoreError> {
        let begun = Instant::now();
        let pooled = pool.take(begun + patience)?;
        Ok(Self {
            pool: pool.clone(),
            pooled: Some(pooled),
            begun,
            patience,
        })
    }

    /// The events that `filter` means beyond `cursor`, at most `limit` of them, and at most 16 MiB of what they say. Where few of many
    /// are meant and no index has them, it gives after a second what it has.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn page(
        &mut self,
        filter: &EventFilter,
        cursor: Option<EventCursor>,
        limit: usize,
        order: EventOrder,
    ) -> Result<EventsPage, StoreError> {
        let enough = self.enough();
        self.within(|pooled| {
            let meant = Meant::new(&pooled.connection, filter)?;
            let between = Between::new(filter, cursor, order);
            // One more tells whether there is another page.
            let most = limit.saturating_add(1);
            let places = places(&pooled.connection, &meant, between, most, enough)?;
            let wanted = &places.found[..places.found.len().min(limit)];
            let events = events(pooled, wanted)?;
            let is_all = events.len() == places.found.len();
            let last = events.last().map(EventCursor::of);
            Ok(EventsPage {
                next: if is_all { places.stopped } else { last },
                partial: is_all && places.stopped.is_some(),
                events,
            })
        })
    }

    /// The events that `filter` means and that were committed after the one at `sequence`, at most `limit` of them and a mebibyte of what
    /// they say, in the order of commits. After a second, and before half of the reader's time is over, it gives what it has, and
    /// how far it came.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn after(
        &mut self,
        sequence: i64,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<EventsAfter, StoreError> {
        let enough = self.enough();
        self.within(|pooled| after(pooled, sequence, filter, limit, enough))
    }

    /// The events of a run, the oldest first, at most so many, and at most 16 MiB of what they say; where there are more, its newest
    /// end besides.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn run(&mut self, run: &str, most: usize) -> Result<RunEvents, StoreError> {
        self.within(|pooled| {
            let sql = format!(
                "SELECT {COLUMNS} FROM event INDEXED BY event_by_run WHERE run = ?1 \
                 ORDER BY time, sequence LIMIT ?2"
            );
            let limit = bounded(most).saturating_add(1);
            let (mut events, cut) = select(pooled, &sql, &[&run, &limit], &mut { MOST_BYTES })?;
            let cut = cut || events.len() > most;
            events.truncate(most);
            if cut && let Some(end) = ends::newest(pooled, run)? {
                let is_new = events.iter().all(|one| one.sequence != end.sequence);
                events.extend(is_new.then_some(end));
            }
            Ok(RunEvents { events, cut })
        })
    }

    /// The runs whose beginning was told, the newest first, each with the newest end before it was begun anew, at most `limit` of them, and at most some 16 MiB of what is said of them. One
    /// that was begun twice is there twice.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn runs(
        &mut self,
        cursor: Option<EventCursor>,
        limit: usize,
    ) -> Result<RunsPage, StoreError> {
        let filter = EventFilter {
            kinds: vec!["run.started".into()],
            ..EventFilter::default()
        };
        let page = self.page(&filter, cursor, limit, EventOrder::NewestFirst)?;
        self.within(|pooled| {
            let (mut runs, mut bytes, mut next) = (Vec::new(), 0, page.next);
            for started in page.events {
                let finished = ends::of(pooled, &started)?;
                let place = EventCursor::of(&started);
                bytes += started.event.data.len();
                bytes += finished.as_ref().map_or(0, |kept| kept.event.data.len());
                runs.push(RunEntry { started, finished });
                if bytes >= MOST_BYTES {
                    next = Some(place);
                    break;
                }
            }
            Ok(RunsPage { runs, next })
        })
    }

    /// The event with this id, if it is kept.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn event(&mut self, id: &str) -> Result<Option<KeptEvent>, StoreError> {
        self.within(|pooled| {
            let sql = format!("SELECT {COLUMNS} FROM event WHERE id = ?1");
            one(pooled, &sql, &[&Id::of(id)])
        })
    }

    /// How much there is.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn totals(&mut self) -> Result<EventTotals, StoreError> {
        self.within(|pooled| totals(&pooled.connection))
    }

    /// When what was found so far is given.
    fn enough(&self) -> Instant {
        (self.begun + self.patience / 2).min(Instant::now() + SCAN)
    }

    /// Answers one question, in one view of the database.
    fn within<T>(
        &mut self,
        read: impl FnOnce(&mut Pooled) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let pooled = self
            .pooled
            .as_mut()
            .expect("it is given back at the end alone");
        let read = |pooled: &mut Pooled| {
            pooled.connection.execute_batch("BEGIN")?;
            let found = read(pooled);
            let ended = pooled.connection.execute_batch("COMMIT");
            found.and_then(|found| ended.map(|()| found))
        };
        read(pooled).map_err(|error| StoreError::sqlite(self.pool.file(), &error))
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        let well = |pooled: &Pooled| pooled.connection.is_autocommit();
        self.pool.give_back(self.pooled.take().filter(well));
    }
}

/// The events at these places, as many of them as fit the bound of bytes, and one at least.
fn events(pooled: &mut Pooled, places: &[EventCursor]) -> rusqlite::Result<Vec<KeptEvent>> {
    let sql = format!("SELECT {COLUMNS} FROM event WHERE sequence = ?1");
    let Pooled { connection, rows } = pooled;
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut events, mut bytes) = (Vec::with_capacity(places.len()), 0);
    for place in places {
        let event = statement.query_row([place.sequence], |row| rows.read(connection, row))?;
        bytes += event.event.data.len();
        events.push(event);
        if bytes >= MOST_BYTES {
            break;
        }
    }
    Ok(events)
}

/// The first event that a statement gives.
pub(super) fn one(
    pooled: &mut Pooled,
    sql: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Option<KeptEvent>> {
    Ok(select(pooled, sql, values, &mut { MOST_BYTES })?.0.pop())
}

/// The events that a statement gives, one at least, and whether there are more than those that have taken all of the `bytes`.
fn select(
    pooled: &mut Pooled,
    sql: &str,
    values: &[&dyn ToSql],
    bytes: &mut usize,
) -> rusqlite::Result<(Vec<KeptEvent>, bool)> {
    let Pooled { connection, rows } = pooled;
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(values)?;
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        if *bytes == 0 && !events.is_empty() {
            return Ok((events, true));
        }
        let event = rows.read(connection, row)?;
        *bytes = bytes.saturating_sub(event.event.data.len());
        events.push(event);
    }
    Ok((events, false))
}

fn after(
    pooled: &mut Pooled,
    sequence: i64,
    filter: &EventFilter,
    limit: usize,
    enough: Instant,
) -> rusqlite::Result<EventsAfter> {
    let (newest, let_go) = last(&pooled.connection)?;
    let mut found = EventsAfter {
        events: Vec::new(),
        reached: sequence,
        newest,
        gap: false,
    };
    let meant = Meant::new(&pooled.connection, filter)?;
    if meant.is_none() {
        found.reached = newest.max(sequence);
        return Ok(found);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM event NOT INDEXED WHERE sequence > ?1 AND sequence <= ?2 \
         AND time >= ?3 AND time < ?4 AND {} ORDER BY sequence LIMIT ?5",
        meant.everything(6)
    );
    let (from, until) = (
        filter.from.unwrap_or(i64::MIN),
        filter.until.unwrap_or(i64::MAX),
    );
    let mut reached = sequence.max(first(&pooled.connection)? - 1);
    found.gap = reached > sequence;
    let mut bytes = STREAM_BYTES;
    while reached < newest && found.events.len() < limit && bytes > 0 && Instant::now() < enough {
        let end = newest.min(reached.saturating_add(WINDOW));
        let left = bounded(limit - found.events.len());
        let mut values: Vec<&dyn ToSql> = vec![&reached, &end, &from, &until, &left];
        values.extend(meant.texts());
        let (events, cut) = select(pooled, &sql, &values, &mut bytes)?;
        found.events.extend(events);
        let before = reached;
        reached = match found.events.last() {
            Some(last) if cut || found.events.len() == limit => last.sequence,
            _ => end,
        };
        if !found.gap && let_go > before {
            found.gap = has_holes(&pooled.connection, before, reached)?;
        }
    }
    found.reached = reached;
    Ok(found)
}

/// Whether any event behind one place and up to another was let go: places are given without holes.
fn has_holes(connection: &Connection, behind: i64, up_to: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM event NOT INDEXED WHERE sequence > ?1 AND sequence <= ?2";
    let kept: i64 = connection
        .prepare_cached(sql)?
        .query_row([behind, up_to], |row| row.get(0))?;
    Ok(kept < up_to - behind)
}

/// The place of the first that is kept; one after the last if there is none.
fn first(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce((SELECT min(sequence) FROM event), sequence + 1) FROM event_last";
    connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))
}

/// The last place that was given, and the highest that was let go.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let sql = "SELECT max(coalesce((SELECT max(sequence) FROM event), 0), sequence), let_go FROM event_last";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    connection.prepare_cached(sql)?.query_row([], read)
}

pub(super) fn totals(connection: &Connection) -> rusqlite::Result<EventTotals> {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let (rows, bytes) = connection
        .prepare_cached("SELECT rows, bytes FROM kept WHERE what = 'event'")?
        .query_row([], |row| Ok((number(row.get(0)?), number(row.get(1)?))))?;
    let oldest = connection
        .prepare_cached("SELECT time FROM event INDEXED BY event_by_time ORDER BY time LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(EventTotals {
        rows,
        bytes,
        newest: last(connection)?.0,
        oldest,
    })
}
