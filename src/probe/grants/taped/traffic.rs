//! The datagrams of a UDP socket that is recorded or had of a tape.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::net::UdpSocket as Socket;
use tokio::sync::watch;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::{Pollable, SocketResult};

use crate::probe::tape::{Blob, Datagram, DatagramPlace, Deck};

/// Datagrams that are taken or given at once.
pub(super) const MAX_DATAGRAMS: usize = 16;
/// The largest there is.
pub(super) const MAX_DATAGRAM_BYTES: usize = 65_535;

/// The datagrams of one socket.
pub(super) struct Traffic {
    deck: Arc<Deck>,
    /// The only peer, where the guest named one.
    pub(super) peer: Option<SocketAddr>,
    /// Datagrams that the guest has sent.
    sent: watch::Sender<u64>,
    world: World,
}

enum World {
    Live {
        socket: Socket,
        /// Where it is on the tape, from its first datagram on.
        place: OnceLock<Option<DatagramPlace>>,
    },
    /// What is still to come, from the first datagram on.
    Taped(Mutex<Option<VecDeque<Datagram>>>),
}

/// The resource for what comes.
pub(super) struct Incoming(pub(super) Arc<Traffic>);

/// The resource for what goes.
pub(super) struct Outgoing {
    pub(super) traffic: Arc<Traffic>,
    /// Datagrams that it may send now.
    pub(super) permits: usize,
}

impl Traffic {
    pub(super) async fn open(
        deck: Arc<Deck>,
        peer: Option<SocketAddr>,
        family: IpAddressFamily,
    ) -> SocketResult<Self> {
        let world = if deck.replays() {
            World::Taped(Mutex::new(None))
        } else {
            let any: SocketAddr = match family {
                IpAddressFamily::Ipv4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
                IpAddressFamily::Ipv6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = Socket::bind(any).await.map_err(ErrorCode::from)?;
            // As wasmtime does: it is writable from the beginning.
            socket.writable().await.map_err(ErrorCode::from)?;
            World::Live {
                socket,
                place: OnceLock::new(),
            }
        };
        Ok(Self {
            deck,
            peer,
            sent: watch::Sender::new(0),
            world,
        })
    }

    pub(super) async fn send(&self, to: SocketAddr, data: &[u8]) -> Result<(), ErrorCode> {
        match &self.world {
            World::Live { socket, place } => {
                place.get_or_init(|| self.deck.udp_asked(to));
                // Before the answer can be there.
                self.sent.send_modify(|sent| *sent += 1);
                socket.send_to(data, to).await.map_err(ErrorCode::from)?;
            }
            World::Taped(coming) => {
                let mut coming = coming.lock().unwrap_or_else(PoisonError::into_inner);
                coming.get_or_insert_with(|| {
                    let answer = self.deck.udp_replay(to);
                    answer.map_or_else(VecDeque::new, |answer| answer.came.into())
                });
                self.sent.send_modify(|sent| *sent += 1);
            }
        }
        Ok(())
    }

    /// The next datagram that is there.
    pub(super) fn next(&self) -> Option<Datagram> {
        let sent = *self.sent.borrow();
        match &self.world {
            World::Live { socket, .. } => {
                let mut data = vec![0; MAX_DATAGRAM_BYTES];
                let (bytes, from) = socket.try_recv_from(&mut data).ok()?;
                data.truncate(bytes);
                Some(Datagram {
                    after: sent,
                    from,
                    data: Blob(data),
                })
            }
            World::Taped(coming) => {
                let mut coming = coming.lock().unwrap_or_else(PoisonError::into_inner);
                let coming = coming.as_mut()?;
                let is_there = coming.front().is_some_and(|one| one.after <= sent);
                is_there.then(|| coming.pop_front()).flatten()
            }
        }
    }

    pub(super) fn note(&self, datagram: &Datagram) {
        if let World::Live { place, .. } = &self.world
            && let Some(Some(place)) = place.get()
        {
            self.deck.udp_came(*place, datagram.clone());
        }
    }

    /// After how many of the guest's datagrams the next one comes; nothing: as far as is known never.
    fn mark(&self) -> Option<u64> {
        match &self.world {
            World::Live { .. } => None,
            World::Taped(coming) => {
                let coming = coming.lock().unwrap_or_else(PoisonError::into_inner);
                Some(coming.as_ref()?.front()?.after)
            }
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        let sent = *self.sent.borrow();
        if let Some(mark) = self.mark().filter(|mark| *mark > sent) {
            self.deck.remark(format!(
                "! UDP: {sent} datagrams were sent, and the recorded answer came after {mark}"
            ));
        }
    }
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        if let World::Live { socket, .. } = &self.0.world {
            // An error is told by the next call.
            let _ = socket.readable().await;
            return;
        }
        let mut sent = self.0.sent.subscribe();
        loop {
            let now = *sent.borrow_and_update();
            if self.0.mark().is_some_and(|mark| mark <= now) {
                return;
            }
            if sent.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {}
}
