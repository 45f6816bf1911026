//! `wasi:sockets/ip-name-lookup` for guests: the names that are granted for TCP or UDP, and addresses as they are.

use std::net::IpAddr;
use std::vec;

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, subscribe};

use super::Reach;
use super::denied::{Attempt, Denier};
use super::link::{replace, replace_resource};
use super::origin::Host;
use super::resolve::Unresolved;
use crate::probe::host::Guest;

const LOOKUP: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// The answer of one lookup. It is whole from the beginning: the guest waits in the call.
struct Addresses(vec::IntoIter<IpAddr>);

#[async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {}
}

/// Puts the lookup of this host in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace_resource::<Addresses>(linker, LOOKUP, "resolve-address-stream")?;
    replace(
        linker,
        LOOKUP,
        "resolve-addresses",
        |mut store, (network, name): (Resource<Network>, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                guest.table.get(&network)?;
                let (reach, denier) = (guest.access.reach.clone(), guest.access.denier.clone());
                Ok((match look_up(&reach, &denier, &name).await {
                    Ok(found) => Ok(guest.table.push(Addresses(found.into_iter()))?),
                    Err(code) => Err(code),
                },))
            })
        },
    )?;
    replace(
        linker,
        LOOKUP,
        "[method]resolve-address-stream.resolve-next-address",
        |mut store, (stream,): (Resource<Addresses>,)| {
            Box::new(async move {
                let next = store.data_mut().table.get_mut(&stream)?.0.next();
                let next: Result<Option<IpAddress>, ErrorCode> = Ok(next.map(IpAddress::from));
                Ok((next,))
            })
        },
    )?;
    replace(
        linker,
        LOOKUP,
        "[method]resolve-address-stream.subscribe",
        |mut store, (stream,): (Resource<Addresses>,)| {
            Box::new(async move {
                let pollable: Resource<DynPollable> =
                    subscribe(&mut store.data_mut().table, stream)?;
                Ok((pollable,))
            })
        },
    )
}

async fn look_up(reach: &Reach, denier: &Denier, name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![address]);
    }
    let host: Host = name.parse().map_err(|_| ErrorCode::InvalidArgument)?;
    let mut granted = reach.grants.tcp.iter().chain(&reach.grants.udp);
    if !granted.any(|one| one.host == host) {
        denier.note(&Attempt::lookup(name));
        return Err(ErrorCode::AccessDenied);
    }
    match reach.lookups.addresses(&host).await {
        Ok(found) => Ok(found),
        Err(Unresolved::Failed(_)) => Err(ErrorCode::NameUnresolvable),
        Err(Unresolved::Prohibited(address, why)) => {
            let what = format!("reach {address} by the name {name}: it is {why}");
            denier.note(&Attempt::never(what));
            Err(ErrorCode::AccessDenied)
        }
    }
}
