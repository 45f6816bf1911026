//! `wasi:clocks/monotonic-clock`: waiting goes by the machine, and takes a clock along that does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::deck;
use crate::probe::grants::link::replace;
use crate::probe::host::Guest;
use crate::probe::tape::Deck;

const CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// A moment to wait for.
struct Timer {
    deck: Arc<Deck>,
    /// By the clock that the guest sees.
    moment: Duration,
    /// By the machine's; nothing for one that is too far away to come.
    until: Option<Instant>,
    /// What has passed already lets others have a turn first: a guest that asks in a loop would starve them.
    past: bool,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if std::mem::take(&mut self.past) {
            tokio::task::yield_now().await;
        }
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
        self.deck.reach(self.moment);
    }
}

fn timer(
    guest: &mut Guest,
    moment: Duration,
    wait: Duration,
) -> wasmtime::Result<Resource<DynPollable>> {
    let timer = Timer {
        deck: deck(guest)?,
        moment,
        until: Instant::now().checked_add(wait),
        past: wait.is_zero(),
    };
    let timer = guest.table.push(timer)?;
    subscribe(&mut guest.table, timer)
}

/// Puts it in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        CLOCK,
        "subscribe-instant",
        |mut store, (when,): (u64,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let (now, moment) = (deck(guest)?.monotonic(), Duration::from_nanos(when));
                Ok((timer(guest, moment, moment.saturating_sub(now))?,))
            })
        },
    )?;
    replace(
        linker,
        CLOCK,
        "subscribe-duration",
        |mut store, (wait,): (u64,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let wait = Duration::from_nanos(wait);
                // Not a reading: the guest sees nothing of it.
                let moment = deck(guest)?.shown().saturating_add(wait);
                Ok((timer(guest, moment, wait)?,))
            })
        },
    )
}
