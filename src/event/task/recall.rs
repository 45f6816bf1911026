//! What was under way when the program ended: read from the newest events that it had stored.

use std::time::Duration;

use super::{Event, JoinHandle};
use crate::event::{Data, EventFilter, Events, Kind, Refusal};

/// So many of the newest events are read.
const MOST: i64 = 20_000;
/// Older ones are not.
const OLDEST: Duration = Duration::from_secs(3600);
/// How long reading may take: without an answer the program knows of less that is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Events with what they say, in the order of commits.
pub(super) type Recalled = Vec<(Event, Data)>;

/// The place of the last event that is stored; 0 if there is none, or nothing to read from.
pub(super) async fn newest(events: &Events) -> i64 {
    let events = events.clone();
    let totals = move || -> Result<i64, Refusal> {
        let mut reader = events.reader(PATIENCE)?;
        let totals = reader.totals().map_err(Refusal::Store)?;
        Ok(totals.newest)
    };
    match tokio::task::spawn_blocking(totals).await {
        Ok(Ok(newest)) => newest,
        Ok(Err(error)) => {
            tracing::debug!("what was under way is not recalled: {error}");
            0
        }
        Err(_) => 0,
    }
}

/// Begins to read, on a thread that may block.
pub(super) fn begin(events: &Events, newest: i64) -> JoinHandle<Recalled> {
    let events = events.clone();
    tokio::task::spawn_blocking(move || match read(&events, newest) {
        Ok(recalled) => recalled,
        Err(error) => {
            tracing::warn!("what was under way before the start is not known: {error}");
            Vec::new()
        }
    })
}

/// Waits for what was read, and takes it; for ever when that is done.
pub(super) async fn ended(recalling: &mut Option<JoinHandle<Recalled>>) -> Recalled {
    let recalled = match recalling {
        Some(reading) => reading.await.unwrap_or_default(),
        None => std::future::pending().await,
    };
    *recalling = None;
    recalled
}

fn read(events: &Events, newest: i64) -> Result<Recalled, Refusal> {
    if newest == 0 {
        return Ok(Vec::new());
    }
    let oldest = jiff::Timestamp::now().as_microsecond() - OLDEST.as_micros() as i64;
    let filter = EventFilter {
        from: Some(oldest),
        ..EventFilter::default()
    };
    let mut reader = events.reader(PATIENCE)?;
    let mut recalled = Vec::new();
    let mut reached = (newest - MOST).max(0);
    while reached < newest {
        let limit = (newest - reached) as usize;
        let found = reader
            .after(reached, &filter, limit)
            .map_err(Refusal::Store)?;
        for kept in found.events {
            if kept.sequence <= newest {
                recalled.extend(said(kept.event));
            }
        }
        if found.reached <= reached {
            break;
        }
        reached = found.reached;
    }
    Ok(recalled)
}

/// An event with what it says; nothing if it does not say what its kind says now.
fn said(event: Event) -> Option<(Event, Data)> {
    let Some(kind) = Kind::of(&event.kind) else {
        return Some((event, Data::Declared));
    };
    match kind.read(&event.data) {
        Ok((data, _)) => Some((event, data)),
        Err(error) => {
            tracing::debug!(
                id = &*event.id,
                "an event that was stored cannot be read: {error}"
            );
            None
        }
    }
}
