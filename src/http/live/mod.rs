//! The live stream: what changes, sent as Server-Sent Events to those who listen.
//!
//! Two kinds of things are sent. *Transitions* (`topics/`) are what happened: each has a number and is kept for a while
//! in `past`, so that who was away gets what was missed. *Views* (`views.rs`) are documents of the newest snapshot: only
//! the newest is of interest, so a slow client passes over those in between. Both are encoded once for all clients, and
//! not at all while nobody listens. The hub, one task, notices changes; each client's body takes what is new for it.

mod client;
mod config;
pub(super) mod frame;
mod hub;
mod past;
mod subscription;
mod tally;
#[cfg(test)]
mod tests;
pub(super) mod topics;
pub(super) mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::problem::Problem;
use past::Past;
use tally::Places;
use views::Views;

pub(super) use client::open;
pub use config::StreamConfig;
pub(super) use hub::Hub;
pub(super) use subscription::{LAST_EVENT_ID, PARAMETERS, Subscription};
pub(super) use tally::Place;
pub use tally::StreamTally;

/// What the hub, the route and the clients share.
#[derive(Debug)]
pub(super) struct Live {
    /// The transitions, and up to which snapshot they tell.
    past: Past,
    /// The documents that somebody listens to.
    views: Views,
    /// Who listens, counted.
    places: Places,
    /// Moved when there is something new for clients.
    news: watch::Sender<u64>,
    /// Wakes the hub for a view that nobody listened to before.
    asked: Notify,
    /// Cancelled when the program begins to stop, and when the hub ends for whatever reason.
    end: CancellationToken,
    /// The least time between two documents of one view.
    interval: Duration,
    /// The longest silence.
    keep_alive: Duration,
    /// Whether there is a stream at all.
    enabled: bool,
    /// What bounds the places, in words.
    bound: &'static str,
    tally: StreamTally,
}

impl Live {
    /// Nobody listens yet, and nothing has happened; it ends with `draining`. Streams that stay for ever never take the last
    /// of the `max_connections` from those who ask and go.
    pub(super) fn new(
        config: &StreamConfig,
        max_connections: u32,
        tally: StreamTally,
        draining: &CancellationToken,
    ) -> Self {
        let share = (max_connections * 3 / 4).max(1);
        let (most, bound) = match config.max_clients <= share {
            true => (config.max_clients, "`server.stream.max_clients` allows"),
            false => (share, "three quarters of `server.max_connections` are"),
        };
        Self {
            past: Past::new(config.kept_events),
            views: Views::default(),
            places: Places::new(most, tally.clients.clone()),
            bound,
            news: watch::Sender::new(0),
            asked: Notify::new(),
            end: draining.child_token(),
            interval: config.interval.0,
            keep_alive: config.keep_alive.0,
            enabled: config.enabled,
            tally,
        }
    }

    /// Whether there is a stream at all.
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// A place for one client, free again when it is dropped.
    ///
    /// # Errors
    /// 503 when all are taken, or the program is about to stop.
    pub(super) fn place(&self) -> Result<Place, Problem> {
        if self.end.is_cancelled() {
            return Err(busy("the program is stopping"));
        }
        self.places.take().ok_or_else(|| {
            self.tally.refused_clients.increment();
            let most = self.places.most();
            busy(format!(
                "{most} clients listen already, as many as {}",
                self.bound
            ))
        })
    }

    /// Cancelled when streams have to end.
    pub(super) fn end(&self) -> &CancellationToken {
        &self.end
    }

    /// The longest silence.
    pub(super) fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    pub(super) fn tally(&self) -> &StreamTally {
        &self.tally
    }

    /// Tells the clients to look for what is new.
    fn tell(&self) {
        self.news
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// 503: later it may work.
fn busy(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
}

/// Shared by what lives as long as the server.
type SharedLive = Arc<super::site::Shared>;
