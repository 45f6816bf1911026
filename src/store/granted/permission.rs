//! What a statement may do, asked by SQLite while it compiles: reading is known and allowed, the rest is not.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// PRAGMAs that describe the database, as long as they are given nothing that would change it.
const DESCRIBING: [&str; 9] = [
    "application_id",
    "data_version",
    "encoding",
    "freelist_count",
    "page_count",
    "page_size",
    "schema_version",
    "table_list",
    "user_version",
];

/// PRAGMAs that describe what they are given the name of, or look for damage.
const DESCRIBING_NAMED: [&str; 9] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_xinfo",
];

/// Functions that reach beyond the database.
const REACHING: [&str; 2] = ["load_extension", "fts3_tokenizer"];

/// The authorizer, and the first thing that it did not allow.
#[derive(Clone, Default)]
pub(super) struct Permission(Arc<Mutex<Option<String>>>);

impl Permission {
    /// What SQLite is to ask.
    pub(super) fn authorizer(
        &self,
    ) -> impl for<'c> FnMut(AuthContext<'c>) -> Authorization + Send + 'static {
        let denied = self.0.clone();
        move |context| {
            if is_allowed(&context.action) {
                return Authorization::Allow;
            }
            denied
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| words(&context.action));
            Authorization::Deny
        }
    }

    /// The first thing denied since the last call, in words.
    pub(super) fn take_denied(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn is_allowed(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => {
            !REACHING.contains(&function_name.to_ascii_lowercase().as_str())
        }
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => {
            let name = pragma_name.to_ascii_lowercase();
            DESCRIBING_NAMED.contains(&name.as_str())
                || pragma_value.is_none() && DESCRIBING.contains(&name.as_str())
        }
        _ => false,
    }
}

fn words(action: &AuthAction<'_>) -> String {
    match action {
        AuthAction::Function { function_name } => format!("the function {function_name}"),
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => match pragma_value {
            Some(value) => format!("PRAGMA {pragma_name} with the value {value}"),
            None => format!("PRAGMA {pragma_name}"),
        },
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => "another database".to_owned(),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "a transaction".to_owned(),
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => format!("writing to {table_name}"),
        _ => "changing the schema".to_owned(),
    }
}
