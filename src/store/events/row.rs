//! An event as a row of the database.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Row};

use crate::model::{Event, EventOutcome, KeptEvent};

/// What a statement selects for [`Rows::read`].
pub(super) const COLUMNS: &str =
    "sequence, id, kind, version, time, source, run, correlation, trace, outcome, data";

/// Reads rows; knows the kinds that it has met. They never change and never go.
#[derive(Debug, Default)]
pub(super) struct Rows {
    kinds: HashMap<i64, Arc<str>>,
}

impl Rows {
    /// An event of [`COLUMNS`].
    pub(super) fn read(
        &mut self,
        connection: &Connection,
        row: &Row<'_>,
    ) -> rusqlite::Result<KeptEvent> {
        Ok(KeptEvent {
            sequence: row.get(0)?,
            event: Event {
                id: id(row)?,
                kind: self.kind(connection, row.get(2)?)?,
                version: row.get(3)?,
                time: row.get(4)?,
                source: row.get(5)?,
                run: row.get(6)?,
                correlation: row.get(7)?,
                trace: row.get(8)?,
                outcome: outcome(row)?,
                data: row.get(10)?,
            },
        })
    }

    fn kind(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(name) = self.kinds.get(&id) {
            return Ok(name.clone());
        }
        let name: Arc<str> = connection
            .prepare_cached("SELECT name FROM event_kind WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        self.kinds.insert(id, name.clone());
        Ok(name)
    }
}

fn id(row: &Row<'_>) -> rusqlite::Result<Box<str>> {
    let broken = || broken(1, "no id");
    match row.get_ref(1)? {
        ValueRef::Text(_) => row.get(1),
        ValueRef::Blob(bytes) => {
            let uuid = uuid::Uuid::from_slice(bytes).map_err(|_| broken())?;
            Ok(uuid.hyphenated().to_string().into())
        }
        _ => Err(broken()),
    }
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<Option<EventOutcome>> {
    let Some(number) = row.get::<_, Option<u16>>(9)? else {
        return Ok(None);
    };
    let outcome = EventOutcome::ALL.get(usize::from(number));
    outcome
        .map(|outcome| Some(*outcome))
        .ok_or_else(|| broken(9, "no outcome"))
}

fn broken(index: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, what.into())
}

/// An outcome as it stands in the database.
pub(super) fn outcome_number(outcome: EventOutcome) -> i64 {
    let place = EventOutcome::ALL.iter().position(|one| *one == outcome);
    place.expect("every outcome is listed") as i64
}
