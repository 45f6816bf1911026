//! The kernel's own totals: `/proc/net/snmp` and `/proc/net/netstat`, where a line of names precedes a line of numbers,
//! and `/proc/net/snmp6`, where each line has a name and a number (Linux, net/ipv4/proc.c, net/ipv6/proc.c).

use probity_sdk::lines::{number, words};

/// A metric and where its numbers come from.
#[derive(Debug)]
pub struct Counter {
    /// The metric's name.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// At most [`SOURCES`]: one, or one for each family.
    pub sources: &'static [Source],
}

/// One number of the kernel's.
#[derive(Debug)]
pub struct Source {
    /// The word before the colon, or `snmp6`.
    group: &'static str,
    /// The number's name.
    field: &'static str,
    /// The family it counts; empty when it counts both.
    pub family: &'static str,
}

const SOURCES: usize = 2;

const fn both(group: &'static str, field: &'static str) -> Source {
    let family = "";
    Source {
        group,
        field,
        family,
    }
}

const fn ipv4(field: &'static str) -> Source {
    let (group, family) = ("Udp:", "ipv4");
    Source {
        group,
        field,
        family,
    }
}

const fn ipv6(field: &'static str) -> Source {
    let (group, family) = ("snmp6", "ipv6");
    Source {
        group,
        field,
        family,
    }
}

const fn counter(name: &'static str, help: &'static str, sources: &'static [Source]) -> Counter {
    Counter {
        name,
        help,
        sources,
    }
}

/// What is counted.
pub static COUNTERS: [Counter; 22] = [
    counter(
        "sockets_tcp_active_opens_total",
        "Connections opened from here",
        &[both("Tcp:", "ActiveOpens")],
    ),
    counter(
        "sockets_tcp_passive_opens_total",
        "Connections accepted",
        &[both("Tcp:", "PassiveOpens")],
    ),
    counter(
        "sockets_tcp_failed_attempts_total",
        "Connections that did not come about",
        &[both("Tcp:", "AttemptFails")],
    ),
    counter(
        "sockets_tcp_established_resets_total",
        "Established connections that were reset",
        &[both("Tcp:", "EstabResets")],
    ),
    counter(
        "sockets_tcp_resets_sent_total",
        "Resets sent",
        &[both("Tcp:", "OutRsts")],
    ),
    counter(
        "sockets_tcp_segments_received_total",
        "Segments received",
        &[both("Tcp:", "InSegs")],
    ),
    counter(
        "sockets_tcp_segments_sent_total",
        "Segments sent, without those sent again",
        &[both("Tcp:", "OutSegs")],
    ),
    counter(
        "sockets_tcp_segments_retransmitted_total",
        "Segments sent again",
        &[both("Tcp:", "RetransSegs")],
    ),
    counter(
        "sockets_tcp_receive_errors_total",
        "Segments received with errors",
        &[both("Tcp:", "InErrs")],
    ),
    counter(
        "sockets_tcp_listen_overflows_total",
        "Connections lost because the queue of a listening socket was full",
        &[both("TcpExt:", "ListenOverflows")],
    ),
    counter(
        "sockets_tcp_listen_drops_total",
        "Connections lost at a listening socket for any reason, overflows included",
        &[both("TcpExt:", "ListenDrops")],
    ),
    counter(
        "sockets_tcp_syncookies_sent_total",
        "Answers with a SYN cookie because the queue of requests was full",
        &[both("TcpExt:", "SyncookiesSent")],
    ),
    counter(
        "sockets_tcp_timeouts_total",
        "Retransmission timers that ran out",
        &[both("TcpExt:", "TCPTimeouts")],
    ),
    counter(
        "sockets_tcp_memory_aborts_total",
        "Connections given up for want of memory",
        &[both("TcpExt:", "TCPAbortOnMemory")],
    ),
    counter(
        "sockets_tcp_backlog_drops_total",
        "Segments dropped because a socket's backlog was full",
        &[both("TcpExt:", "TCPBacklogDrop")],
    ),
    counter(
        "sockets_tcp_receive_queue_drops_total",
        "Segments dropped because a socket's receive queue was full",
        &[both("TcpExt:", "TCPRcvQDrop")],
    ),
    counter(
        "sockets_udp_datagrams_received_total",
        "Datagrams delivered to a socket",
        &[ipv4("InDatagrams"), ipv6("Udp6InDatagrams")],
    ),
    counter(
        "sockets_udp_datagrams_sent_total",
        "Datagrams sent",
        &[ipv4("OutDatagrams"), ipv6("Udp6OutDatagrams")],
    ),
    counter(
        "sockets_udp_no_port_total",
        "Datagrams for a port where nothing listens",
        &[ipv4("NoPorts"), ipv6("Udp6NoPorts")],
    ),
    counter(
        "sockets_udp_receive_errors_total",
        "Datagrams not delivered for any other reason",
        &[ipv4("InErrors"), ipv6("Udp6InErrors")],
    ),
    counter(
        "sockets_udp_receive_buffer_errors_total",
        "Datagrams dropped because a receive buffer was full",
        &[ipv4("RcvbufErrors"), ipv6("Udp6RcvbufErrors")],
    ),
    counter(
        "sockets_udp_send_buffer_errors_total",
        "Datagrams dropped because a send buffer was full",
        &[ipv4("SndbufErrors"), ipv6("Udp6SndbufErrors")],
    ),
];

/// The totals of one run, as far as the kernel has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    values: [[Option<u64>; SOURCES]; COUNTERS.len()],
    names: Vec<u8>,
}

impl Totals {
    /// Takes in one line of `snmp` or `netstat`: names are kept for the line after them.
    pub fn table_line(&mut self, line: &[u8]) {
        let names = std::mem::take(&mut self.names);
        let (mut keys, mut values) = (words(&names), words(line));
        match (keys.next(), values.next()) {
            (Some(group), Some(same)) if group == same => {
                for (key, value) in keys.zip(values) {
                    self.set(group, key, value);
                }
            }
            _ => self.names = line.to_vec(),
        }
    }

    /// Takes in one line of `snmp6`.
    pub fn snmp6_line(&mut self, line: &[u8]) {
        let mut words = words(line);
        if let (Some(name), Some(value)) = (words.next(), words.next()) {
            self.set(b"snmp6", name, value);
        }
    }

    fn set(&mut self, group: &[u8], field: &[u8], value: &[u8]) {
        for (counter, values) in COUNTERS.iter().zip(&mut self.values) {
            for (source, slot) in counter.sources.iter().zip(values) {
                if source.field.as_bytes() == field && source.group.as_bytes() == group {
                    *slot = number(value);
                }
            }
        }
    }

    /// The totals that are there, as (position among the [`COUNTERS`], source, total).
    pub fn present(&self) -> impl Iterator<Item = (usize, &'static Source, u64)> {
        self.values
            .iter()
            .zip(&COUNTERS)
            .enumerate()
            .flat_map(|(place, (values, counter))| {
                let pairs = counter.sources.iter().zip(values);
                pairs.filter_map(move |(source, value)| Some((place, source, (*value)?)))
            })
    }

    /// The total of a counter that has one source.
    pub fn of(&self, name: &str) -> Option<u64> {
        let place = COUNTERS.iter().position(|counter| counter.name == name)?;
        self.values[place][0]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read() -> Totals {
        let mut totals = Totals::default();
        for text in [
            include_str!("../fixtures/snmp"),
            include_str!("../fixtures/netstat"),
        ] {
            text.lines()
                .for_each(|line| totals.table_line(line.as_bytes()));
        }
        let text = include_str!("../fixtures/snmp6");
        text.lines()
            .for_each(|line| totals.snmp6_line(line.as_bytes()));
        totals
    }

    #[test]
    fn names_and_numbers_are_matched() {
        let totals = read();
        for (name, total) in [
            ("sockets_tcp_active_opens_total", 3556),
            ("sockets_tcp_segments_retransmitted_total", 2254),
            ("sockets_tcp_listen_overflows_total", 17),
            ("sockets_tcp_listen_drops_total", 19),
            ("sockets_tcp_syncookies_sent_total", 4),
            ("sockets_udp_datagrams_received_total", 88542),
        ] {
            assert_eq!(totals.of(name), Some(total), "{name}");
        }
        let received: Vec<(&str, u64)> = totals
            .present()
            .filter(|(place, ..)| COUNTERS[*place].name == "sockets_udp_datagrams_received_total")
            .map(|(_, source, total)| (source.family, total))
            .collect();
        assert_eq!(received, [("ipv4", 88542), ("ipv6", 7)]);
        assert_eq!(
            totals.present().count(),
            28,
            "every source has its line in the fixtures"
        );
    }

    #[test]
    fn a_group_of_the_same_field_names_is_not_mixed_up() {
        let mut totals = Totals::default();
        for line in [
            "UdpLite: InDatagrams",
            "UdpLite: 99",
            "Ip: InErrs",
            "Ip: 98",
        ] {
            totals.table_line(line.as_bytes());
        }
        assert_eq!(totals.present().count(), 0);
    }

    #[test]
    fn damage_is_passed_over() {
        for lines in [
            &["", ""][..],
            &["Tcp: ActiveOpens"],
            &["Tcp: ActiveOpens", "Udp: 5"],
            &["Tcp: ActiveOpens", "Tcp:"],
            &["Tcp: ActiveOpens", "Tcp: -5"],
            &["Tcp: 5"],
        ] {
            let mut totals = Totals::default();
            lines
                .iter()
                .for_each(|line| totals.table_line(line.as_bytes()));
            assert_eq!(totals.present().count(), 0, "{lines:?}");
        }
    }

    #[test]
    fn names_are_counters_and_families_are_labelled_where_there_are_two() {
        for counter in &COUNTERS {
            assert!(counter.name.starts_with("sockets_") && counter.name.ends_with("_total"));
            assert!((1..=SOURCES).contains(&counter.sources.len()));
            let labelled = counter
                .sources
                .iter()
                .all(|source| !source.family.is_empty());
            assert_eq!(labelled, counter.sources.len() == 2, "{}", counter.name);
        }
    }
}
