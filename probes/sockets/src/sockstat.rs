//! `/proc/net/sockstat` and `/proc/net/sockstat6`: how many sockets there are (Linux, net/ipv4/proc.c).

use probity_sdk::lines::{number, words};

/// What the two files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sockstat {
    /// Sockets of all kinds, also those of no network.
    pub used: Option<u64>,
    /// (protocol, family, sockets in use)
    pub in_use: Vec<(&'static str, &'static str, u64)>,
    /// TCP connections that no process holds any more.
    pub tcp_orphaned: Option<u64>,
    /// TCP connections that wait for late packets.
    pub tcp_time_wait: Option<u64>,
    /// TCP sockets allocated, whatever their state.
    pub tcp_allocated: Option<u64>,
    /// (protocol, pages of memory that its buffers take)
    pub memory: Vec<(&'static str, u64)>,
}

/// (name in the file, protocol, family)
const PROTOCOLS: [(&str, &str, &str); 10] = [
    ("TCP:", "tcp", "ipv4"),
    ("UDP:", "udp", "ipv4"),
    ("UDPLITE:", "udplite", "ipv4"),
    ("RAW:", "raw", "ipv4"),
    ("FRAG:", "frag", "ipv4"),
    ("TCP6:", "tcp", "ipv6"),
    ("UDP6:", "udp", "ipv6"),
    ("UDPLITE6:", "udplite", "ipv6"),
    ("RAW6:", "raw", "ipv6"),
    ("FRAG6:", "frag", "ipv6"),
];

impl Sockstat {
    /// Takes in one line; what it does not know is left out.
    pub fn line(&mut self, line: &[u8]) {
        let mut words = words(line);
        let Some(name) = words.next() else {
            return;
        };
        let protocol = PROTOCOLS
            .iter()
            .find(|(known, ..)| known.as_bytes() == name);
        while let (Some(key), Some(value)) = (words.next(), words.next().and_then(number)) {
            match (protocol, key) {
                (None, b"used") if name == b"sockets:" => self.used = Some(value),
                (Some((_, protocol, family)), b"inuse") => {
                    self.in_use.push((protocol, family, value));
                }
                (Some((_, "tcp", _)), b"orphan") => self.tcp_orphaned = Some(value),
                (Some((_, "tcp", _)), b"tw") => self.tcp_time_wait = Some(value),
                (Some((_, "tcp", _)), b"alloc") => self.tcp_allocated = Some(value),
                (Some((_, protocol, _)), b"mem") => self.memory.push((protocol, value)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Sockstat {
        let mut sockstat = Sockstat::default();
        text.lines().for_each(|line| sockstat.line(line.as_bytes()));
        sockstat
    }

    #[test]
    fn both_families_are_read() {
        let text = concat!(
            include_str!("../fixtures/sockstat"),
            include_str!("../fixtures/sockstat6")
        );
        let sockstat = read(text);
        assert_eq!(sockstat.used, Some(1602));
        assert_eq!(sockstat.in_use.len(), 10);
        assert!(sockstat.in_use.contains(&("tcp", "ipv4", 35)));
        assert!(sockstat.in_use.contains(&("tcp", "ipv6", 17)));
        assert_eq!(sockstat.tcp_orphaned, Some(1));
        assert_eq!(sockstat.tcp_time_wait, Some(4));
        assert_eq!(sockstat.tcp_allocated, Some(59));
        assert_eq!(sockstat.memory, [("tcp", 22), ("udp", 62)]);
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        for line in [
            "",
            "TCP:",
            "TCP: inuse",
            "TCP: inuse x",
            "TCP: inuse -1",
            "SCTP: inuse 1",
            "TCP: mem",
        ] {
            assert_eq!(read(line), Sockstat::default(), "{line}");
        }
    }
}
