//! Which events are meant, and by which index they are found.

use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};

use super::row::outcome_number;
use crate::model::{Event, EventOutcome};

/// So many walks along an index are put together for one page; a filter that would need more is tried on every event.
const MAX_WALKS: usize = 256;

/// An event's trace id, as its index has it.
const TRACE_ID: &str = "substr(trace, 4, 32)";

/// Which events are meant: those that fit everything that is set. By default all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of one of these kinds; of any if there is none.
    pub kinds: Vec<Arc<str>>,
    /// Of this run.
    pub run: Option<Box<str>>,
    /// With this correlation id.
    pub correlation: Option<Box<str>>,
    /// Of the trace with this id, 32 hexadecimal digits, small ones.
    pub trace: Option<Box<str>>,
    /// From this time on, in microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
    /// With one of these outcomes; with any or none if there is none.
    pub outcomes: Vec<EventOutcome>,
    /// From this source.
    pub source: Option<Box<str>>,
}

impl EventFilter {
    /// Whether an event is meant.
    pub fn fits(&self, event: &Event) -> bool {
        let same =
            |wanted: &Option<Box<str>>, own: &Option<Box<str>>| wanted.is_none() || wanted == own;
        let kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        let is_wanted = |outcome| self.outcomes.contains(&outcome);
        kind && (self.outcomes.is_empty() || event.outcome.is_some_and(is_wanted))
            && same(&self.run, &event.run)
            && same(&self.correlation, &event.correlation)
            && same(&self.source, &event.source)
            && (self.trace.is_none() || self.trace.as_deref() == event.trace_id())
            && self.from.is_none_or(|from| event.time >= from)
            && self.until.is_none_or(|until| event.time < until)
    }
}

/// A filter with its kinds looked up.
#[derive(Debug)]
pub(super) struct Meant<'a> {
    filter: &'a EventFilter,
    /// Nothing where all kinds are meant.
    kinds: Option<Vec<i64>>,
}

/// What is walked along one index. The walk goes between two places in order of time and sequence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) index: &'static str,
    /// What has to hold, in SQL; its first parameter is the one after the walk's own.
    pub(super) conditions: String,
    /// What holds for all that the index has there, in SQL; of the parameters it has the first few.
    pub(super) own: String,
    pub(super) own_texts: usize,
    /// The index has others there, too, which are not meant.
    pub(super) has_others: bool,
}

impl Walk {
    /// Along what an index has of some kind or outcome.
    fn of(index: &'static str, own: String, rest: &str) -> Self {
        Self {
            index,
            conditions: format!("{own}{rest}"),
            own,
            own_texts: 0,
            has_others: !rest.is_empty(),
        }
    }
}

impl<'a> Meant<'a> {
    pub(super) fn new(connection: &Connection, filter: &'a EventFilter) -> rusqlite::Result<Self> {
        let mut find = connection.prepare_cached("SELECT id FROM event_kind WHERE name = ?1")?;
        let mut kinds = (!filter.kinds.is_empty()).then(Vec::new);
        for name in &filter.kinds {
            let id: Option<i64> = find.query_row([&**name], |row| row.get(0)).optional()?;
            if let Some(kinds) = &mut kinds {
                kinds.extend(id);
            }
        }
        if let Some(kinds) = &mut kinds {
            kinds.sort_unstable();
            kinds.dedup();
        }
        Ok(Self { filter, kinds })
    }

    /// Whether it can be told without a look that there is none.
    pub(super) fn is_none(&self) -> bool {
        self.kinds.as_ref().is_some_and(Vec::is_empty)
    }

    /// The walks that find all of them, each of them once. `first` is the number of the first parameter that is free.
    pub(super) fn walks(
        &self,
        connection: &Connection,
        first: usize,
    ) -> rusqlite::Result<Vec<Walk>> {
        let all = self.conditions(first, true);
        let by_text = |index, column| {
            vec![Walk {
                index,
                conditions: all.clone(),
                own: same(column, first),
                own_texts: 1,
                has_others: self.texts().len() > 1
                    || self.kinds.is_some()
                    || !self.filter.outcomes.is_empty(),
            }]
        };
        if self.filter.run.is_some() {
            return Ok(by_text("event_by_run", "run"));
        }
        if self.filter.correlation.is_some() {
            return Ok(by_text("event_by_correlation", "correlation"));
        }
        if self.filter.trace.is_some() {
            return Ok(by_text("event_by_trace", TRACE_ID));
        }
        let by_time = || {
            vec![Walk {
                index: "event_by_time",
                conditions: all.clone(),
                own: "true".to_owned(),
                own_texts: 0,
                has_others: all != "true",
            }]
        };
        let success = self.filter.outcomes.contains(&EventOutcome::Success);
        let rest = self.conditions(first, false);
        if self.kinds.is_some() || success {
            let walks = self.by_kind(connection, &rest)?;
            return Ok(walks.unwrap_or_else(by_time));
        }
        let walk = |outcome: i64| {
            let own = format!("outcome > 0 AND outcome = {outcome}");
            Walk::of("event_by_outcome", own, &rest)
        };
        Ok(match self.outcomes() {
            outcomes if outcomes.is_empty() => by_time(),
            outcomes => outcomes.into_iter().map(walk).collect(),
        })
    }

    /// One walk for each kind and outcome, unless they are too many.
    fn by_kind(&self, connection: &Connection, rest: &str) -> rusqlite::Result<Option<Vec<Walk>>> {
        let kinds = match &self.kinds {
            Some(kinds) => kinds.clone(),
            None => connection
                .prepare_cached("SELECT id FROM event_kind LIMIT 257")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?,
        };
        let mut outcomes: Vec<_> = self.outcomes().iter().map(i64::to_string).collect();
        if outcomes.is_empty() {
            outcomes = (0..EventOutcome::ALL.len())
                .map(|one| one.to_string())
                .collect();
            outcomes.push("NULL".to_owned());
        }
        if kinds.len() * outcomes.len() > MAX_WALKS {
            return Ok(None);
        }
        let walks = kinds.iter().flat_map(|kind| {
            outcomes.iter().map(move |outcome| {
                let own = format!("kind = {kind} AND outcome IS {outcome}");
                Walk::of("event_by_kind", own, rest)
            })
        });
        Ok(Some(walks.collect()))
    }

    /// Everything that has to hold but the time, in SQL.
    pub(super) fn everything(&self, first: usize) -> String {
        self.conditions(first, true)
    }

    /// The texts first, as [`Self::texts`] has them; with kind and outcome, or without where the walk has them.
    fn conditions(&self, first: usize, whole: bool) -> String {
        let filter = self.filter;
        let mut sql = String::new();
        let mut place = first;
        for (column, text) in [
            ("run", &filter.run),
            ("correlation", &filter.correlation),
            (TRACE_ID, &filter.trace),
            ("source", &filter.source),
        ] {
            if text.is_some() {
                sql += &format!(" AND {}", same(column, place));
                place += 1;
            }
        }
        if whole {
            if let Some(kinds) = &self.kinds {
                sql += &format!(" AND kind IN ({})", list(kinds));
            }
            if !filter.outcomes.is_empty() {
                sql += &format!(" AND outcome IN ({})", list(&self.outcomes()));
            }
            return format!("true{sql}");
        }
        sql
    }

    fn outcomes(&self) -> Vec<i64> {
        let outcomes = self.filter.outcomes.iter();
        let mut numbers: Vec<_> = outcomes.map(|one| outcome_number(*one)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The values of the conditions' parameters, in order.
    pub(super) fn texts(&self) -> Vec<&dyn ToSql> {
        let filter = self.filter;
        let texts = [
            &filter.run,
            &filter.correlation,
            &filter.trace,
            &filter.source,
        ];
        let given = texts.into_iter().flatten();
        given.map(|text| text as &dyn ToSql).collect()
    }
}

/// That a column has the text of a parameter. The index of a column that mostly has nothing is taken where it is said that it has
/// something.
fn same(column: &str, parameter: usize) -> String {
    match column {
        TRACE_ID => format!("trace IS NOT NULL AND {column} = ?{parameter}"),
        _ => format!("{column} = ?{parameter}"),
    }
}

fn list(numbers: &[i64]) -> String {
    let texts: Vec<_> = numbers.iter().map(i64::to_string).collect();
    texts.join(", ")
}
