//! Other programs' databases, opened for reading only, one query at a time.
//!
//! Five things keep a statement to reading: the file is opened for reading, the connection refuses writes, an authorizer
//! allows what is known to be harmless and nothing else, SQLite's limits are low, and the statement itself must be one
//! that only reads. Two end it in time: SQLite looks at the clock while it works, and a [`Stop`] reaches what does not.

mod error;
mod open;
mod permission;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, InterruptHandle, Row, Statement};

use crate::model::{SqlRows, SqlValue};

pub use error::QueryError;
pub use open::Databases;
use permission::Permission;

/// The longest statement, in bytes.
const MAX_STATEMENT_BYTES: usize = 64 * 1024;
/// How long a query waits for a writer in the database's own program to finish.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// Virtual-machine steps between two looks at the clock: microseconds.
const STEPS: i32 = 1000;
/// A row is read whole even when only some of its columns are asked for, so that this is never lower.
const MIN_LENGTH: u64 = 16 << 20;
/// What a value without a length of its own counts as, in bytes.
const VALUE_BYTES: u64 = 8;

/// SQLite's own limits: far above what a probe's query needs, far below what keeps a core busy or a stack deep.
const LIMITS: [(Limit, i32); 8] = [
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 1000),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// What is asked of one database.
#[derive(Debug, Clone)]
pub struct Query {
    /// One statement.
    pub statement: String,
    /// Values for `?1`, `?2`, …
    pub parameters: Vec<SqlValue>,
    /// How large the answer may be.
    pub bounds: QueryBounds,
    /// When it is interrupted.
    pub until: Instant,
}

/// How large an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct QueryBounds {
    /// Rows.
    pub rows: u32,
    /// Bytes, as [`SqlRows::bytes`] counts them.
    pub bytes: u64,
}

/// Ends a query from another thread; cloning shares it.
#[derive(Clone, Default)]
pub struct Stop(Arc<Stopping>);

#[derive(Default)]
struct Stopping {
    stopped: AtomicBool,
    handle: Mutex<Option<InterruptHandle>>,
}

impl Stop {
    /// Ends the query that has this stop, now or as soon as it begins.
    pub fn now(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        let handle = self.0.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*handle {
            handle.interrupt();
        }
    }

    fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    fn watch(&self, connection: &Connection) {
        *self.0.handle.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(connection.get_interrupt_handle());
    }
}

impl Databases {
    /// Runs one statement on the database at `file`, an absolute path, and gives its whole answer. Blocks for as long as
    /// it takes.
    ///
    /// # Errors
    /// A [`QueryError`]; the database is as it was in any case.
    pub fn query(&self, file: &Path, query: &Query, stop: &Stop) -> Result<SqlRows, QueryError> {
        if query.statement.len() > MAX_STATEMENT_BYTES {
            let length = query.statement.len();
            let message =
                format!("the statement has {length} bytes: at most {MAX_STATEMENT_BYTES}");
            return Err(QueryError::Statement(message));
        }
        if query.statement.contains('\0') {
            let message = "the statement has a NUL character in it";
            return Err(QueryError::Statement(message.to_owned()));
        }
        let opened = self.open(file)?;
        let permission = Permission::default();
        restrict(&opened.connection, query, stop, &permission)
            .map_err(|error| QueryError::running(&error))?;
        let answer = answer(&opened.connection, query, &permission);
        if stop.is_stopped() || Instant::now() >= query.until {
            return Err(QueryError::Interrupted);
        }
        let rows = answer?;
        opened.assert_unchanged()?;
        Ok(rows)
    }
}

/// Puts every bound on a fresh connection.
fn restrict(
    connection: &Connection,
    query: &Query,
    stop: &Stop,
    permission: &Permission,
) -> rusqlite::Result<()> {
    let left = query.until.saturating_duration_since(Instant::now());
    connection.busy_timeout(BUSY_TIMEOUT.min(left / 2))?;
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    let length = i32::try_from(query.bounds.bytes.max(MIN_LENGTH)).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, length)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Its schema is another program's and may have functions hidden in views.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.authorizer(Some(permission.authorizer()))?;
    stop.watch(connection);
    let (stop, until) = (stop.clone(), query.until);
    let is_over = move || stop.is_stopped() || Instant::now() >= until;
    connection.progress_handler(STEPS, Some(is_over))
}

fn answer(
    connection: &Connection,
    query: &Query,
    permission: &Permission,
) -> Result<SqlRows, QueryError> {
    let mut statement = connection
        .prepare(&query.statement)
        .map_err(|error| QueryError::preparing(&error, permission.take_denied()))?;
    check(&statement, query)?;
    for (index, value) in query.parameters.iter().enumerate() {
        statement
            .raw_bind_parameter(index + 1, bound(value))
            .map_err(|error| QueryError::Statement(format!("parameter {}: {error}", index + 1)))?;
    }
    let columns: Vec<String> = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut answer = SqlRows::default();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| QueryError::running(&error))? {
        take(row, &columns, query.bounds, &mut answer)?;
    }
    answer.columns = columns;
    Ok(answer)
}

/// One statement that only reads, with a value for each parameter.
fn check(statement: &Statement<'_>, query: &Query) -> Result<(), QueryError> {
    let message = if statement.column_count() == 0 {
        "it gives no rows: one statement that reads is wanted".to_owned()
    } else if !statement.readonly() {
        "it would write: the database is granted for reading".to_owned()
    } else if statement.parameter_count() != query.parameters.len() {
        let (wanted, given) = (statement.parameter_count(), query.parameters.len());
        format!("it has {wanted} parameters, and {given} values were given")
    } else {
        return Ok(());
    };
    Err(QueryError::Statement(message))
}

fn bound(value: &SqlValue) -> ToSqlOutput<'_> {
    match value {
        SqlValue::Null => ToSqlOutput::Owned(Value::Null),
        SqlValue::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
        SqlValue::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
        SqlValue::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        SqlValue::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
    }
}

/// Adds one row to the answer, unless that makes it too large.
fn take(
    row: &Row<'_>,
    columns: &[String],
    bounds: QueryBounds,
    answer: &mut SqlRows,
) -> Result<(), QueryError> {
    if answer.rows.len() >= bounds.rows as usize {
        return Err(QueryError::TooManyRows(bounds.rows));
    }
    let mut values = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let value = row
            .get_ref(index)
            .map_err(|error| QueryError::running(&error))?;
        let length = match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => VALUE_BYTES,
        };
        answer.bytes += length.max(VALUE_BYTES);
        // Looked at before the value is copied.
        if answer.bytes > bounds.bytes {
            return Err(QueryError::TooManyBytes(bounds.bytes));
        }
        values.push(owned(value, column, answer.rows.len())?);
    }
    answer.rows.push(values);
    Ok(())
}

fn owned(value: ValueRef<'_>, column: &str, row: usize) -> Result<SqlValue, QueryError> {
    Ok(match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes.to_vec()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => SqlValue::Text(text.to_owned()),
            Err(_) => {
                return Err(QueryError::Failed(format!(
                    "column `{column}` of row {} has text that is not UTF-8: select it as CAST(… AS BLOB)",
                    row + 1
                )));
            }
        },
    })
}

#[cfg(test)]
#[path = "../granted_tests.rs"]
mod tests;
