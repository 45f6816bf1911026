//! A room's own word on how it does, for whoever shows it.

use std::sync::{Arc, Mutex, PoisonError};

use super::Status;

/// How something of the program's own does; cloning shares it. One room sets it, others read it.
#[derive(Debug, Clone)]
pub struct Condition(Arc<Mutex<(Status, Arc<str>)>>);

impl Condition {
    /// A condition to begin with; `message` says why, in one line.
    pub fn new(status: Status, message: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Mutex::new((status, message.into()))))
    }

    /// Replaces it.
    pub fn set(&self, status: Status, message: impl Into<Arc<str>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (status, message.into());
    }

    /// The verdict, and why.
    pub fn get(&self) -> (Status, Arc<str>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
