//! What was under way when the program ended: read from the events that it had stored and that tell of beginnings and ends.

use std::time::{Duration, Instant};

use super::{Event, JoinHandle};
use crate::event::derived::Lasting;
use crate::event::{Data, EventFilter, EventOrder, EventReader, Events, Kind, Refusal};
use crate::model::KeptEvent;

/// So many events of one sort are read, the newest first.
const MOST: usize = 20_000;
/// And so many bytes of what they say.
const MOST_BYTES: usize = 16 << 20;
/// Read at once, between two looks at the clock: some ten milliseconds.
const AT_ONCE: usize = 2_000;
/// After so long the first page of each sort is all that is read: what is committed meanwhile waits, and fills the queue.
const ENOUGH: Duration = Duration::from_secs(2);
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
pub(super) fn begin(events: &Events, newest: i64, lasting: Vec<Lasting>) -> JoinHandle<Recalled> {
    let events = events.clone();
    tokio::task::spawn_blocking(move || {
        let (mut found, enough) = (Vec::new(), Instant::now() + ENOUGH);
        if let Err(error) = read(&events, newest, &lasting, enough, &mut found) {
            tracing::warn!("what was under way before the start is not all known: {error}");
        }
        in_order(found, newest).filter_map(said).collect()
    })
}

/// What was read, in the order of commits. What is newer than that comes to whoever follows.
pub(super) fn in_order(mut found: Vec<KeptEvent>, newest: i64) -> impl Iterator<Item = Event> {
    found.retain(|kept| kept.sequence <= newest);
    found.sort_unstable_by_key(|kept| kept.sequence);
    found.into_iter().map(|kept| kept.event)
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

/// Reads what tells of each sort, after `enough` only the first page of it.
pub(super) fn read(
    events: &Events,
    newest: i64,
    lasting: &[Lasting],
    enough: Instant,
    found: &mut Vec<KeptEvent>,
) -> Result<(), Refusal> {
    if newest == 0 {
        return Ok(());
    }
    let mut reader = events.reader(PATIENCE)?;
    for one in lasting {
        let before = found.len();
        let is_all = read_sort(&mut reader, one, enough, found)?;
        if !is_all {
            let (sort, read) = (one.sort, found.len() - before);
            tracing::info!(sort, read, "what began before these events is not known");
        }
    }
    Ok(())
}

/// Reads what tells of one sort. False if that was not all.
fn read_sort(
    reader: &mut EventReader,
    lasting: &Lasting,
    enough: Instant,
    found: &mut Vec<KeptEvent>,
) -> Result<bool, Refusal> {
    let now = jiff::Timestamp::now().as_microsecond();
    let back = i64::try_from(lasting.back.as_micros()).unwrap_or(i64::MAX);
    let filter = EventFilter {
        kinds: lasting
            .kinds
            .iter()
            .map(|kind| kind.as_str().into())
            .collect(),
        from: Some(now.saturating_sub(back)),
        ..EventFilter::default()
    };
    let (mut cursor, mut left, mut bytes) = (None, MOST, 0);
    loop {
        let page = reader
            .page(&filter, cursor, left.min(AT_ONCE), EventOrder::NewestFirst)
            .map_err(Refusal::Store)?;
        left = left.saturating_sub(page.events.len());
        bytes += page
            .events
            .iter()
            .map(|kept| kept.event.data.len())
            .sum::<usize>();
        found.extend(page.events);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(true);
        }
        if left == 0 || bytes >= MOST_BYTES || Instant::now() >= enough {
            return Ok(false);
        }
    }
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
