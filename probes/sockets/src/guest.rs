//! The probe as the host sees it.

use std::cell::RefCell;

use kit::folder::{Granted, steady_seconds};
use kit::{Refused, Verdict};

use crate::{
    CHECKS, COUNTERS, Counted, Ended, Judges, STATES, Settings, Sockstat, States, Totals, each_line,
};
use bindings::exports::probity::probe::collector::Guest;
use bindings::probity::health::health::{Check, Status};
use bindings::probity::host::failure::Failure;
use bindings::probity::host::{config, run};
use bindings::probity::metrics::metrics::{Counter, Gauge};

/// Generated from the interface.
#[allow(missing_docs, clippy::all)]
mod bindings {
    use super::Sockets;

    wit_bindgen::generate!({ world: "probe", path: "../../wit/0.1.0", generate_all });
    export!(Sockets with_types_in self);
}

/// Reading stops when less than this is left of the call, so that the run fails by itself and not by its deadline.
const SECONDS_TO_SPARE: f64 = 0.05;

struct Sockets {
    settings: Settings,
    granted: Granted,
    judges: Judges,
    counted: Option<Counted>,
    gauges: Gauges,
    counters: Vec<Counter>,
    checks: Vec<Check>,
}

struct Gauges {
    used: Gauge,
    in_use: Gauge,
    tcp_orphaned: Gauge,
    tcp_time_wait: Gauge,
    tcp_allocated: Gauge,
    memory: Gauge,
    connections: Gauge,
    connections_age: Gauge,
}

thread_local! {
    /// What `start` made for the runs of this instance.
    static STARTED: RefCell<Option<Sockets>> = const { RefCell::new(None) };
}

impl Guest for Sockets {
    fn start() -> Result<(), Failure> {
        let settings = Settings::parse(&config::json())
            .map_err(|fault| Failure::bad_config(&fault.to_string()))?;
        let started = Sockets::new(settings)?;
        STARTED.set(Some(started));
        Ok(())
    }

    fn collect() -> Result<(), Failure> {
        STARTED.with_borrow_mut(|started| match started {
            Some(sockets) => sockets.run(),
            None => Err(Failure::other("collect was called before start")),
        })
    }
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

impl Gauges {
    fn new() -> Result<Self, Failure> {
        let gauge = |name: &str, unit: &str, help: &str, labels: &[&str]| {
            Gauge::define(name, unit, help, &keys(labels))
        };
        Ok(Self {
            used: gauge("sockets_used", "", "Sockets of all kinds in use", &[])?,
            in_use: gauge(
                "sockets_in_use",
                "",
                "Sockets in use by protocol and family",
                &["protocol", "family"],
            )?,
            tcp_orphaned: gauge(
                "sockets_tcp_orphaned",
                "",
                "TCP connections that no process holds any more",
                &[],
            )?,
            tcp_time_wait: gauge(
                "sockets_tcp_time_wait",
                "",
                "TCP connections in TIME_WAIT",
                &[],
            )?,
            tcp_allocated: gauge(
                "sockets_tcp_allocated",
                "",
                "TCP sockets allocated in any state",
                &[],
            )?,
            memory: gauge(
                "sockets_memory_pages",
                "pages",
                "Memory pages in the buffers of the protocol's sockets",
                &["protocol"],
            )?,
            connections: gauge(
                "sockets_tcp_connections",
                "",
                "TCP connections by family and state",
                &["family", "state"],
            )?,
            connections_age: gauge(
                "sockets_tcp_connections_age_seconds",
                "seconds",
                "Time since connections were counted by state",
                &[],
            )?,
        })
    }

    fn set_sockstat(&self, sockstat: &Sockstat) -> Result<(), Failure> {
        for (gauge, value) in [
            (&self.used, sockstat.used),
            (&self.tcp_orphaned, sockstat.tcp_orphaned),
            (&self.tcp_time_wait, sockstat.tcp_time_wait),
            (&self.tcp_allocated, sockstat.tcp_allocated),
        ] {
            value.map_or(Ok(()), |value| gauge.set(&[], value as f64))?;
        }
        for (protocol, family, value) in &sockstat.in_use {
            self.in_use.set(&keys(&[protocol, family]), *value as f64)?;
        }
        for (protocol, pages) in &sockstat.memory {
            self.memory.set(&keys(&[protocol]), *pages as f64)?;
        }
        Ok(())
    }

    fn set_states(&self, counted: &Counted, now: f64) -> Result<(), Failure> {
        for (family, states) in &counted.families {
            for (state, count) in STATES.iter().zip(states.counts) {
                self.connections
                    .set(&keys(&[family, state]), count as f64)?;
            }
        }
        self.connections_age.set(&[], now - counted.at)
    }
}

impl Sockets {
    fn new(settings: Settings) -> Result<Self, Failure> {
        let counter = |counter: &crate::Counter| {
            let labels: &[&str] = if counter.sources.len() > 1 {
                &["family"]
            } else {
                &[]
            };
            Counter::define(counter.name, "", counter.help, &keys(labels))
        };
        let check = |(id, title): &(&str, &str)| Check::define(id, title);
        Ok(Self {
            settings,
            granted: Granted::folders(),
            judges: Judges::default(),
            counted: None,
            gauges: Gauges::new()?,
            counters: COUNTERS.iter().map(counter).collect::<Result<_, _>>()?,
            checks: CHECKS.iter().map(check).collect::<Result<_, _>>()?,
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        let mut sockstat = Sockstat::default();
        if !self.read("sockstat", |line| sockstat.line(line))? {
            let message = format!(
                "{}/sockstat does not exist: is this Linux?",
                self.settings.folder
            );
            return Err(Failure::not_applicable(&message));
        }
        self.read("sockstat6", |line| sockstat.line(line))?;
        self.gauges.set_sockstat(&sockstat)?;

        let mut totals = Totals::default();
        self.read("snmp", |line| totals.table_line(line))?;
        self.read("netstat", |line| totals.table_line(line))?;
        self.read("snmp6", |line| totals.snmp6_line(line))?;
        for (place, source, total) in totals.present() {
            let labels = if source.family.is_empty() {
                Vec::new()
            } else {
                keys(&[source.family])
            };
            self.counters[place].mirror(&labels, total as f64)?;
        }

        let now = steady_seconds();
        let close_wait = self.states(now)?;
        let judgements = self.judges.judge(
            &self.settings,
            now,
            totals,
            sockstat.tcp_time_wait,
            close_wait,
        );
        for one in judgements {
            self.checks[one.check].report(status(one.verdict), &one.message);
        }
        Ok(())
    }

    /// Counts connections by state and family when it is time, and shows the last count; gives those in CLOSE_WAIT.
    fn states(&mut self, now: f64) -> Result<Option<u64>, Failure> {
        if !self.settings.states {
            return Ok(None);
        }
        if Counted::is_due(self.counted.as_ref(), self.settings.states_every, now) {
            let families = self.count_states()?;
            self.counted = Some(Counted { at: now, families });
        }
        let Some(counted) = &self.counted else {
            return Ok(None);
        };
        self.gauges.set_states(counted, now)?;
        Ok(counted.close_wait())
    }

    fn count_states(&self) -> Result<Vec<(&'static str, States)>, Failure> {
        let mut families = Vec::new();
        for (file, family) in [("tcp", "ipv4"), ("tcp6", "ipv6")] {
            let mut states = States::default();
            if self.read(file, |line| states.line(line))? {
                families.push((family, states));
            }
        }
        Ok(families)
    }

    /// Reads a file's lines; false when there is no such file on this machine.
    fn read(&self, file: &str, each: impl FnMut(&[u8])) -> Result<bool, Failure> {
        let path = format!("{}/{file}", self.settings.folder);
        let ended = match self.granted.file(&path) {
            Err(Refused::Missing) => return Ok(false),
            Err(refused) => Err(refused),
            Ok(mut file) => each_line(
                || file.portion(),
                || run::seconds_left() > SECONDS_TO_SPARE,
                each,
            ),
        };
        match ended {
            Ok(Ended::Whole) => Ok(true),
            Ok(Ended::Stopped) => Err(Failure::unavailable(&format!(
                "{path} is too long to read before the deadline: raise limits.deadline, or set `states = false`"
            ))),
            Ok(Ended::LongLine) => Err(Failure::unavailable(&format!(
                "{path} has a line of over 32 KiB"
            ))),
            Err(refused) => Err(self.failure(&path, refused)),
        }
    }

    fn failure(&self, path: &str, refused: Refused) -> Failure {
        let folder = &self.settings.folder;
        match refused {
            Refused::NotGranted => Failure::denied(&format!(
                "{folder} is not granted: add `grant.read = [\"{folder}\"]` to this probe's section"
            )),
            Refused::Missing => Failure::unavailable(&format!("{path} has gone")),
            Refused::Because(reason) => Failure::unavailable(&format!("{path}: {reason}")),
        }
    }
}

fn status(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Pass => Status::Pass,
        Verdict::Warn => Status::Warn,
        Verdict::Fail => Status::Fail,
    }
}
