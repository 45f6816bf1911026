//! `wasi:sockets/tcp` with a tape: connecting, and what a connected socket says of itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::net::TcpStream;
use tokio::sync::watch;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::tcp::{HostTcpSocket, ShutdownType};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Network, Pollable, SocketResult, TcpSocket,
    subscribe,
};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsView};

use super::codes::{socket_code, socket_name};
use super::streams::{self, Ends};
use super::{deck, told};
use crate::probe::grants::link::replace;
use crate::probe::grants::sockets;
use crate::probe::host::Guest;
use crate::probe::tape::{Deck, TcpAnswer, TcpPlace};

const TCP: &str = "wasi:sockets/tcp@0.2.12";
const CREATE: &str = "wasi:sockets/tcp-create-socket@0.2.12";

/// A socket's connection, from the moment that one is asked for.
pub(super) struct Line {
    to: SocketAddr,
    made: Arc<Made>,
    /// Whether the guest was told to wait, or has waited: until then no connection is finished, however fast the server or
    /// the tape. So recording and replay give the same answers.
    waited: Arc<AtomicBool>,
    /// What connects, on recording.
    _dial: Option<AbortOnDropJoinHandle<()>>,
}

/// What becomes of it.
struct Made {
    settled: watch::Sender<bool>,
    state: Mutex<State>,
}

enum State {
    Pending,
    Failed(ErrorCode),
    Live(TcpStream, TcpPlace),
    Taped(TcpAnswer),
    /// The guest has its streams.
    Taken(Weak<Ends>),
}

impl Made {
    fn new(state: State) -> Arc<Self> {
        let settled = !matches!(state, State::Pending);
        Arc::new(Self {
            settled: watch::Sender::new(settled),
            state: Mutex::new(state),
        })
    }

    fn settle(&self, state: State) {
        *self.state() = state;
        self.settled.send_replace(true);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits for a connection.
struct Settling {
    settled: watch::Receiver<bool>,
    waited: Arc<AtomicBool>,
}

#[async_trait]
impl Pollable for Settling {
    async fn ready(&mut self) {
        // It fails when the socket is gone, and then nobody waits.
        let _ = self.settled.wait_for(|settled| *settled).await;
        self.waited.store(true, Ordering::Relaxed);
    }
}

/// Begins to connect, if the address is one to connect to; whether it is granted the guest hears at the end, as ever.
async fn start(guest: &mut Guest, id: &Resource<TcpSocket>, to: SocketAddr) -> SocketResult<()> {
    if guest.access.held.tcp.contains_key(&id.rep()) {
        return Err(ErrorCode::InvalidState.into());
    }
    let family = guest
        .sockets()
        .address_family(Resource::new_borrow(id.rep()));
    let family = family.map_err(wasmtime_wasi::p2::SocketError::trap)?;
    if !is_remote(to, family) {
        return Err(ErrorCode::InvalidArgument.into());
    }
    let deck = deck(guest).map_err(wasmtime_wasi::p2::SocketError::trap)?;
    let (reach, denier) = (guest.access.reach.clone(), guest.access.denier.clone());
    let granted = sockets::check(reach, denier, to, SocketAddrUse::TcpConnect).await;
    let line = match granted {
        true => dial(deck, to),
        false => Line::with(to, State::Failed(ErrorCode::AccessDenied)),
    };
    guest.access.held.tcp.insert(id.rep(), Arc::new(line));
    Ok(())
}

/// Whether a client can connect there.
fn is_remote(to: SocketAddr, family: IpAddressFamily) -> bool {
    let of_family = match (to.ip(), family) {
        (IpAddr::V4(ip), IpAddressFamily::Ipv4) => !ip.is_broadcast(),
        (IpAddr::V6(ip), IpAddressFamily::Ipv6) => ip.to_ipv4().is_none() || ip.is_loopback(),
        _ => false,
    };
    of_family && to.port() != 0 && !to.ip().is_unspecified() && !to.ip().is_multicast()
}

impl Line {
    fn with(to: SocketAddr, state: State) -> Self {
        Self {
            to,
            made: Made::new(state),
            waited: Arc::default(),
            _dial: None,
        }
    }

    fn settling(&self) -> Settling {
        Settling {
            settled: self.made.settled.subscribe(),
            waited: self.waited.clone(),
        }
    }
}

/// Connects as the tape says, or to the server, which goes onto the tape.
fn dial(deck: Arc<Deck>, to: SocketAddr) -> Line {
    let name = to.to_string();
    if deck.replays() {
        let state = match deck.tcp_replay(&name) {
            None => State::Failed(ErrorCode::ConnectionRefused),
            Some(answer) => match &answer.error {
                Some(error) => State::Failed(socket_code(error).unwrap_or(ErrorCode::Unknown)),
                None if answer.connected => State::Taped(answer),
                None => State::Pending,
            },
        };
        return Line::with(to, state);
    }
    let made = Made::new(State::Pending);
    let settled = made.clone();
    let dial = spawn(async move {
        let place = deck.tcp_asked(&name);
        let connected = TcpStream::connect(to).await;
        let state = match connected {
            Ok(stream) => match place {
                Some(place) => {
                    deck.at_tcp(place, |answer| answer.connected = true);
                    State::Live(stream, place)
                }
                // There was no room for it: the run has failed.
                None => State::Failed(ErrorCode::OutOfMemory),
            },
            Err(error) => {
                let code = ErrorCode::from(error);
                if let Some(place) = place {
                    let name = Some(socket_name(code).to_owned());
                    deck.at_tcp(place, |answer| answer.error = name);
                }
                State::Failed(code)
            }
        };
        settled.settle(state);
    });
    Line {
        to,
        made,
        waited: Arc::default(),
        _dial: Some(dial),
    }
}

type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

fn finish(guest: &mut Guest, id: &Resource<TcpSocket>) -> SocketResult<Streams> {
    let Some(line) = guest.access.held.tcp.get(&id.rep()).cloned() else {
        return Err(ErrorCode::NotInProgress.into());
    };
    if !line.waited.swap(true, Ordering::Relaxed) {
        return Err(ErrorCode::WouldBlock.into());
    }
    let deck = deck(guest).map_err(wasmtime_wasi::p2::SocketError::trap)?;
    let mut state = line.made.state();
    let (ends, input, output) = match std::mem::replace(&mut *state, State::Pending) {
        State::Pending => return Err(ErrorCode::WouldBlock.into()),
        State::Failed(code) => {
            *state = State::Failed(code);
            return Err(code.into());
        }
        taken @ State::Taken(_) => {
            *state = taken;
            return Err(ErrorCode::NotInProgress.into());
        }
        State::Live(stream, place) => streams::live(stream, deck, place),
        State::Taped(answer) => streams::taped(answer, line.to.to_string(), deck),
    };
    *state = State::Taken(Arc::downgrade(&ends));
    let input = guest.table.push_child(input, id)?;
    let output = guest.table.push_child(output, id)?;
    Ok((input, output))
}

/// The connection of a socket that has one.
fn ends(guest: &Guest, id: &Resource<TcpSocket>) -> Option<(SocketAddr, Option<Arc<Ends>>)> {
    let line = guest.access.held.tcp.get(&id.rep())?;
    match &*line.made.state() {
        State::Taken(ends) => Some((line.to, ends.upgrade())),
        _ => None,
    }
}

/// An address that says nothing of the machine: which port a client has is another one each time.
pub(super) fn nowhere(family: IpAddressFamily) -> IpSocketAddress {
    match family {
        IpAddressFamily::Ipv4 => SocketAddr::from(([0, 0, 0, 0], 0)).into(),
        IpAddressFamily::Ipv6 => SocketAddr::from(([0; 16], 0)).into(),
    }
}

fn local(guest: &mut Guest, id: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
    let again = || Resource::new_borrow(id.rep());
    let family = guest.sockets().address_family(again());
    let family = family.map_err(wasmtime_wasi::p2::SocketError::trap)?;
    if ends(guest, &id).is_none() {
        guest.sockets().local_address(again())?;
    }
    Ok(nowhere(family))
}

/// Puts it in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_connecting(linker)?;
    replace(
        linker,
        CREATE,
        "create-tcp-socket",
        |mut store, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let (made,) = sockets::create_tcp(guest, family)?;
                if let Ok(socket) = &made {
                    // Another socket had its place in the table.
                    guest.access.held.tcp.remove(&socket.rep());
                }
                Ok((made,))
            })
        },
    )?;
    replace(
        linker,
        TCP,
        "[method]tcp-socket.shutdown",
        |mut store, (id, how): (Resource<TcpSocket>, ShutdownType)| {
            Box::new(async move {
                let Some((_, ends)) = ends(store.data_mut(), &id) else {
                    return Ok((Err(ErrorCode::InvalidState),));
                };
                if let Some(ends) = ends {
                    if matches!(how, ShutdownType::Send | ShutdownType::Both) {
                        ends.hush();
                    }
                    if matches!(how, ShutdownType::Receive | ShutdownType::Both) {
                        ends.turn_away();
                    }
                }
                Ok((Ok(()),))
            })
        },
    )?;
    replace(
        linker,
        TCP,
        "[method]tcp-socket.remote-address",
        |mut store, (id,): (Resource<TcpSocket>,)| {
            Box::new(async move {
                let guest = store.data_mut();
                match ends(guest, &id) {
                    Some((to, _)) => Ok((Ok(IpSocketAddress::from(to)),)),
                    None => told(guest.sockets().remote_address(id)),
                }
            })
        },
    )?;
    replace(
        linker,
        TCP,
        "[method]tcp-socket.local-address",
        |mut store, (id,): (Resource<TcpSocket>,)| {
            Box::new(async move { told(local(store.data_mut(), id)) })
        },
    )
}

fn add_connecting(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        TCP,
        "[method]tcp-socket.start-connect",
        |mut store,
         (id, network, to): (Resource<TcpSocket>, Resource<Network>, IpSocketAddress)| {
            Box::new(async move {
                let guest = store.data_mut();
                guest.table.get(&network)?;
                told(start(guest, &id, SocketAddr::from(to)).await)
            })
        },
    )?;
    replace(
        linker,
        TCP,
        "[method]tcp-socket.finish-connect",
        |mut store, (id,): (Resource<TcpSocket>,)| {
            Box::new(async move { told(finish(store.data_mut(), &id)) })
        },
    )?;
    replace(
        linker,
        TCP,
        "[method]tcp-socket.subscribe",
        |mut store, (id,): (Resource<TcpSocket>,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let pollable: Resource<DynPollable> = match guest.access.held.tcp.get(&id.rep()) {
                    Some(line) => {
                        let settling = line.settling();
                        let settling = guest.table.push(settling)?;
                        subscribe(&mut guest.table, settling)?
                    }
                    None => guest.sockets().subscribe(id)?,
                };
                Ok((pollable,))
            })
        },
    )
}
