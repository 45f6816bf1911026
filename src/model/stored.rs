//! What is stored and asked for: a probe's entries, and the values and rows of a query.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

/// A probe's entries by key. Copied on write: a clone is one count.
pub type StateEntries = Arc<BTreeMap<String, Bytes>>;

/// Changes to entries by key: a new value, or nothing for an entry that goes.
pub type StateChanges = BTreeMap<String, Option<Bytes>>;

/// One value of a database: SQLite's five storage classes.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A floating-point number, never NaN.
    Real(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The whole answer of one query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlRows {
    /// The columns' names, in order.
    pub columns: Vec<String>,
    /// The rows, each with one value for each column.
    pub rows: Vec<Vec<SqlValue>>,
    /// Their size in bytes: texts and blobs as they are, eight for each value besides.
    pub bytes: u64,
}
