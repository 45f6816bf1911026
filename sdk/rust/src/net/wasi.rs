//! Sockets through WASI's own interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use super::Deadline;
use crate::{Failure, Result};

pub(super) use super::wasi_udp::exchange;

/// Bytes that are sent or asked for at once.
const PORTION: u64 = 16 * 1024;

/// A connection. The streams come before the socket that they are of, for they have to be dropped before it.
pub(super) struct Tcp {
    input: InputStream,
    output: OutputStream,
    _socket: TcpSocket,
}

impl Tcp {
    pub(super) fn connect(to: SocketAddr, deadline: &Deadline) -> Result<Self> {
        let network = instance_network();
        let socket = create_tcp_socket(family(&to)).map_err(|code| refused(code, &to))?;
        socket
            .start_connect(&network, address(&to))
            .map_err(|code| refused(code, &to))?;
        let ready = socket.subscribe();
        loop {
            match socket.finish_connect() {
                Ok((input, output)) => {
                    drop(ready);
                    return Ok(Self {
                        input,
                        output,
                        _socket: socket,
                    });
                }
                Err(ErrorCode::WouldBlock) => deadline.wait(&ready)?,
                Err(code) => return Err(refused(code, &to)),
            }
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8], deadline: &Deadline) -> Result<()> {
        let ready = self.output.subscribe();
        while !bytes.is_empty() {
            deadline.wait(&ready)?;
            let room = self
                .output
                .check_write()
                .map_err(|error| broken(&error))?
                .min(PORTION);
            let room = usize::try_from(room)
                .unwrap_or(bytes.len())
                .min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.output.write(now).map_err(|error| broken(&error))?;
            bytes = later;
        }
        self.output.flush().map_err(|error| broken(&error))
    }

    pub(super) fn read(&mut self, most: usize, deadline: &Deadline) -> Result<Vec<u8>> {
        let ready = self.input.subscribe();
        let most = u64::try_from(most).unwrap_or(PORTION).min(PORTION);
        loop {
            match self.input.read(most) {
                Ok(bytes) if bytes.is_empty() => deadline.wait(&ready)?,
                Ok(bytes) => return Ok(bytes),
                Err(StreamError::Closed) => return Ok(Vec::new()),
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

impl Deadline {
    /// Waits until something is ready.
    pub(super) fn wait(&self, ready: &Pollable) -> Result<()> {
        let left = u64::try_from(self.left().as_nanos()).unwrap_or(u64::MAX);
        let timer = monotonic_clock::subscribe_duration(left);
        poll(&[ready, &timer]);
        if ready.ready() {
            Ok(())
        } else {
            Err(self.passed())
        }
    }
}

pub(super) fn lookup(host: &str, deadline: &Deadline) -> Result<Vec<IpAddr>> {
    let told = |code: ErrorCode| match code {
        ErrorCode::AccessDenied => Failure::denied(format!(
            "{host} is not granted (`grant.tcp` or `grant.udp`)"
        )),
        ErrorCode::NameUnresolvable => {
            Failure::unavailable(format!("the name {host} is not known"))
        }
        other => Failure::unavailable(format!(
            "the name {host} cannot be looked up: {}",
            other.name()
        )),
    };
    let stream = ip_name_lookup::resolve_addresses(&instance_network(), host).map_err(told)?;
    let ready = stream.subscribe();
    let mut addresses = Vec::new();
    loop {
        match stream.resolve_next_address() {
            Ok(Some(IpAddress::Ipv4((a, b, c, d)))) => {
                addresses.push(Ipv4Addr::new(a, b, c, d).into())
            }
            Ok(Some(IpAddress::Ipv6((a, b, c, d, e, f, g, h)))) => {
                addresses.push(Ipv6Addr::new(a, b, c, d, e, f, g, h).into());
            }
            Ok(None) => return Ok(addresses),
            Err(ErrorCode::WouldBlock) => deadline.wait(&ready)?,
            Err(code) => return Err(told(code)),
        }
    }
}

pub(super) fn family(address: &SocketAddr) -> IpAddressFamily {
    match address {
        SocketAddr::V4(_) => IpAddressFamily::Ipv4,
        SocketAddr::V6(_) => IpAddressFamily::Ipv6,
    }
}

pub(super) fn address(address: &SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(v4) => {
            let [a, b, c, d] = v4.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: v4.port(),
                address: (a, b, c, d),
            })
        }
        SocketAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h] = v6.ip().segments();
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: v6.port(),
                flow_info: v6.flowinfo(),
                address: (a, b, c, d, e, f, g, h),
                scope_id: v6.scope_id(),
            })
        }
    }
}

pub(super) fn refused(code: ErrorCode, to: &SocketAddr) -> Failure {
    match code {
        ErrorCode::AccessDenied => {
            Failure::denied(format!("{to} is not granted (`grant.tcp` or `grant.udp`)"))
        }
        ErrorCode::ConnectionRefused => Failure::unavailable("the connection was refused"),
        ErrorCode::ConnectionReset | ErrorCode::ConnectionAborted => {
            Failure::unavailable("the connection broke off")
        }
        ErrorCode::Timeout => Failure::unavailable("there was no answer in time"),
        ErrorCode::RemoteUnreachable => Failure::unavailable("there is no way to it"),
        other => Failure::unavailable(format!("{to} cannot be reached: {}", other.name())),
    }
}

/// No more is said: what the error adds is for whoever debugs the host, a stack of its calls included, and costs more to put together than
/// the rest of a run.
fn broken(_: &StreamError) -> Failure {
    Failure::unavailable("the connection broke off")
}
