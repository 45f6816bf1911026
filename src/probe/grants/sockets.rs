//! `wasi:sockets` for guests: TCP and UDP to granted hosts and ports, from a client's side only.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{SocketResult, TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsView};

use super::Reach;
use super::denied::{Attempt, Denier};
use super::link::replace;
use super::origin::Endpoint;
use super::resolve::Lookups;
use crate::probe::host::Guest;

const CREATE_TCP: &str = "wasi:sockets/tcp-create-socket@0.2.12";
const CREATE_UDP: &str = "wasi:sockets/udp-create-socket@0.2.12";

/// Sockets that one instance holds at once. Making one needs no grant, so that the address in question is known when it is
/// refused; each costs the host a descriptor.
const MAX_SOCKETS: usize = 32;

/// The sockets that an instance has made and may still hold, by their places in its table.
#[derive(Default)]
pub(super) struct Sockets(HashSet<u32>);

impl Sockets {
    fn has_room(&mut self, table: &ResourceTable) -> bool {
        let live = |id: &u32| {
            table.get(&Resource::<TcpSocket>::new_borrow(*id)).is_ok()
                || table.get(&Resource::<UdpSocket>::new_borrow(*id)).is_ok()
        };
        self.0.retain(live);
        self.0.len() < MAX_SOCKETS
    }
}

/// Puts the limit on sockets in.
///
/// # Errors
/// When wasmtime's interface is not the expected one.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    replace(
        linker,
        CREATE_TCP,
        "create-tcp-socket",
        |mut store, (family,): (IpAddressFamily,)| {
            Box::new(async move { create_tcp(store.data_mut(), family) })
        },
    )?;
    replace(
        linker,
        CREATE_UDP,
        "create-udp-socket",
        |mut store, (family,): (IpAddressFamily,)| {
            Box::new(async move { create_udp(store.data_mut(), family).await })
        },
    )
}

/// What a guest gets that asks for a socket.
type Made<T> = wasmtime::Result<(Result<Resource<T>, ErrorCode>,)>;

/// Makes a TCP socket, unless there are too many.
pub(super) fn create_tcp(guest: &mut Guest, family: IpAddressFamily) -> Made<TcpSocket> {
    if !guest.access.sockets.has_room(&guest.table) {
        return Ok((Err(ErrorCode::NewSocketLimit),));
    }
    let made = tcp_create_socket::Host::create_tcp_socket(&mut guest.sockets(), family);
    told(guest, made)
}

/// Makes a UDP socket, unless there are too many.
pub(super) async fn create_udp(guest: &mut Guest, family: IpAddressFamily) -> Made<UdpSocket> {
    if !guest.access.sockets.has_room(&guest.table) {
        return Ok((Err(ErrorCode::NewSocketLimit),));
    }
    let made = udp_create_socket::Host::create_udp_socket(&mut guest.sockets(), family).await;
    told(guest, made)
}

/// What the guest gets, and a note of the socket.
fn told<T: 'static>(guest: &mut Guest, made: SocketResult<Resource<T>>) -> Made<T> {
    match made {
        Ok(socket) => {
            guest.access.sockets.0.insert(socket.rep());
            Ok((Ok(socket),))
        }
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Whether a socket may be used like that. What is refused on the way out is noted; what comes in unasked is not the
/// guest's doing.
pub(super) async fn check(
    reach: Arc<Reach>,
    denier: Denier,
    address: SocketAddr,
    usage: SocketAddrUse,
) -> bool {
    let (grants, lookups) = (&reach.grants, &reach.lookups);
    match usage {
        // A client leaves its own end to the kernel.
        SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => {
            let fine = address.ip().is_unspecified() && address.port() == 0;
            if !fine {
                denier.note(&Attempt::never(format!("bind to {address}")));
            }
            fine
        }
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => {
            denier.note(&Attempt::never("listen for TCP connections"));
            false
        }
        SocketAddrUse::TcpConnect => {
            let fine = is_granted(&grants.tcp, lookups, address).await;
            if !fine {
                denier.note(&Attempt::tcp(address));
            }
            fine
        }
        SocketAddrUse::UdpSend => {
            let fine = is_granted(&grants.udp, lookups, address).await;
            if !fine {
                denier.note(&Attempt::udp(address));
            }
            fine
        }
        SocketAddrUse::UdpReceive => is_granted(&grants.udp, lookups, address).await,
    }
}

/// Whether one of the endpoints is at `address`: as it is written, or as its name leads there.
async fn is_granted(granted: &[Endpoint], lookups: &Lookups, address: SocketAddr) -> bool {
    for endpoint in granted.iter().filter(|one| one.port == address.port()) {
        if lookups.leads_to(&endpoint.host, address.ip()).await {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::denied::tests::{denier, told};
    use super::super::tests::reach;
    use super::super::{Grants, resolve::tests::Fixed};
    use super::*;

    fn granting(tcp: &[&str], udp: &[&str]) -> Arc<Reach> {
        let list = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let grants = Grants {
            tcp: list(tcp),
            udp: list(udp),
            ..Grants::default()
        };
        let resolver = Fixed(vec![
            "10.0.0.5".parse().unwrap(),
            "127.0.0.1".parse().unwrap(),
        ]);
        reach(grants, resolver)
    }

    #[tokio::test]
    async fn g37_only_a_granted_host_and_port_is_connected_to() {
        let reach = granting(
            &["127.0.0.1:6379", "db.internal:5432", "localhost:80"],
            &["[::1]:53"],
        );
        let check = async |address: &str, usage| {
            let denier = denier();
            let fine = check(
                reach.clone(),
                denier.clone(),
                address.parse().unwrap(),
                usage,
            )
            .await;
            assert_eq!(fine, told(&denier).is_empty(), "{address}");
            fine
        };
        for address in [
            "127.0.0.1:6379",
            "10.0.0.5:5432",
            "127.0.0.1:80",
            "[::1]:80",
        ] {
            assert!(check(address, SocketAddrUse::TcpConnect).await, "{address}");
            assert!(!check(address, SocketAddrUse::UdpSend).await, "{address}");
        }
        for address in [
            "127.0.0.1:6380",
            "127.0.0.2:6379",
            "10.0.0.5:6379",
            "10.0.0.6:5432",
            "[::ffff:127.0.0.1]:6379",
            "[::1]:53",
            // The name leads there too, which a name must not.
            "127.0.0.1:5432",
        ] {
            assert!(
                !check(address, SocketAddrUse::TcpConnect).await,
                "{address}"
            );
        }
        assert!(check("[::1]:53", SocketAddrUse::UdpSend).await);
    }

    #[tokio::test]
    async fn g37_no_socket_listens() {
        let reach = granting(&["127.0.0.1:6379"], &["127.0.0.1:53"]);
        let check = async |address: &str, usage| {
            check(reach.clone(), denier(), address.parse().unwrap(), usage).await
        };
        for usage in [SocketAddrUse::TcpBind, SocketAddrUse::UdpBind] {
            assert!(check("0.0.0.0:0", usage).await && check("[::]:0", usage).await);
            assert!(!check("0.0.0.0:8080", usage).await && !check("127.0.0.1:0", usage).await);
        }
        for usage in [SocketAddrUse::TcpListen, SocketAddrUse::TcpAccept] {
            assert!(!check("127.0.0.1:6379", usage).await);
        }
        assert!(!check("127.0.0.1:54", SocketAddrUse::UdpReceive).await);
    }

    #[tokio::test]
    async fn what_is_refused_is_told_with_the_line_that_grants_it() {
        let denier = denier();
        let address = "10.1.1.1:5432".parse().unwrap();
        check(
            granting(&[], &[]),
            denier.clone(),
            address,
            SocketAddrUse::TcpConnect,
        )
        .await;
        let (attempt, grant) = &told(&denier)[0];
        assert_eq!(attempt, "TCP to 10.1.1.1:5432");
        assert_eq!(
            grant.as_deref(),
            Some("grant = { tcp = [\"10.1.1.1:5432\"] }")
        );
    }
}
