//! `/proc/net/tcp` and `/proc/net/tcp6`: a line for each connection (Linux, Documentation/networking/proc_net_tcp.rst).

use probity_sdk::lines::words;

/// TCP's states as the kernel numbers them, from 1 (include/net/tcp_states.h).
pub const STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];
/// A request that is not yet a connection: shown as `syn_recv`, which it is to everyone outside the kernel.
const NEW_SYN_RECV: u8 = 12;
const SYN_RECV: u8 = 3;
const CLOSE_WAIT: usize = 8;

/// How many connections are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct States {
    /// In the order of [`STATES`].
    pub counts: [u64; STATES.len()],
}

impl States {
    /// Counts one line; the heading and what does not look like a connection are passed over.
    pub fn line(&mut self, line: &[u8]) {
        let state = words(line).nth(3).and_then(hexadecimal);
        let state = state.map(|state| {
            if state == NEW_SYN_RECV {
                SYN_RECV
            } else {
                state
            }
        });
        let place = state.and_then(|state| usize::from(state).checked_sub(1));
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count += 1;
        }
    }

    /// Connections that the other side has closed and the process on this side has not.
    pub fn close_wait(&self) -> u64 {
        self.counts[CLOSE_WAIT - 1]
    }
}

/// A count of all connections, good for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// When it was made, in seconds on a clock that does not step.
    pub at: f64,
    /// By family, as far as the machine has it.
    pub families: Vec<(&'static str, States)>,
}

impl Counted {
    /// Whether a new count is due `every` so many seconds.
    pub fn is_due(last: Option<&Self>, every: f64, now: f64) -> bool {
        last.is_none_or(|last| now - last.at >= every)
    }

    /// Connections in CLOSE_WAIT; nothing when nothing could be counted.
    pub fn close_wait(&self) -> Option<u64> {
        let counts = self.families.iter().map(|(_, states)| states.close_wait());
        counts.reduce(|sum, count| sum + count)
    }
}

/// Two hexadecimal digits.
fn hexadecimal(word: &[u8]) -> Option<u8> {
    let [high, low] = word else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> States {
        let mut states = States::default();
        text.lines().for_each(|line| states.line(line.as_bytes()));
        states
    }

    #[test]
    fn connections_are_counted_by_state() {
        let states = read(include_str!("../fixtures/tcp"));
        let counts: Vec<(&str, u64)> = STATES
            .into_iter()
            .zip(states.counts)
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(
            counts,
            [
                ("established", 2),
                ("syn_recv", 1),
                ("time_wait", 3),
                ("close_wait", 1),
                ("listen", 2)
            ]
        );
        assert_eq!(states.close_wait(), 1);
        assert_eq!(
            read(include_str!("../fixtures/tcp6")).counts[9],
            1,
            "listening"
        );
    }

    #[test]
    fn a_count_is_good_for_a_while() {
        let counted = Counted {
            at: 100.0,
            families: vec![("ipv4", read(include_str!("../fixtures/tcp")))],
        };
        assert!(Counted::is_due(None, 15.0, 0.0));
        assert!(!Counted::is_due(Some(&counted), 15.0, 114.9));
        assert!(Counted::is_due(Some(&counted), 15.0, 115.0));
        assert!(Counted::is_due(Some(&counted), 0.0, 100.0));
        assert_eq!(counted.close_wait(), Some(1));
        let nothing = Counted {
            at: 0.0,
            families: Vec::new(),
        };
        assert_eq!(nothing.close_wait(), None);
    }

    #[test]
    fn what_is_no_connection_is_passed_over() {
        for line in [
            "",
            "0: a b",
            "0: a b 00",
            "0: a b 0D",
            "0: a b 1",
            "0: a b 001",
            "0: a b zz",
            "0: a b FF",
        ] {
            assert_eq!(read(line), States::default(), "{line}");
        }
    }
}
