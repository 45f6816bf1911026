//! The machine's own sockets, for unit tests.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use super::{Deadline, MOST_DATAGRAMS, flooded};
use crate::{Failure, Result, host};

pub(super) struct Tcp(std::net::TcpStream);

impl Tcp {
    pub(super) fn connect(to: SocketAddr, deadline: &Deadline) -> Result<Self> {
        granted(&host::with(|host| host.tcp.clone()), to)?;
        let stream = std::net::TcpStream::connect_timeout(&to, left(deadline)?);
        stream.map(Self).map_err(|error| told(&error, deadline))
    }

    pub(super) fn write(&mut self, bytes: &[u8], deadline: &Deadline) -> Result<()> {
        let written = self
            .0
            .set_write_timeout(Some(left(deadline)?))
            .and_then(|()| self.0.write_all(bytes));
        written.map_err(|error| told(&error, deadline))
    }

    pub(super) fn read(&mut self, most: usize, deadline: &Deadline) -> Result<Vec<u8>> {
        let mut bytes = vec![0; most.min(64 * 1024)];
        let read = self
            .0
            .set_read_timeout(Some(left(deadline)?))
            .and_then(|()| self.0.read(&mut bytes));
        bytes.truncate(read.map_err(|error| told(&error, deadline))?);
        Ok(bytes)
    }
}

pub(super) fn exchange(
    to: SocketAddr,
    datagram: &[u8],
    is_answer: &dyn Fn(&[u8]) -> bool,
    deadline: &Deadline,
) -> Result<Vec<u8>> {
    granted(&host::with(|host| host.udp.clone()), to)?;
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let answer = |socket: &UdpSocket| {
        for _ in 0..MOST_DATAGRAMS {
            let mut bytes = vec![0; 64 * 1024];
            socket.set_read_timeout(Some(left(deadline)?))?;
            let length = socket
                .recv(&mut bytes)
                .map_err(|error| told(&error, deadline))?;
            bytes.truncate(length);
            if is_answer(&bytes) {
                return Ok(bytes);
            }
        }
        Err(flooded())
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    socket
        .send(datagram)
        .map_err(|error| told(&error, deadline))?;
    answer(&socket)
}

/// Whether an address is one of those that are granted, by name or as they are.
fn granted(grants: &[String], to: SocketAddr) -> Result<()> {
    let leads = |grant: &String| {
        let addresses = grant.to_socket_addrs();
        addresses.is_ok_and(|mut all| all.any(|address| address == to))
    };
    if grants.iter().any(leads) {
        return Ok(());
    }
    let message = format!("{to} is not granted (`grant.tcp` or `grant.udp`)");
    Err(Failure::denied(message))
}

pub(super) fn lookup(host: &str, _: &Deadline) -> Result<Vec<IpAddr>> {
    let names = |grant: &String| grant.rsplit_once(':').is_some_and(|(name, _)| name == host);
    let is_named = host::with(|here| here.tcp.iter().chain(&here.udp).any(names));
    if !is_named {
        return Err(Failure::denied(format!(
            "{host} is not granted (`grant.tcp` or `grant.udp`)"
        )));
    }
    match (host, 0).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
        Err(_) => Err(Failure::unavailable(format!(
            "the name {host} is not known"
        ))),
    }
}

fn left(deadline: &Deadline) -> Result<Duration> {
    match deadline.left() {
        Duration::ZERO => Err(deadline.passed()),
        left => Ok(left),
    }
}

fn told(error: &io::Error, deadline: &Deadline) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => deadline.passed(),
        ErrorKind::ConnectionRefused => Failure::unavailable("the connection was refused"),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            Failure::unavailable("the connection broke off")
        }
        _ => Failure::unavailable(error.to_string()),
    }
}
