//! TCP, UDP and name lookup.

use std::net::SocketAddr;

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

use super::{Answer, name};

fn address(text: &str) -> Result<(IpAddressFamily, IpSocketAddress), String> {
    Ok(match text.parse().map_err(name)? {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            let address = Ipv4SocketAddress {
                port: address.port(),
                address: (a, b, c, d),
            };
            (IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(address))
        }
        SocketAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.ip().segments();
            let address = Ipv6SocketAddress {
                port: address.port(),
                flow_info: 0,
                address: (a, b, c, d, e, f, g, h),
                scope_id: 0,
            };
            (IpAddressFamily::Ipv6, IpSocketAddress::Ipv6(address))
        }
    })
}

/// Connects, says `ping`, and gives the first bytes that come back.
pub fn tcp(to: &str) -> Answer {
    let (family, to) = address(to)?;
    let socket = create_tcp_socket(family).map_err(name)?;
    socket
        .start_connect(&instance_network(), to)
        .map_err(name)?;
    let (input, output) = loop {
        socket.subscribe().block();
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => {}
            other => break other.map_err(name)?,
        }
    };
    output.blocking_write_and_flush(b"ping").map_err(name)?;
    let answer = input.blocking_read(100).map_err(name)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Listens on a port of the kernel's choice.
pub fn listen() -> Answer {
    let (family, any) = address("0.0.0.0:0")?;
    let socket = create_tcp_socket(family).map_err(name)?;
    socket.start_bind(&instance_network(), any).map_err(name)?;
    socket.finish_bind().map_err(name)?;
    socket.start_listen().map_err(name)?;
    socket.finish_listen().map_err(name)?;
    Ok("listens".into())
}

fn full(count: usize, error: ErrorCode) -> String {
    format!("{count} and then {}", name(error))
}

/// Makes sockets until the host refuses, and says how many it got and why no more.
pub fn hoard() -> Answer {
    let mut sockets = Vec::new();
    let mut others = Vec::new();
    loop {
        match create_tcp_socket(IpAddressFamily::Ipv4) {
            Ok(socket) => sockets.push(socket),
            Err(error) => return Ok(full(sockets.len() + others.len(), error)),
        }
        match create_udp_socket(IpAddressFamily::Ipv4) {
            Ok(socket) => others.push(socket),
            Err(error) => return Ok(full(sockets.len() + others.len(), error)),
        }
    }
}

/// Sends `ping` and gives the datagram that comes back.
pub fn udp(to: &str) -> Answer {
    let (family, to) = address(to)?;
    let (_, any) = address(match family {
        IpAddressFamily::Ipv4 => "0.0.0.0:0",
        IpAddressFamily::Ipv6 => "[::]:0",
    })?;
    let socket = create_udp_socket(family).map_err(name)?;
    socket.start_bind(&instance_network(), any).map_err(name)?;
    socket.finish_bind().map_err(name)?;
    let (incoming, outgoing) = socket.stream(None).map_err(name)?;
    outgoing.subscribe().block();
    outgoing.check_send().map_err(name)?;
    let datagram = OutgoingDatagram {
        data: b"ping".to_vec(),
        remote_address: Some(to),
    };
    outgoing.send(&[datagram]).map_err(name)?;
    incoming.subscribe().block();
    let received = incoming.receive(1).map_err(name)?;
    let data = received.first().map(|datagram| datagram.data.clone());
    Ok(String::from_utf8_lossy(&data.unwrap_or_default()).into_owned())
}

/// The addresses of a name.
pub fn resolve(host: &str) -> Answer {
    let stream = resolve_addresses(&instance_network(), host).map_err(name)?;
    let mut found = Vec::new();
    loop {
        stream.subscribe().block();
        match stream.resolve_next_address().map_err(name)? {
            Some(IpAddress::Ipv4((a, b, c, d))) => found.push(format!("{a}.{b}.{c}.{d}")),
            Some(IpAddress::Ipv6(segments)) => found.push(format!("{segments:?}")),
            None => return Ok(found.join(" ")),
        }
    }
}
