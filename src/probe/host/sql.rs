//! `probity:sql`: queries on databases that the operator granted by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::sync::Semaphore;
use wasmtime::component::Resource;

use super::Guest;
use crate::model::{ByteSize, Failure, SqlRows, SqlValue};
use crate::probe::v0_1_0::probity::sql::sql::{Host, HostRows, Value};
use crate::store::{Databases, Query, QueryBounds, QueryError, Stop};

/// What a probe keeps of its deadline to answer that its query was interrupted, at most; a fifth of what is left if that is
/// less.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Integers beyond this, 2^53, are not the same in JavaScript, and go into JSON as strings.
const MAX_JSON_INTEGER: u64 = 1 << 53;

/// Queries that run at the same time, of all probes together. More than cores, as with the guests' own threads: what is
/// measured and served has to get its share of the machine beside them.
const MAX_QUERIES: usize = 4;

/// What all probes' queries share.
pub(in crate::probe) struct SqlHost {
    databases: Databases,
    /// Given back when a call ends: a thread that a disk does not give back takes no core from anybody.
    running: Semaphore,
}

impl SqlHost {
    pub(in crate::probe) fn new() -> Self {
        Self {
            databases: Databases::default(),
            running: Semaphore::new(MAX_QUERIES),
        }
    }
}

/// What a probe may query.
pub(in crate::probe) struct SqlAccess {
    host: Arc<SqlHost>,
    granted: BTreeMap<String, PathBuf>,
    /// One query at a time: a thread that a disk does not give back is one, not many.
    slot: Arc<Semaphore>,
}

impl SqlAccess {
    pub(in crate::probe) fn new(host: Arc<SqlHost>, granted: BTreeMap<String, PathBuf>) -> Self {
        Self {
            host,
            granted,
            slot: Arc::new(Semaphore::new(1)),
        }
    }
}

/// What is left of a query's answer.
pub struct Rows {
    columns: Vec<String>,
    rows: std::vec::IntoIter<Vec<SqlValue>>,
    /// What it counts against `limits.query_bytes` until it is dropped.
    bytes: u64,
}

impl Rows {
    fn take(&mut self, most: u32) -> impl Iterator<Item = Vec<SqlValue>> {
        self.rows.by_ref().take(most as usize)
    }
}

/// Ends its query when the call is given up.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.now();
    }
}

impl Guest {
    async fn run_query(
        &mut self,
        database: String,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<SqlRows, Failure> {
        let Some(file) = self.settings.sql.granted.get(&database).cloned() else {
            return Err(self.denied(&database));
        };
        let parameters: Vec<SqlValue> = parameters.into_iter().map(SqlValue::from).collect();
        let tape = self.settings.tape.clone();
        if let Some(taped) = tape.sql_answer(&database, &statement, &parameters) {
            let within = within(taped?, self.query_bounds());
            return within.map_err(|error| self.failure(&database, &error));
        }
        let asked = tape
            .has_answers()
            .then(|| (statement.clone(), parameters.clone()));
        let answer = self.ask(&database, file, statement, parameters).await;
        if let Some((statement, parameters)) = asked {
            tape.note_sql(&database, &statement, &parameters, &answer);
        }
        answer
    }

    fn query_bounds(&self) -> QueryBounds {
        QueryBounds {
            rows: self.settings.limits.query_rows,
            bytes: self.settings.limits.query_bytes.0 - self.sql_bytes,
        }
    }

    /// Asks the database itself.
    async fn ask(
        &mut self,
        database: &str,
        file: PathBuf,
        statement: String,
        parameters: Vec<SqlValue>,
    ) -> Result<SqlRows, Failure> {
        let access = &self.settings.sql;
        let Ok(permit) = access.slot.clone().try_acquire_owned() else {
            let message = "an earlier query still waits for the machine's files";
            return Err(Failure::new("sql.busy", message));
        };
        let left = self.run.deadline.saturating_duration_since(Instant::now());
        let until = self.run.deadline - LAST_WORDS.min(left / 5);
        let turn = tokio::time::timeout_at(until.into(), access.host.running.acquire()).await;
        // Those whose time is up make room just when the time of those who came with them is up.
        let Some(_turn) = turn.ok().filter(|_| Instant::now() < until) else {
            let message = "other probes' queries ran for as long as this one could wait";
            return Err(Failure::new("sql.busy", message));
        };
        let query = Query {
            statement,
            parameters,
            bounds: self.query_bounds(),
            until,
        };
        let stop = Stop::default();
        let _stop_on_drop = StopOnDrop(stop.clone());
        let (host, of_thread) = (access.host.clone(), stop.clone());
        let mut task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            host.databases.query(&file, &query, &of_thread)
        });
        let ended = match tokio::time::timeout_at(until.into(), &mut task).await {
            Ok(ended) => ended,
            Err(_) => {
                stop.now();
                // The call's own deadline ends this where the thread does not come back.
                task.await
            }
        };
        ended
            .unwrap_or_else(|error| {
                Err(QueryError::Failed(format!("a defect of the host: {error}")))
            })
            .map_err(|error| self.failure(database, &error))
    }

    fn denied(&self, database: &str) -> Failure {
        self.access.deny_database(database);
        let message = format!(
            "no database `{database}` is granted: grant = {{ sqlite = {{ {database} = \"/path/to/it.db\" }} }} in the section \
             of probe `{}` grants it",
            self.settings.name
        );
        Failure::new("denied", message)
    }

    fn failure(&self, database: &str, error: &QueryError) -> Failure {
        let limits = &self.settings.limits;
        let (code, hint) = match error {
            QueryError::Statement(_) => ("sql.statement", String::new()),
            QueryError::Busy(_) => ("sql.busy", String::new()),
            QueryError::Failed(_) => ("sql.failed", String::new()),
            QueryError::Interrupted => ("sql.interrupted", " (limits.deadline)".to_owned()),
            QueryError::TooManyRows(_) => ("sql.too-large", " (limits.query_rows)".to_owned()),
            QueryError::TooManyBytes(_) => {
                let hint = format!(
                    ", which is what is left of {} besides {} in answers that are not dropped (limits.query_bytes)",
                    limits.query_bytes,
                    ByteSize(self.sql_bytes)
                );
                ("sql.too-large", hint)
            }
        };
        Failure::new(code, format!("database `{database}`: {error}{hint}"))
    }
}

/// Holds the answer of a tape to the limits that a database's is held to.
fn within(answer: SqlRows, bounds: QueryBounds) -> Result<SqlRows, QueryError> {
    if answer.rows.len() > bounds.rows as usize {
        return Err(QueryError::TooManyRows(bounds.rows));
    }
    if answer.bytes > bounds.bytes {
        return Err(QueryError::TooManyBytes(bounds.bytes));
    }
    Ok(answer)
}

impl Host for Guest {
    async fn query(
        &mut self,
        database: String,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<Resource<Rows>, Resource<Failure>>> {
        let answer = match self.run_query(database, statement, parameters).await {
            Ok(answer) => answer,
            Err(failure) => return self.answer(Err(failure)),
        };
        let rows = Rows {
            columns: answer.columns,
            rows: answer.rows.into_iter(),
            bytes: answer.bytes,
        };
        self.hand_out();
        let handle = self.table.push(rows)?;
        self.sql_bytes += answer.bytes;
        Ok(Ok(handle))
    }
}

impl HostRows for Guest {
    fn columns(&mut self, this: Resource<Rows>) -> wasmtime::Result<Vec<String>> {
        Ok(self.table.get(&this)?.columns.clone())
    }

    fn take(
        &mut self,
        this: Resource<Rows>,
        max_rows: u32,
    ) -> wasmtime::Result<Result<Vec<Vec<Value>>, Resource<Failure>>> {
        let rows = self.table.get_mut(&this)?.take(max_rows);
        let typed = rows.map(|row| row.into_iter().map(Value::from).collect());
        Ok(Ok(typed.collect()))
    }

    fn take_json(
        &mut self,
        this: Resource<Rows>,
        max_rows: u32,
    ) -> wasmtime::Result<Result<String, Resource<Failure>>> {
        let rows = self.table.get_mut(&this)?.take(max_rows);
        let json = rows.map(|row| row.into_iter().map(json).collect::<Json>());
        Ok(Ok(json.collect::<Json>().to_string()))
    }

    fn drop(&mut self, this: Resource<Rows>) -> wasmtime::Result<()> {
        self.take_back();
        let rows = self.table.delete(this)?;
        self.sql_bytes -= rows.bytes;
        Ok(())
    }
}

impl From<Value> for SqlValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<SqlValue> for Value {
    fn from(value: SqlValue) -> Self {
        match value {
            SqlValue::Null => Self::Null,
            SqlValue::Integer(number) => Self::Integer(number),
            SqlValue::Real(number) => Self::Real(number),
            SqlValue::Text(text) => Self::Text(text),
            SqlValue::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

/// Infinities, which JSON cannot hold, are null.
fn json(value: SqlValue) -> Json {
    match value {
        SqlValue::Null => Json::Null,
        SqlValue::Integer(number) if number.unsigned_abs() > MAX_JSON_INTEGER => {
            number.to_string().into()
        }
        SqlValue::Integer(number) => number.into(),
        SqlValue::Real(number) => number.into(),
        SqlValue::Text(text) => text.into(),
        SqlValue::Blob(bytes) => base64(&bytes).into(),
    }
}

/// Base 64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                digit.into()
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn json_holds_what_it_can_hold() {
        let limit = 1_i64 << 53;
        for (value, text) in [
            (SqlValue::Null, "null"),
            (SqlValue::Integer(limit), "9007199254740992"),
            (SqlValue::Integer(limit + 1), "\"9007199254740993\""),
            (SqlValue::Integer(-limit), "-9007199254740992"),
            (SqlValue::Integer(i64::MIN), "\"-9223372036854775808\""),
            (SqlValue::Real(0.5), "0.5"),
            (SqlValue::Real(f64::INFINITY), "null"),
            (SqlValue::Text("a\n\"".into()), "\"a\\n\\\"\""),
            (SqlValue::Blob(vec![0, 255]), "\"AP8=\""),
        ] {
            assert_eq!(json(value).to_string(), text);
        }
    }
}
