//! `wasi:sockets/udp` with a tape: the streams of a socket, with a socket of this host or with the tape behind them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    HostUdpSocket, IncomingDatagram, OutgoingDatagram,
};
use wasmtime_wasi::p2::{DynPollable, SocketError, SocketResult, UdpSocket, subscribe};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsView};

use super::traffic::{Incoming, MAX_DATAGRAM_BYTES, MAX_DATAGRAMS, Outgoing, Traffic};
use super::{deck, told};
use crate::probe::grants::link::{replace, replace_resource};
use crate::probe::grants::sockets;
use crate::probe::host::Guest;

const UDP: &str = "wasi:sockets/udp@0.2.12";
const CREATE: &str = "wasi:sockets/udp-create-socket@0.2.12";

/// What a socket's streams share.
pub(super) struct Ends {
    traffic: Arc<Traffic>,
}

type Streams = (Resource<Incoming>, Resource<Outgoing>);

async fn stream(
    guest: &mut Guest,
    id: Resource<UdpSocket>,
    peer: Option<SocketAddr>,
) -> SocketResult<Streams> {
    let again = || Resource::new_borrow(id.rep());
    let is_stream =
        |child: &(dyn std::any::Any + Send)| child.is::<Incoming>() || child.is::<Outgoing>();
    if guest.table.iter_children(&id)?.any(is_stream) {
        let error = wasmtime::format_err!("UDP streams not dropped yet");
        return Err(SocketError::trap(error));
    }
    // One that is not bound has no streams.
    guest.sockets().local_address(again())?;
    let family = guest.sockets().address_family(again());
    let family = family.map_err(SocketError::trap)?;
    if let Some(peer) = peer {
        if !is_remote(peer, family) {
            return Err(ErrorCode::InvalidArgument.into());
        }
        allowed(guest, peer, SocketAddrUse::UdpSend).await?;
    }
    let deck = deck(guest).map_err(SocketError::trap)?;
    let traffic = Arc::new(Traffic::open(deck, peer, family).await?);
    guest.access.held.udp.insert(
        id.rep(),
        Ends {
            traffic: traffic.clone(),
        },
    );
    let outgoing = Outgoing {
        traffic: traffic.clone(),
        permits: 0,
    };
    let incoming = guest.table.push_child(Incoming(traffic), &id)?;
    let outgoing = guest.table.push_child(outgoing, &id)?;
    Ok((incoming, outgoing))
}

fn is_remote(to: SocketAddr, family: IpAddressFamily) -> bool {
    let of_family = to.is_ipv4() == matches!(family, IpAddressFamily::Ipv4);
    of_family && to.port() != 0 && !to.ip().is_unspecified()
}

/// Whether a socket may be used like that.
fn allowed(
    guest: &Guest,
    address: SocketAddr,
    usage: SocketAddrUse,
) -> impl Future<Output = SocketResult<()>> + use<> {
    let (reach, denier) = (guest.access.reach.clone(), guest.access.denier.clone());
    async move {
        match sockets::check(reach, denier, address, usage).await {
            true => Ok(()),
            false => Err(ErrorCode::AccessDenied.into()),
        }
    }
}

async fn receive(
    guest: &mut Guest,
    id: &Resource<Incoming>,
    most: u64,
) -> SocketResult<Vec<IncomingDatagram>> {
    let traffic = guest.table.get(id)?.0.clone();
    let most = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .min(MAX_DATAGRAMS);
    let mut datagrams = Vec::new();
    while datagrams.len() < most {
        let Some(datagram) = traffic.next() else {
            break;
        };
        let from = datagram.from;
        let known = traffic.peer.is_none_or(|peer| peer == from);
        // What comes unasked is dropped.
        if !known
            || allowed(guest, from, SocketAddrUse::UdpReceive)
                .await
                .is_err()
        {
            continue;
        }
        traffic.note(&datagram);
        datagrams.push(IncomingDatagram {
            data: datagram.data.0,
            remote_address: from.into(),
        });
    }
    Ok(datagrams)
}

async fn send(
    guest: &mut Guest,
    id: &Resource<Outgoing>,
    datagrams: Vec<OutgoingDatagram>,
) -> SocketResult<u64> {
    let outgoing = guest.table.get_mut(id)?;
    if datagrams.len() > std::mem::take(&mut outgoing.permits) && !datagrams.is_empty() {
        let error = wasmtime::format_err!("unpermitted: argument exceeds permitted size");
        return Err(SocketError::trap(error));
    }
    let traffic = outgoing.traffic.clone();
    let mut sent = 0;
    for datagram in datagrams {
        match send_one(guest, &traffic, datagram).await {
            Ok(()) => sent += 1,
            Err(_) if sent > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

async fn send_one(
    guest: &mut Guest,
    traffic: &Traffic,
    datagram: OutgoingDatagram,
) -> SocketResult<()> {
    if datagram.data.len() > MAX_DATAGRAM_BYTES {
        return Err(ErrorCode::DatagramTooLarge.into());
    }
    let given = datagram.remote_address.map(SocketAddr::from);
    let to = match (given, traffic.peer) {
        (Some(to), Some(peer)) if to != peer => None,
        (given, peer) => given.or(peer),
    };
    let Some(to) = to.filter(|to| to.port() != 0 && !to.ip().is_unspecified()) else {
        return Err(ErrorCode::InvalidArgument.into());
    };
    allowed(guest, to, SocketAddrUse::UdpSend).await?;
    traffic.send(to, &datagram.data).await?;
    Ok(())
}

/// Puts it in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace_resource::<Incoming>(linker, UDP, "incoming-datagram-stream")?;
    replace_resource::<Outgoing>(linker, UDP, "outgoing-datagram-stream")?;
    add_sockets(linker)?;
    add_incoming(linker)?;
    add_outgoing(linker)
}

fn add_sockets(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        CREATE,
        "create-udp-socket",
        |mut store, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let (made,) = sockets::create_udp(guest, family).await?;
                if let Ok(socket) = &made {
                    // Another socket had its place in the table.
                    guest.access.held.udp.remove(&socket.rep());
                }
                Ok((made,))
            })
        },
    )?;
    replace(
        linker,
        UDP,
        "[method]udp-socket.stream",
        |mut store, (id, peer): (Resource<UdpSocket>, Option<IpSocketAddress>)| {
            Box::new(async move {
                let peer = peer.map(SocketAddr::from);
                told(stream(store.data_mut(), id, peer).await)
            })
        },
    )?;
    replace(
        linker,
        UDP,
        "[method]udp-socket.remote-address",
        |mut store, (id,): (Resource<UdpSocket>,)| {
            Box::new(async move {
                let ends = store.data_mut().access.held.udp.get(&id.rep());
                let peer = ends.and_then(|ends| ends.traffic.peer);
                let peer = peer.map(IpSocketAddress::from);
                Ok((peer.ok_or(ErrorCode::InvalidState),))
            })
        },
    )?;
    replace(
        linker,
        UDP,
        "[method]udp-socket.local-address",
        |mut store, (id,): (Resource<UdpSocket>,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let again = Resource::new_borrow(id.rep());
                let family = guest.sockets().address_family(again)?;
                let bound = guest.sockets().local_address(id);
                told(bound.map(|_| super::tcp::nowhere(family)))
            })
        },
    )
}

fn add_incoming(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        UDP,
        "[method]incoming-datagram-stream.receive",
        |mut store, (id, most): (Resource<Incoming>, u64)| {
            Box::new(async move { told(receive(store.data_mut(), &id, most).await) })
        },
    )?;
    replace(
        linker,
        UDP,
        "[method]incoming-datagram-stream.subscribe",
        |mut store, (id,): (Resource<Incoming>,)| {
            Box::new(async move {
                let pollable: Resource<DynPollable> = subscribe(&mut store.data_mut().table, id)?;
                Ok((pollable,))
            })
        },
    )
}

fn add_outgoing(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        UDP,
        "[method]outgoing-datagram-stream.check-send",
        |mut store, (id,): (Resource<Outgoing>,)| {
            Box::new(async move {
                store.data_mut().table.get_mut(&id)?.permits = MAX_DATAGRAMS;
                let permits: Result<u64, ErrorCode> = Ok(MAX_DATAGRAMS as u64);
                Ok((permits,))
            })
        },
    )?;
    replace(
        linker,
        UDP,
        "[method]outgoing-datagram-stream.send",
        |mut store, (id, datagrams): (Resource<Outgoing>, Vec<OutgoingDatagram>)| {
            Box::new(async move { told(send(store.data_mut(), &id, datagrams).await) })
        },
    )?;
    replace(
        linker,
        UDP,
        "[method]outgoing-datagram-stream.subscribe",
        |mut store, (id,): (Resource<Outgoing>,)| {
            Box::new(async move {
                let pollable: Resource<DynPollable> = subscribe(&mut store.data_mut().table, id)?;
                Ok((pollable,))
            })
        },
    )
}
