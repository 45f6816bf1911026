//! Configuration of the live stream.

use serde::{Deserialize, Serialize};

use crate::model::{Invalid, Span, check_range};

/// `[server.stream]`: how often it speaks, to how many, and what it remembers.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Whether there is a stream; without one its address answers 404.
    pub enabled: bool,
    /// The least time between two snapshots sent to one client.
    pub interval: Span,
    /// Clients at most; further ones are answered 503.
    pub max_clients: u32,
    /// Transitions kept for clients that come back, and for slow ones.
    pub kept_events: u32,
    /// The longest silence before a comment is sent, so that proxies keep the connection.
    pub keep_alive: Span,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Span::millis(250),
            max_clients: 128,
            kept_events: 1024,
            keep_alive: Span::seconds(15),
        }
    }
}

impl StreamConfig {
    /// Adds what is not acceptable in it.
    pub(in crate::http) fn check(&self, faults: &mut Vec<Invalid>) {
        let (millis, seconds) = (Span::millis, Span::seconds);
        check_range(
            faults,
            "stream.interval",
            self.interval,
            millis(10),
            seconds(600),
        );
        check_range(faults, "stream.max_clients", self.max_clients, 1, 65_536);
        check_range(faults, "stream.kept_events", self.kept_events, 16, 65_536);
        check_range(
            faults,
            "stream.keep_alive",
            self.keep_alive,
            millis(100),
            seconds(600),
        );
    }
}
