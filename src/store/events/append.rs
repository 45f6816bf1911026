//! Events on their way into the database: each once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Row, Transaction, params};

use super::read::last;
use super::row::outcome_number;
use super::{Appended, Verdict};
use crate::model::Event;
use crate::store::writer::Change;

/// What an event takes on disk beside its texts. Those of `benches/events.rs` were 414 bytes each in a database of 200,000 and 425 in
/// one of 10 million, 265 of them texts as they are counted here. Ids of no order take no more than those that sort by time; one that is a
/// UUID is in this.
pub(super) const EVENT_BYTES: i64 = 150;

/// Events that are committed all or none.
pub(super) struct Append {
    pub(super) events: Arc<[Event]>,
    pub(super) verdict: Verdict,
    pub(super) committed: Box<dyn Fn(&Appended) + Send>,
}

impl Change for Append {
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let mut appending = Appending::begin(transaction)?;
        let first = appending.next;
        for event in &*self.events {
            appending.append(event)?;
        }
        let verdict = appending.end(transaction)?;
        let rows = match &verdict {
            Ok(appended) => appended.doubled.iter().filter(|doubled| !**doubled).count() as u64,
            // A savepoint would do it as well, and have every page written twice for the sake of this.
            Err(_) => {
                transaction
                    .prepare_cached("DELETE FROM event WHERE sequence >= ?1")?
                    .execute([first])?;
                0
            }
        };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = verdict.map(Arc::new);
        Ok(rows)
    }

    fn grows(&self) -> bool {
        true
    }

    fn committed(&self) {
        let verdict = self
            .verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Ok(appended) = verdict {
            (self.committed)(&appended);
        }
    }
}

/// One change while it is applied.
struct Appending<'a> {
    put: CachedStatement<'a>,
    find: CachedStatement<'a>,
    kind: CachedStatement<'a>,
    /// The kinds met so far, by name.
    kinds: HashMap<Arc<str>, i64>,
    /// The place of the next event.
    next: i64,
    /// What the new ones take.
    bytes: i64,
    appended: Appended,
    conflicts: Vec<usize>,
}

impl<'a> Appending<'a> {
    fn begin(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        let prepare = |sql| transaction.prepare_cached(sql);
        let (last, _) = last(transaction)?;
        Ok(Self {
            put: prepare(
                "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING",
            )?,
            find: prepare(
                "SELECT sequence, kind, version, source, run, correlation, data FROM event WHERE id = ?1",
            )?,
            // Writing nothing new gives the id that is there.
            kind: prepare(
                "INSERT INTO event_kind (name) VALUES (?1) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id",
            )?,
            kinds: HashMap::new(),
            next: last + 1,
            bytes: 0,
            appended: Appended::default(),
            conflicts: Vec::new(),
        })
    }

    fn append(&mut self, event: &Event) -> rusqlite::Result<()> {
        let kind = self.kind(&event.kind)?;
        let id = Id::of(&event.id);
        let new = self.put.execute(params![
            self.next,
            id,
            kind,
            event.version,
            event.time,
            event.source,
            event.run,
            event.correlation,
            event.trace,
            event.outcome.map(outcome_number),
            event.data,
        ])?;
        let place = self.appended.sequences.len();
        self.appended.doubled.push(new == 0);
        if new > 0 {
            self.appended.sequences.push(self.next);
            self.next += 1;
            self.bytes += bytes(event);
            return Ok(());
        }
        let (sequence, same) = self
            .find
            .query_row([id], |row| Ok((row.get(0)?, is_same(row, kind, event)?)))?;
        self.appended.sequences.push(sequence);
        if !same {
            self.conflicts.push(place);
        }
        Ok(())
    }

    fn kind(&mut self, name: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(id) = self.kinds.get(name) {
            return Ok(*id);
        }
        let id = self.kind.query_row([&**name], |row| row.get(0))?;
        self.kinds.insert(name.clone(), id);
        Ok(id)
    }

    /// Writes down how much there is now. Gives the places of those whose id another event has, if there are any.
    fn end(self, transaction: &Transaction<'_>) -> rusqlite::Result<Result<Appended, Vec<usize>>> {
        if !self.conflicts.is_empty() {
            return Ok(Err(self.conflicts));
        }
        let new = self.appended.doubled.iter().filter(|doubled| !**doubled);
        transaction
            .prepare_cached(
                "UPDATE kept SET rows = rows + ?1, bytes = bytes + ?2 WHERE what = 'event'",
            )?
            .execute(params![new.count() as i64, self.bytes])?;
        Ok(Ok(self.appended))
    }
}

/// Whether the event of a row is the one that comes anew. Its time and its trace context are not compared: a sender that leaves the
/// time out has another one given each time, and one that tries again may do so within another span.
fn is_same(row: &Row<'_>, kind: i64, event: &Event) -> rusqlite::Result<bool> {
    let texts = [&event.source, &event.run, &event.correlation];
    for (column, text) in (3..).zip(texts) {
        if row.get_ref(column)?.as_str_or_null()? != text.as_deref() {
            return Ok(false);
        }
    }
    Ok(row.get::<_, i64>(1)? == kind
        && row.get::<_, u32>(2)? == event.version
        && row.get_ref(6)?.as_str()? == &*event.data)
}

/// An id as it stands in the database: a UUID in 16 bytes, any other as it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Id<'a> {
    Uuid(uuid::Uuid),
    Text(&'a str),
}

impl<'a> Id<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut written = uuid::Uuid::encode_buffer();
        match uuid::Uuid::try_parse(text) {
            // Written otherwise it is another text, and so another id.
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut written) == text => Self::Uuid(uuid),
            _ => Self::Text(text),
        }
    }
}

impl ToSql for Id<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// What an event takes on disk, about.
pub(super) fn bytes(event: &Event) -> i64 {
    let texts = [&event.source, &event.run, &event.correlation, &event.trace];
    let texts: usize = texts
        .iter()
        .filter_map(|text| text.as_deref())
        .map(str::len)
        .sum();
    // The run, the correlation id and the trace stand in an index, too, and so does the id.
    let id = match Id::of(&event.id) {
        Id::Uuid(_) => 0,
        Id::Text(id) => 2 * id.len(),
    };
    let indexed = [&event.run, &event.correlation, &event.trace];
    let indexed: usize = indexed
        .iter()
        .filter_map(|text| text.as_deref())
        .map(str::len)
        .sum();
    EVENT_BYTES + (event.data.len() + id + texts + indexed) as i64
}
