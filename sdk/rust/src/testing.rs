//! Unit tests that run natively: a host that is made up, and what a run gave.
//!
//! What the real host refuses is refused here too: names, labels, states, duplicates. A test gives the configuration, what is granted and
//! the answers of the world; files and sockets are the machine's own, where they are granted.

mod folder;

use std::collections::BTreeMap;
use std::time::Duration;

pub use folder::Folder;

use crate::config;
use crate::host::{self, Fake};
use crate::http::{Request, Response};
use crate::log::Level;
use crate::{Probe, Result, Status, sql};

/// A host for one probe. It belongs to the thread that runs the test.
pub struct Host(Fake);

/// What a good run gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    values: BTreeMap<(String, Vec<String>), f64>,
    observations: BTreeMap<(String, Vec<String>), Vec<f64>>,
    states: BTreeMap<(String, Vec<String>), String>,
    checks: BTreeMap<String, (Status, String, Option<String>)>,
    /// Events: kind and body.
    pub events: Vec<(String, String)>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host that grants nothing, at the beginning of 2026, with runs every five seconds.
    pub fn new() -> Self {
        Self(Fake {
            now: 1_767_225_600.0,
            interval: 5.0,
            trigger: "test".to_owned(),
            ..Fake::default()
        })
    }

    /// The probe's configuration, as JSON.
    pub fn config(mut self, json: &str) -> Self {
        json.clone_into(&mut self.0.config);
        self
    }

    /// The time of day at the next run, in Unix seconds.
    pub fn at(&mut self, now: f64) -> &mut Self {
        self.0.now = now;
        self
    }

    /// How often the probe runs, in seconds.
    pub fn interval(mut self, seconds: f64) -> Self {
        self.0.interval = seconds;
        self
    }

    /// Seconds that each of its runs has left, none where they are negative or no number. Without this it is what the real host gives where
    /// nothing else is configured: four fifths of the interval, and five seconds at most.
    pub fn time_left(mut self, seconds: f64) -> Self {
        self.0.left = Some(seconds);
        self
    }

    /// Lets it read a file, or a folder with all that is below it.
    pub fn grant_read(mut self, path: impl Into<String>) -> Self {
        self.0.readable.push(path.into());
        self
    }

    /// Lets it connect to a host and port, such as `127.0.0.1:6379` or `localhost:6379`, over TCP.
    pub fn grant_tcp(mut self, address: impl ToString) -> Self {
        self.0.tcp.push(address.to_string());
        self
    }

    /// Lets it exchange datagrams with a host and port over UDP.
    pub fn grant_udp(mut self, address: impl ToString) -> Self {
        self.0.udp.push(address.to_string());
        self
    }

    /// Answers requests to `url` from now on with this status and body; what was said of the URL before is forgotten.
    pub fn http(&mut self, url: &str, status: u16, body: impl Into<Vec<u8>>) -> &mut Self {
        self.http_with_headers(url, status, &[], body)
    }

    /// As [`Host::http`], with headers, whose names are in lower case.
    pub fn http_with_headers(
        &mut self,
        url: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> &mut Self {
        let header = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let response = Response {
            status,
            headers: headers.iter().map(header).collect(),
            body: body.into(),
            is_cut: false,
        };
        self.0.answers.push((url.to_owned(), Ok(response)));
        self
    }

    /// Lets exchanges with `url` last as long as this from now on; else they take no time.
    pub fn http_takes(&mut self, url: &str, took: Duration) -> &mut Self {
        self.0.exchange_takes.insert(url.to_owned(), took);
        self
    }

    /// Lets requests to `url` fail from now on, as when the connection is refused.
    pub fn http_fails(&mut self, url: &str, message: &str) -> &mut Self {
        self.0
            .answers
            .push((url.to_owned(), Err(message.to_owned())));
        self
    }

    /// The requests that were sent.
    pub fn requests(&self) -> &[Request] {
        &self.0.requests
    }

    /// The whole snapshot's JSON document.
    pub fn snapshot(&mut self, json: &str) -> &mut Self {
        json.clone_into(&mut self.0.snapshot);
        self
    }

    /// A series of the snapshot.
    pub fn latest<const L: usize>(
        &mut self,
        metric: &str,
        labels: [&str; L],
        value: f64,
    ) -> &mut Self {
        self.0.latest.insert(
            (metric.to_owned(), labels.map(str::to_owned).to_vec()),
            value,
        );
        self
    }

    /// Grants a secret.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.0
            .secrets
            .insert(name.to_owned(), value.as_bytes().to_vec());
        self
    }

    /// Answers a statement on a database, from now on.
    pub fn sql(
        &mut self,
        database: &str,
        statement: &str,
        columns: &[&str],
        rows: Vec<Vec<sql::Value>>,
    ) -> &mut Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        self.0
            .tables
            .insert((database.to_owned(), statement.to_owned()), (columns, rows));
        self
    }

    /// What the probe remembers of runs before the first.
    pub fn with_state(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        for state in &mut self.0.state {
            state.insert(key.to_owned(), value.clone());
        }
        self
    }

    /// What the probe remembers, committed.
    pub fn state(&self, key: &str) -> Option<String> {
        self.0.state[0]
            .get(key)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The lines logged so far.
    pub fn log(&self) -> Vec<(Level, &str)> {
        self.0
            .lines
            .iter()
            .map(|(level, line)| (*level, line.as_str()))
            .collect()
    }

    /// Starts a probe, as in a new instance.
    ///
    /// # Errors
    /// The probe's, or a fault of its configuration.
    pub fn start<P: Probe>(&mut self) -> Result<P> {
        self.0.ordinal += 1;
        let started = self.call(|| P::start(config::read()?));
        self.0.ordinal -= 1;
        started
    }

    /// One run.
    ///
    /// # Errors
    /// The probe's; then nothing that it wrote or stored is left.
    pub fn collect<P: Probe>(&mut self, probe: &mut P) -> Result<Report> {
        self.0.ordinal += 1;
        self.0.metrics.begin();
        self.0.reports.clear();
        self.0.events.clear();
        let result = self.call(|| probe.collect());
        match result {
            Ok(()) => {
                self.0.metrics.commit();
                self.0.state[0] = self.0.state[1].clone();
                Ok(self.report())
            }
            Err(failure) => {
                self.0.state[1] = self.0.state[0].clone();
                Err(failure)
            }
        }
    }

    /// Does anything that a probe could do inside a call, such as reading what is granted.
    pub fn inside<T>(&mut self, act: impl FnOnce() -> T) -> T {
        self.call(act)
    }

    /// Makes this the thread's host while `act` runs.
    fn call<T>(&mut self, act: impl FnOnce() -> T) -> T {
        let before = host::replace(std::mem::take(&mut self.0));
        let result = act();
        self.0 = host::replace(before);
        result
    }

    fn report(&self) -> Report {
        let checks = self.0.reports.iter().map(|(check, report)| {
            let id = self.0.checks[*check].id.clone();
            (
                id,
                (
                    report.status,
                    report.message.clone(),
                    report.details.clone(),
                ),
            )
        });
        Report {
            values: self.0.metrics.values[0].clone(),
            observations: self.0.metrics.observations[0].clone(),
            states: self.0.metrics.states.clone(),
            checks: checks.collect(),
            events: self.0.events.clone(),
        }
    }
}

impl Report {
    /// A gauge's value, a counter's total, 1 of an info.
    pub fn value<const L: usize>(&self, metric: &str, labels: [&str; L]) -> Option<f64> {
        self.values.get(&series(metric, labels)).copied()
    }

    /// All that a histogram's series has observed.
    pub fn observations<const L: usize>(&self, metric: &str, labels: [&str; L]) -> Option<&[f64]> {
        self.observations
            .get(&series(metric, labels))
            .map(Vec::as_slice)
    }

    /// A state set's active state.
    pub fn active<const L: usize>(&self, metric: &str, labels: [&str; L]) -> Option<&str> {
        self.states.get(&series(metric, labels)).map(String::as_str)
    }

    /// A check's verdict and message.
    pub fn check(&self, id: &str) -> Option<(Status, &str)> {
        self.checks
            .get(id)
            .map(|(status, message, _)| (*status, message.as_str()))
    }

    /// A check's details, as JSON.
    pub fn details(&self, id: &str) -> Option<&str> {
        self.checks.get(id)?.2.as_deref()
    }

    /// Every series that has a value: the metric's name and its label values, in order.
    pub fn series(&self) -> Vec<(&str, Vec<&str>)> {
        let all = self.values.keys().chain(self.observations.keys());
        all.map(|(name, labels)| (name.as_str(), labels.iter().map(String::as_str).collect()))
            .collect()
    }
}

fn series<const L: usize>(metric: &str, labels: [&str; L]) -> (String, Vec<String>) {
    (metric.to_owned(), labels.map(str::to_owned).to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::{SocketAddr, TcpListener, UdpSocket};

    use super::*;
    use crate::net::{Deadline, TcpStream, exchange, lookup};
    use crate::{run, state};

    #[test]
    fn what_was_remembered_before_is_there_in_the_first_run() {
        let mut host = Host::new().with_state("highest", "12");
        assert_eq!(host.inside(|| state::get_text::<u32>("highest")), Some(12));
        assert_eq!(host.state("highest").as_deref(), Some("12"));
    }

    #[test]
    fn a_run_has_the_time_left_that_the_test_gives_it() {
        let left = |mut host: Host| host.inside(run::time_left);
        assert_eq!(left(Host::new()), Duration::from_secs(4));
        assert_eq!(left(Host::new().interval(60.0)), Duration::from_secs(5));
        let long = Host::new().interval(60.0).time_left(600.0);
        assert_eq!(left(long), Duration::from_secs(600));
        for none in [-1.0, f64::NAN] {
            assert_eq!(left(Host::new().time_left(none)), Duration::ZERO);
        }
    }

    #[test]
    fn sockets_are_denied_unless_host_and_port_are_granted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = listener.local_addr().unwrap();
        let other = SocketAddr::new(tcp.ip(), tcp.port() ^ 1);
        let connect = |host: &mut Host, name: &str, port: u16| {
            let connected = host.inside(|| {
                let deadline = Deadline::after(Duration::from_secs(5));
                TcpStream::connect(name, port, &deadline).map(|_| ())
            });
            connected.map_err(|failure| failure.is_denied())
        };
        let mut host = Host::new().grant_tcp(tcp);
        assert_eq!(connect(&mut host, "127.0.0.1", tcp.port()), Ok(()));
        assert_eq!(connect(&mut host, "127.0.0.1", other.port()), Err(true));
        assert_eq!(connect(&mut host, "localhost", tcp.port()), Err(true));
        let mut named = Host::new().grant_tcp(format!("localhost:{}", tcp.port()));
        assert_eq!(connect(&mut named, "localhost", tcp.port()), Ok(()));
        let mut nothing = Host::new();
        assert_eq!(connect(&mut nothing, "127.0.0.1", tcp.port()), Err(true));
        let looked = nothing.inside(|| lookup("localhost", &Deadline::after(Duration::ZERO)));
        assert!(looked.unwrap_err().is_denied());
    }

    #[test]
    fn datagrams_have_grants_of_their_own() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        let ask = move |host: &mut Host| {
            host.inside(|| {
                let deadline = Deadline::after(Duration::from_secs(5));
                exchange(to, b"ping", |answer| answer == b"pong", &deadline)
            })
        };
        assert!(ask(&mut Host::new().grant_tcp(to)).unwrap_err().is_denied());
        let answering = std::thread::spawn(move || {
            let (_, from) = server.recv_from(&mut [0; 4]).unwrap();
            server.send_to(b"pong", from).unwrap();
        });
        assert_eq!(ask(&mut Host::new().grant_udp(to)).unwrap(), b"pong");
        answering.join().unwrap();
    }
}
