//! The last of the program's own operations, newest first.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Operation;

/// So many are shown.
const KEPT: usize = 100;

/// The operations that readers see.
#[derive(Default)]
pub(super) struct Operations {
    newest_first: VecDeque<Arc<Operation>>,
    view: Arc<[Arc<Operation>]>,
}

impl Operations {
    pub(super) fn note(&mut self, operation: Operation) {
        self.newest_first.truncate(KEPT - 1);
        self.newest_first.push_front(Arc::new(operation));
        self.view = self.newest_first.iter().cloned().collect();
    }

    pub(super) fn view(&self) -> Arc<[Arc<Operation>]> {
        self.view.clone()
    }
}
