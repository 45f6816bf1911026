//! What the host calls.

use std::time::Duration;

use probity_sdk::clock;
use probity_sdk::files::{self, FileError, Refused};
use probity_sdk::lines::Ended;
use probity_sdk::prelude::*;

use crate::{CHECKS, COUNTERS, Counted, Judges, STATES, Settings, Sockstat, States, Totals};

/// Reading stops when less than this is left of the call, so that the run fails by itself and not by its deadline.
const TO_SPARE: Duration = Duration::from_millis(50);

struct Sockets {
    settings: Settings,
    judges: Judges,
    counted: Option<Counted>,
    gauges: Gauges,
    counters: Vec<Total>,
    checks: Vec<Check>,
}

struct Gauges {
    used: Gauge,
    in_use: Gauge<2>,
    tcp_orphaned: Gauge,
    tcp_time_wait: Gauge,
    tcp_allocated: Gauge,
    memory: Gauge<1>,
    connections: Gauge<2>,
    connections_age: Gauge,
}

/// A counter: labelled by family where each has its own.
enum Total {
    OfBoth(Counter),
    OfEach(Counter<1>),
}

probity_sdk::probe!(Sockets);

impl Probe for Sockets {
    type Config = Settings;

    fn start(settings: Settings) -> Result<Self> {
        let check = |(id, title): &(&str, &str)| Check::define(id, title);
        Ok(Self {
            settings,
            judges: Judges::default(),
            counted: None,
            gauges: Gauges::new()?,
            counters: COUNTERS.iter().map(Total::new).collect::<Result<_>>()?,
            checks: CHECKS.iter().map(check).collect::<Result<_>>()?,
        })
    }

    fn collect(&mut self) -> Result<()> {
        files::require(self.settings.folder.as_str())?;
        let mut sockstat = Sockstat::default();
        if !self.read("sockstat", &mut |line| sockstat.line(line))? {
            return Err(Failure::not_applicable(format!(
                "{} does not exist: is this Linux?",
                self.settings.folder.join("sockstat")
            )));
        }
        self.read("sockstat6", &mut |line| sockstat.line(line))?;
        self.gauges.set_sockstat(&sockstat)?;

        let totals = self.totals()?;
        for (place, source, total) in totals.present() {
            self.counters[place].mirror(source.family, total as f64)?;
        }

        let now = clock::steady().as_secs_f64();
        let close_wait = self.states(now)?;
        let judgements = self.judges.judge(
            &self.settings,
            now,
            totals,
            sockstat.tcp_time_wait,
            close_wait,
        );
        for one in judgements {
            self.checks[one.check].report(one.verdict, &one.message);
        }
        Ok(())
    }
}

impl Sockets {
    fn totals(&self) -> Result<Totals> {
        let mut totals = Totals::default();
        self.read("snmp", &mut |line| totals.table_line(line))?;
        self.read("netstat", &mut |line| totals.table_line(line))?;
        self.read("snmp6", &mut |line| totals.snmp6_line(line))?;
        Ok(totals)
    }

    /// Counts connections by state and family when it is time, and shows the last count; gives those in CLOSE_WAIT.
    fn states(&mut self, now: f64) -> Result<Option<u64>> {
        if !self.settings.states {
            return Ok(None);
        }
        if Counted::is_due(self.counted.as_ref(), self.settings.states_every.0, now) {
            let families = self.count_states()?;
            self.counted = Some(Counted { at: now, families });
        }
        let Some(counted) = &self.counted else {
            return Ok(None);
        };
        self.gauges.set_states(counted, now)?;
        Ok(counted.close_wait())
    }

    fn count_states(&self) -> Result<Vec<(&'static str, States)>> {
        let mut families = Vec::new();
        for (file, family) in [("tcp", "ipv4"), ("tcp6", "ipv6")] {
            let mut states = States::default();
            if self.read(file, &mut |line| states.line(line))? {
                families.push((family, states));
            }
        }
        Ok(families)
    }

    /// Reads a file's lines; false when there is no such file on this machine.
    fn read(&self, file: &str, each: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let path = self.settings.folder.join(file);
        let mut file = match files::open(&path) {
            Err(FileError {
                reason: Refused::Missing,
                ..
            }) => return Ok(false),
            opened => opened?,
        };
        match file.each_line(TO_SPARE, each)? {
            Ended::Whole => Ok(true),
            Ended::Stopped => Err(Failure::unavailable(format!(
                "{path} is too long to read before the deadline: raise limits.deadline, or set `states = false`"
            ))),
            Ended::LongLine => Err(Failure::unavailable(format!(
                "{path} has a line of over 32 KiB"
            ))),
        }
    }
}

impl Total {
    fn new(counter: &crate::Counter) -> Result<Self> {
        let (name, help) = (counter.name, counter.help);
        Ok(if counter.sources.len() > 1 {
            Self::OfEach(Counter::define(name, help, ["family"])?)
        } else {
            Self::OfBoth(Counter::define(name, help, [])?)
        })
    }

    fn mirror(&self, family: &str, total: f64) -> Result<()> {
        match self {
            Self::OfBoth(counter) => counter.mirror([], total),
            Self::OfEach(counter) => counter.mirror([family], total),
        }
    }
}

impl Gauges {
    fn new() -> Result<Self> {
        Ok(Self {
            used: Gauge::define("sockets_used", "Sockets of all kinds in use", [])?,
            in_use: Gauge::define(
                "sockets_in_use",
                "Sockets in use by protocol and family",
                ["protocol", "family"],
            )?,
            tcp_orphaned: Gauge::define(
                "sockets_tcp_orphaned",
                "TCP connections that no process holds any more",
                [],
            )?,
            tcp_time_wait: Gauge::define(
                "sockets_tcp_time_wait",
                "TCP connections in TIME_WAIT",
                [],
            )?,
            tcp_allocated: Gauge::define(
                "sockets_tcp_allocated",
                "TCP sockets allocated in any state",
                [],
            )?,
            memory: Gauge::define_with_unit(
                "sockets_memory_pages",
                "pages",
                "Memory pages in the buffers of the protocol's sockets",
                ["protocol"],
            )?,
            connections: Gauge::define(
                "sockets_tcp_connections",
                "TCP connections by family and state",
                ["family", "state"],
            )?,
            connections_age: Gauge::define(
                "sockets_tcp_connections_age_seconds",
                "Time since connections were counted by state",
                [],
            )?,
        })
    }

    fn set_sockstat(&self, sockstat: &Sockstat) -> Result<()> {
        for (gauge, value) in [
            (&self.used, sockstat.used),
            (&self.tcp_orphaned, sockstat.tcp_orphaned),
            (&self.tcp_time_wait, sockstat.tcp_time_wait),
            (&self.tcp_allocated, sockstat.tcp_allocated),
        ] {
            value.map_or(Ok(()), |value| gauge.set([], value as f64))?;
        }
        for (protocol, family, value) in &sockstat.in_use {
            self.in_use.set([protocol, family], *value as f64)?;
        }
        for (protocol, pages) in &sockstat.memory {
            self.memory.set([protocol], *pages as f64)?;
        }
        Ok(())
    }

    fn set_states(&self, counted: &Counted, now: f64) -> Result<()> {
        for (family, states) in &counted.families {
            for (state, count) in STATES.iter().zip(states.counts) {
                self.connections.set([family, state], count as f64)?;
            }
        }
        self.connections_age.set([], now - counted.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_sdk::testing::Host;

    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

    fn host() -> Host {
        Host::new().config(&format!(r#"{{"folder":"{FIXTURES}"}}"#))
    }

    #[test]
    fn every_kind_of_file_gives_its_metrics() {
        let mut host = host().grant_read(FIXTURES);
        let mut probe = host.start::<Sockets>().unwrap();
        let report = host.collect(&mut probe).unwrap();
        assert_eq!(report.value("sockets_used", []), Some(1602.0));
        assert_eq!(report.value("sockets_memory_pages", ["tcp"]), Some(22.0));
        for (metric, family, value) in [
            ("sockets_udp_datagrams_received_total", "ipv4", 88_542.0),
            ("sockets_udp_datagrams_received_total", "ipv6", 7.0),
        ] {
            assert_eq!(report.value(metric, [family]), Some(value));
        }
        assert_eq!(
            report.value("sockets_tcp_connections", ["ipv4", "time_wait"]),
            Some(3.0)
        );
        assert_eq!(report.check("close-wait"), Some((Status::Pass, "1")));
        assert_eq!(
            report.check("retransmits"),
            Some((Status::Pass, "no run before to compare with"))
        );
    }

    #[test]
    fn without_a_grant_it_is_denied_with_the_folder_to_add() {
        let mut host = host();
        let mut probe = host.start::<Sockets>().unwrap();
        let failure = host.collect(&mut probe).unwrap_err();
        assert_eq!(failure.code(), "denied");
        assert!(
            failure
                .message()
                .contains(&format!("read = [\"{FIXTURES}\"]"))
        );
    }
}
