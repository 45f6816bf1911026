//! Read-only queries on a SQLite database that the operator granted by name.

use crate::Result;
use crate::host::sql as host;

/// SQLite's five storage classes.
pub use crate::host::sql::Value;

/// Rows asked for at once.
const PORTION: u32 = 256;

/// Runs one statement that only reads. `database`: the name under which it is granted; `parameters`: values for `?1`, `?2`, …
///
/// # Errors
/// `denied`, `sql.statement` when it does not compile or would write, `sql.busy`, `sql.failed`, `unsupported`.
pub fn query(database: &str, statement: &str, parameters: &[Value]) -> Result<Rows> {
    let rows = host::query(database, statement, parameters)?;
    Ok(Rows {
        rows,
        portion: Vec::new().into_iter(),
        ended: false,
    })
}

/// The rows of one query, one after the other.
pub struct Rows {
    rows: host::Rows,
    portion: std::vec::IntoIter<Vec<Value>>,
    ended: bool,
}

impl Rows {
    /// The columns' names, in order.
    pub fn columns(&self) -> Vec<String> {
        self.rows.columns()
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<Value>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.portion.next() {
            return Some(Ok(row));
        }
        if self.ended {
            return None;
        }
        match self.rows.take(PORTION) {
            Ok(rows) => {
                self.ended = rows.is_empty();
                self.portion = rows.into_iter();
                self.portion.next().map(Ok)
            }
            Err(refusal) => {
                self.ended = true;
                Some(Err(refusal.into()))
            }
        }
    }
}

/// A value as a number; nothing for NULL, and for text and bytes.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        Value::Null | Value::Text(_) | Value::Blob(_) => None,
    }
}

/// A value as text: numbers in words, nothing for NULL and bytes.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Null | Value::Blob(_) => None,
    }
}
