//! Walking along an index between two places in the order of time, for as long as there is time.

use std::time::Instant;

use rusqlite::{Connection, Row, ToSql, params_from_iter};

use super::filter::{EventFilter, Meant, Walk};
use crate::model::KeptEvent;

/// A place in the order of time; events of one time are in the order in which they were committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    /// The event's time, in microseconds since the Unix epoch.
    pub time: i64,
    /// Its place in the order of commits.
    pub sequence: i64,
}

impl EventCursor {
    /// The place of an event.
    pub(super) fn of(kept: &KeptEvent) -> Self {
        Self {
            time: kept.event.time,
            sequence: kept.sequence,
        }
    }
}

/// Entries of an index between two looks at the clock, where some of them may not be meant: some milliseconds.
const STRIDE: i64 = 2_000;

/// From which end events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrder {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// What lies between two places, neither of them included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    low: EventCursor,
    high: EventCursor,
    order: EventOrder,
}

impl Between {
    pub(super) fn new(
        filter: &EventFilter,
        cursor: Option<EventCursor>,
        order: EventOrder,
    ) -> Self {
        // No event has the sequence 0.
        let place = |time| EventCursor { time, sequence: 0 };
        let end = EventCursor {
            time: i64::MAX,
            sequence: i64::MAX,
        };
        let mut between = Self {
            low: place(filter.from.unwrap_or(i64::MIN)),
            high: filter.until.map_or(end, place),
            order,
        };
        if let Some(cursor) = cursor {
            match order {
                EventOrder::NewestFirst => between.high = between.high.min(cursor),
                EventOrder::OldestFirst => between.low = between.low.max(cursor),
            }
        }
        between
    }

    /// Only what comes before `place` in the order in which they are read.
    fn before(&mut self, place: EventCursor) {
        match self.order {
            EventOrder::NewestFirst => self.low = place,
            EventOrder::OldestFirst => self.high = place,
        }
    }

    /// Only what comes up to `place`, which is included.
    fn up_to(mut self, place: EventCursor) -> Self {
        let EventCursor { time, sequence } = place;
        match self.order {
            EventOrder::NewestFirst => {
                self.low = EventCursor {
                    time,
                    sequence: sequence - 1,
                }
            }
            EventOrder::OldestFirst => {
                self.high = EventCursor {
                    time,
                    sequence: sequence + 1,
                }
            }
        }
        self
    }

    /// Only what comes behind `place`.
    fn behind(mut self, place: EventCursor) -> Self {
        match self.order {
            EventOrder::NewestFirst => self.high = place,
            EventOrder::OldestFirst => self.low = place,
        }
        self
    }

    /// Which of two comes first.
    fn sooner(self, one: EventCursor, other: EventCursor) -> EventCursor {
        match self.order {
            EventOrder::NewestFirst => one.max(other),
            EventOrder::OldestFirst => one.min(other),
        }
    }

    fn sort(self, places: &mut [EventCursor]) {
        match self.order {
            EventOrder::NewestFirst => places.sort_unstable_by(|one, other| other.cmp(one)),
            EventOrder::OldestFirst => places.sort_unstable(),
        }
    }

    /// SQLite seeks by time alone, and goes through the events of a page's last time again.
    fn sql(self, index: &str, conditions: &str, limit: &str) -> String {
        let direction = match self.order {
            EventOrder::NewestFirst => "DESC",
            EventOrder::OldestFirst => "ASC",
        };
        format!(
            "SELECT time, sequence FROM event INDEXED BY {index} \
             WHERE (time, sequence) > (?1, ?2) AND (time, sequence) < (?3, ?4) AND {conditions} \
             ORDER BY time {direction}, sequence {direction} {limit}"
        )
    }
}

/// Parameters of [`Between::sql`] before those of its conditions.
const OF_WALK: usize = 5;
const LIMIT: &str = "LIMIT ?5";

/// Places that were found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// In order.
    pub(super) found: Vec<EventCursor>,
    /// When the time was over: up to where, this included, all was found that is meant.
    pub(super) stopped: Option<EventCursor>,
}

/// How far the next stride along an index goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stride {
    /// It was not looked.
    Unknown,
    /// To this place.
    To(EventCursor),
    /// To the end.
    End,
}

/// The places of those that are meant, in order, at most `limit`; what was found when it is `enough`. Where an index has just what is
/// meant nobody looks at the clock, for then every step finds one.
pub(super) fn places(
    connection: &Connection,
    meant: &Meant<'_>,
    mut between: Between,
    limit: usize,
    enough: Instant,
) -> rusqlite::Result<Places> {
    let mut places = Places::default();
    if meant.is_none() || limit == 0 {
        return Ok(places);
    }
    let walks = meant.walks(connection, OF_WALK + 1)?;
    let stride = |walk: &Walk| match walk.has_others {
        true => Stride::Unknown,
        false => Stride::End,
    };
    let mut strides: Vec<Stride> = walks.iter().map(stride).collect();
    loop {
        let end = nearest(connection, meant, &walks, &mut strides, between)?;
        let part = end.map_or(between, |end| between.up_to(end));
        let left = limit - places.found.len();
        places
            .found
            .extend(within(connection, meant, &walks, part, left)?);
        let Some(end) = end.filter(|_| places.found.len() < limit) else {
            return Ok(places);
        };
        if Instant::now() >= enough {
            places.stopped = Some(end);
            return Ok(places);
        }
        between = between.behind(end);
    }
}

/// Where the shortest of the next strides ends; nothing if all go to the end.
fn nearest(
    connection: &Connection,
    meant: &Meant<'_>,
    walks: &[Walk],
    strides: &mut [Stride],
    between: Between,
) -> rusqlite::Result<Option<EventCursor>> {
    let mut nearest = None;
    for (walk, stride) in walks.iter().zip(&mut *strides) {
        if *stride == Stride::Unknown {
            let sql = between.sql(walk.index, &walk.own, "LIMIT 1 OFFSET ?5");
            let texts = meant.texts();
            let texts = texts.into_iter().take(walk.own_texts).collect();
            let ends = read(connection, &sql, between, STRIDE, texts)?;
            *stride = ends.first().map_or(Stride::End, |end| Stride::To(*end));
        }
        if let Stride::To(end) = *stride {
            nearest = Some(nearest.map_or(end, |nearest| between.sooner(nearest, end)));
        }
    }
    for stride in strides {
        if nearest.is_some_and(|nearest| *stride == Stride::To(nearest)) {
            *stride = Stride::Unknown;
        }
    }
    Ok(nearest)
}

/// All that are meant there, in order, at most `limit`. Each walk needs to go no further than the ones before it have found enough.
fn within(
    connection: &Connection,
    meant: &Meant<'_>,
    walks: &[Walk],
    mut between: Between,
    limit: usize,
) -> rusqlite::Result<Vec<EventCursor>> {
    let mut found: Vec<EventCursor> = Vec::new();
    for walk in walks {
        let sql = between.sql(walk.index, &walk.conditions, LIMIT);
        let texts = meant.texts();
        found.extend(read(connection, &sql, between, bounded(limit), texts)?);
        if found.len() >= limit {
            between.sort(&mut found);
            found.truncate(limit);
            between.before(found[limit - 1]);
        }
    }
    between.sort(&mut found);
    Ok(found)
}

/// The places that a statement of [`Between::sql`] gives.
fn read(
    connection: &Connection,
    sql: &str,
    between: Between,
    number: i64,
    texts: Vec<&dyn ToSql>,
) -> rusqlite::Result<Vec<EventCursor>> {
    let (low, high) = (between.low, between.high);
    let mut values: Vec<&dyn ToSql> = vec![
        &low.time,
        &low.sequence,
        &high.time,
        &high.sequence,
        &number,
    ];
    values.extend(texts);
    let place = |row: &Row<'_>| {
        let (time, sequence) = (row.get(0)?, row.get(1)?);
        Ok(EventCursor { time, sequence })
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_map(params_from_iter(values), place)?
        .collect()
}

/// How SQLite goes about each walk for a filter.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) fn plans(
    connection: &Connection,
    filter: &EventFilter,
    order: EventOrder,
) -> Vec<Vec<String>> {
    let meant = Meant::new(connection, filter).unwrap();
    let between = Between::new(filter, None, order);
    let walks = meant.walks(connection, OF_WALK + 1).unwrap();
    let plan = |walk: &Walk| {
        let sql = format!(
            "EXPLAIN QUERY PLAN {}",
            between.sql(walk.index, &walk.conditions, LIMIT)
        );
        let mut statement = connection.prepare(&sql).unwrap();
        let texts = std::iter::repeat_n("", OF_WALK + meant.texts().len());
        let lines = statement.query_map(params_from_iter(texts), |row| row.get(3));
        lines.unwrap().map(Result::unwrap).collect()
    };
    walks.iter().map(plan).collect()
}

pub(super) fn bounded(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
