//! Why a query got no answer.

use rusqlite::{Error, ErrorCode};

use crate::model::printable;

/// The longest reason of SQLite's that is passed on, in bytes; it quotes the statement.
const MAX_REASON_BYTES: usize = 300;
/// `SQLITE_READONLY_ROLLBACK`: a journal of a program that is gone has to be rolled back first.
const NEEDS_ROLLBACK: i32 = 8 | 3 << 8;

/// Why a query got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The statement does not compile, would write, or reaches for what it may not.
    #[error("{0}")]
    Statement(String),
    /// The database's own program is writing; it may go when asked again.
    #[error("{0}")]
    Busy(String),
    /// Its time was up, or nobody waits for it any more.
    #[error("the query did not end in time")]
    Interrupted,
    /// The answer has more rows than this.
    #[error("the answer has more than {0} rows")]
    TooManyRows(u32),
    /// The answer has more bytes than this.
    #[error("the answer has more than {0} bytes")]
    TooManyBytes(u64),
    /// The database cannot be read.
    #[error("{0}")]
    Failed(String),
}

impl QueryError {
    /// What SQLite says when it compiles the statement; `denied` is what the authorizer did not allow.
    pub(super) fn preparing(error: &Error, denied: Option<String>) -> Self {
        if let Some(denied) = denied {
            return Self::Statement(format!("{denied} is not allowed: only reading is"));
        }
        match error {
            Error::MultipleStatement => Self::Statement("more than one statement".to_owned()),
            _ => match error.sqlite_error_code() {
                // An error in the statement has no code of its own.
                None
                | Some(
                    ErrorCode::Unknown
                    | ErrorCode::TooBig
                    | ErrorCode::ReadOnly
                    | ErrorCode::AuthorizationForStatementDenied,
                ) => Self::Statement(reason(error)),
                Some(_) => Self::running(error),
            },
        }
    }

    /// What SQLite says when the statement runs.
    pub(super) fn running(error: &Error) -> Self {
        if error.sqlite_extended_error_code() == Some(NEEDS_ROLLBACK) {
            let message = "its own program was interrupted while it wrote: open it there once";
            return Self::Failed(message.to_owned());
        }
        match error.sqlite_error_code() {
            // A log that another program has just begun cannot be joined yet by one that may only read.
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::SchemaChanged
                | ErrorCode::ReadOnly,
            ) => Self::Busy(reason(error)),
            Some(ErrorCode::OperationInterrupted) => Self::Interrupted,
            _ => Self::Failed(reason(error)),
        }
    }
}

fn reason(error: &Error) -> String {
    printable(&error.to_string(), MAX_REASON_BYTES)
}
