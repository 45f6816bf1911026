//! Queries on granted databases, with their answers.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::blob::{Blob, Real};
use super::{Role, Tape};
use crate::model::{Failure, SqlRows, SqlValue};

/// One query and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlAnswer {
    database: String,
    statement: Blob,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<Cell>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Vec<Cell>>,
    /// Why there is no answer: a code and a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<(String, String)>,
}

/// One value: null, a whole number, a text, `{ "real": "0.5" }` or `{ "blob": … }`.
#[derive(Debug, Clone, PartialEq)]
struct Cell(SqlValue);

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            SqlValue::Null => serializer.serialize_none(),
            SqlValue::Integer(number) => serializer.serialize_i64(*number),
            SqlValue::Text(text) => serializer.serialize_str(text),
            SqlValue::Real(number) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("real", &Real(*number))?;
                map.end()
            }
            SqlValue::Blob(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("blob", &Blob(bytes.clone()))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;
        impl<'de> Visitor<'de> for Cells {
            type Value = SqlValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a whole number, text, { \"real\": \"0.5\" } or { \"blob\": … }")
            }

            fn visit_unit<E: Error>(self) -> Result<SqlValue, E> {
                Ok(SqlValue::Null)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<SqlValue, E> {
                Ok(SqlValue::Integer(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<SqlValue, E> {
                let number = i64::try_from(number);
                let number = number.map_err(|_| E::custom("a whole number has 64 bits"))?;
                Ok(SqlValue::Integer(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<SqlValue, E> {
                Ok(SqlValue::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SqlValue, A::Error> {
                let key: Option<String> = map.next_key()?;
                let value = match key.as_deref() {
                    Some("real") => SqlValue::Real(map.next_value::<Real>()?.0),
                    Some("blob") => SqlValue::Blob(map.next_value::<Blob>()?.0),
                    _ => return Err(A::Error::custom("expected the key `real` or `blob`")),
                };
                match map.next_key::<String>()? {
                    None => Ok(value),
                    Some(_) => Err(A::Error::custom("expected one key")),
                }
            }
        }
        deserializer.deserialize_any(Cells).map(Self)
    }
}

fn cells(values: &[SqlValue]) -> Vec<Cell> {
    values.iter().cloned().map(Cell).collect()
}

fn size(value: &SqlValue) -> u64 {
    let bytes = match value {
        SqlValue::Null | SqlValue::Integer(_) | SqlValue::Real(_) => 8,
        SqlValue::Text(text) => text.len(),
        SqlValue::Blob(bytes) => bytes.len(),
    };
    bytes.max(8) as u64
}

impl Tape {
    /// The recorded answer to a query; nothing when a database is to be asked.
    pub(in crate::probe) fn sql_answer(
        &self,
        database: &str,
        statement: &str,
        parameters: &[SqlValue],
    ) -> Option<Result<SqlRows, Failure>> {
        let deck = self.deck().filter(|deck| deck.role == Role::Replaying)?;
        let parameters = cells(parameters);
        let is_it = |one: &SqlAnswer| {
            one.database == database
                && one.statement.0 == statement.as_bytes()
                && one.parameters == parameters
        };
        let found = deck.with_run(|run| run.sql.next_or_last(is_it).cloned());
        let Some(answer) = found.flatten() else {
            return Some(Err(deck.miss(&format!("SQL on `{database}`: {statement}"))));
        };
        if let Some((code, message)) = answer.error {
            return Some(Err(Failure::new(code, message)));
        }
        let row = |row: Vec<Cell>| row.into_iter().map(|cell| cell.0).collect();
        let rows: Vec<Vec<SqlValue>> = answer.rows.into_iter().map(row).collect();
        Some(Ok(SqlRows {
            bytes: rows.iter().flatten().map(size).sum(),
            columns: answer.columns,
            rows,
        }))
    }

    /// What a database has answered.
    pub(in crate::probe) fn note_sql(
        &self,
        database: &str,
        statement: &str,
        parameters: &[SqlValue],
        answered: &Result<SqlRows, Failure>,
    ) {
        let Some(deck) = self.deck() else { return };
        let mut answer = SqlAnswer {
            database: database.to_owned(),
            statement: Blob(statement.as_bytes().to_vec()),
            parameters: cells(parameters),
            columns: Vec::new(),
            rows: Vec::new(),
            error: None,
        };
        let mut bytes = statement.len();
        match answered {
            Ok(rows) => {
                bytes += usize::try_from(rows.bytes).unwrap_or(usize::MAX / 2);
                answer.columns.clone_from(&rows.columns);
                answer.rows = rows.rows.iter().map(|row| cells(row)).collect();
            }
            Err(failure) => answer.error = Some((failure.code.clone(), failure.message.clone())),
        }
        deck.record(bytes, database, |run| run.sql.push(answer));
    }
}

impl SqlAnswer {
    /// What was asked, for people.
    pub(super) fn shown(&self) -> String {
        let statement = String::from_utf8_lossy(&self.statement.0);
        format!("SQL on `{}`: {statement}", self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_was() {
        for (value, text) in [
            (SqlValue::Null, "null"),
            (SqlValue::Integer(i64::MIN), "-9223372036854775808"),
            (SqlValue::Real(0.1), "{\"real\":\"0.1\"}"),
            (SqlValue::Real(1.0), "{\"real\":\"1\"}"),
            (SqlValue::Real(f64::INFINITY), "{\"real\":\"inf\"}"),
            (SqlValue::Text("real".into()), "\"real\""),
            (
                SqlValue::Blob(vec![0xff]),
                "{\"blob\":{\"base64\":\"/w==\"}}",
            ),
            (SqlValue::Blob(b"text".to_vec()), "{\"blob\":\"text\"}"),
        ] {
            let cell = Cell(value);
            assert_eq!(serde_json::to_string(&cell).expect("it can be shown"), text);
            let read: Cell = serde_json::from_str(text).expect("it was written by us");
            assert_eq!(read, cell);
        }
        for text in [
            "0.5",
            "true",
            "{}",
            "{\"real\":0.5}",
            "{\"real\":\"1\",\"blob\":\"\"}",
        ] {
            assert!(serde_json::from_str::<Cell>(text).is_err(), "{text}");
        }
    }
}
