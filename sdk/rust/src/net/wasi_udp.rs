//! Datagrams through WASI's own interfaces.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

use super::wasi::{address, family, refused};
use super::{Deadline, MOST_DATAGRAMS, flooded};
use crate::Result;

/// Datagrams taken at once.
const AT_ONCE: u64 = 16;

pub(super) fn exchange(
    to: SocketAddr,
    datagram: &[u8],
    is_answer: &dyn Fn(&[u8]) -> bool,
    deadline: &Deadline,
) -> Result<Vec<u8>> {
    let told = |code: ErrorCode| refused(code, &to);
    let any = match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = create_udp_socket(family(&to)).map_err(told)?;
    let ready = socket.subscribe();
    socket
        .start_bind(&instance_network(), address(&any))
        .map_err(told)?;
    while let Err(code) = socket.finish_bind() {
        match code {
            ErrorCode::WouldBlock => deadline.wait(&ready)?,
            code => return Err(told(code)),
        }
    }
    let (incoming, outgoing) = socket.stream(Some(address(&to))).map_err(told)?;
    let writable = outgoing.subscribe();
    while outgoing.check_send().map_err(told)? == 0 {
        deadline.wait(&writable)?;
    }
    let one = OutgoingDatagram {
        data: datagram.to_vec(),
        remote_address: None,
    };
    outgoing.send(&[one]).map_err(told)?;
    let readable = incoming.subscribe();
    let mut looked_at = 0;
    while looked_at < MOST_DATAGRAMS {
        let arrived = incoming.receive(AT_ONCE).map_err(told)?;
        if arrived.is_empty() {
            deadline.wait(&readable)?;
        }
        looked_at += arrived.len();
        if let Some(answer) = arrived.into_iter().find(|one| is_answer(&one.data)) {
            return Ok(answer.data);
        }
    }
    Err(flooded())
}
