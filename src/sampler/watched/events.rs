//! What happened last to a watch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::{WatchEvent, WatchEventKind};

/// Events kept of each watch; what is older is in the series, as counts.
pub(super) const KEPT: usize = 20;

/// The last events, newest first.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<WatchEvent>);

impl Events {
    /// Notes what happened at `timestamp`.
    pub(super) fn note(
        &mut self,
        timestamp: SystemTime,
        kind: WatchEventKind,
        pid: Option<u32>,
        message: impl Into<Arc<str>>,
    ) {
        self.0.truncate(KEPT - 1);
        self.0.push_front(WatchEvent {
            timestamp,
            kind,
            pid,
            message: message.into(),
        });
    }

    /// All that are kept.
    pub(super) fn list(&self) -> Vec<WatchEvent> {
        self.0.iter().cloned().collect()
    }
}
