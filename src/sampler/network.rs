//! Network interfaces of this process' network namespace, from /proc/net/dev. Format: proc_pid_net(5).

use std::time::Instant;

use crate::model::{Facts, InterfaceFacts, MetricId, NetworkFacts, Recorder, SeriesId, Staged};

use super::kernel_file::KernelFile;
use super::roster::{Found, settle};
use super::scan::{Words, lines, text};
use super::series::{begin, bind, counter, recorder, retire};
use super::{Machine, Malformed, Sampler, SamplerError};

/// The columns read, by their place among the sixteen, with their metrics.
const COLUMNS: [(usize, &str, &str, &str); 8] = [
    (
        0,
        "node_network_receive_bytes_total",
        "bytes",
        "Bytes received.",
    ),
    (
        8,
        "node_network_transmit_bytes_total",
        "bytes",
        "Bytes sent.",
    ),
    (
        1,
        "node_network_receive_packets_total",
        "",
        "Packets received.",
    ),
    (
        9,
        "node_network_transmit_packets_total",
        "",
        "Packets sent.",
    ),
    (
        2,
        "node_network_receive_errs_total",
        "",
        "Errors while receiving.",
    ),
    (
        10,
        "node_network_transmit_errs_total",
        "",
        "Errors while sending.",
    ),
    (
        3,
        "node_network_receive_drop_total",
        "",
        "Received packets dropped.",
    ),
    (
        11,
        "node_network_transmit_drop_total",
        "",
        "Packets to send dropped.",
    ),
];
/// Columns that every kernel since 2.2 writes.
const COLUMN_COUNT: usize = 16;
/// Two lines of headings come first.
const HEADINGS: usize = 2;

/// The numbers of one interface, in the order of [`COLUMNS`].
type Counts = [u64; COLUMNS.len()];

/// One interface with its series.
struct Interface {
    /// As the kernel writes it.
    name: Box<[u8]>,
    /// The same as text.
    label: String,
    /// As of the last sample.
    counts: Counts,
    /// Bytes received and sent a second since the sample before.
    rates: [Option<f64>; 2],
    /// One a column.
    series: [SeriesId; COLUMNS.len()],
}

/// Samples network interfaces. Facts: [`NetworkFacts`].
pub struct NetworkSampler {
    /// /proc/net/dev.
    file: KernelFile,
    /// What it told last.
    interfaces: Interfaces,
    /// When.
    read: Option<Instant>,
}

/// The interfaces in the kernel's order, and what makes their series.
struct Interfaces {
    /// Those shown in the last reading.
    list: Vec<Interface>,
    /// All series.
    recorder: Recorder,
    /// One a column.
    metrics: [MetricId; COLUMNS.len()],
}

impl NetworkSampler {
    /// Opens /proc/net/dev.
    ///
    /// # Errors
    /// The file is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let mut metrics = Vec::with_capacity(COLUMNS.len());
        for (_, name, unit, help) in COLUMNS {
            metrics.push(counter(&mut recorder, (name, unit, help), &["device"])?);
        }
        let interfaces = Interfaces {
            list: Vec::new(),
            recorder,
            metrics: metrics.try_into().expect("there is one metric a column"),
        };
        Ok(Self {
            file: KernelFile::open(machine.proc("net/dev"))?,
            interfaces,
            read: None,
        })
    }
}

impl Sampler for NetworkSampler {
    fn name(&self) -> &'static str {
        "network"
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.interfaces.recorder);
        let elapsed = self
            .read
            .map(|read| now.saturating_duration_since(read).as_secs_f64());
        let interfaces = &mut self.interfaces;
        // The text is checked whole first, so that half of a bad one never counts.
        let taken = self.file.parse(|text| {
            rows(text).try_for_each(|row| row.map(drop))?;
            Ok(interfaces.follow(rows(text).flatten(), elapsed))
        })?;
        taken.ok_or_else(|| self.file.absent())??;
        self.read = Some(now);
        self.interfaces.record()
    }

    fn take(&mut self) -> (Facts, Staged) {
        let interfaces = self.interfaces.list.iter().map(Interface::facts).collect();
        let facts = Facts::Network(Box::new(NetworkFacts { interfaces }));
        (facts, self.interfaces.recorder.commit())
    }
}

impl Interfaces {
    /// Takes over the rows: interfaces that are known go on, new ones are bound, others retired.
    fn follow<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a [u8], Counts)>,
        elapsed: Option<f64>,
    ) -> Result<(), SamplerError> {
        let mut count = 0;
        for (name, counts) in rows {
            match settle(&mut self.list, count, |known| *known.name == *name) {
                Found::Known => self.list[count].update(counts, elapsed),
                Found::New => {
                    let made = self.make(name, counts)?;
                    self.list.insert(count, made);
                }
                Found::Again => continue,
            }
            count += 1;
        }
        while self.list.len() > count {
            let gone = self.list.pop().expect("it is longer than `count`");
            retire(&mut self.recorder, &self.metrics, &[&gone.label]);
        }
        Ok(())
    }

    fn make(&mut self, name: &[u8], counts: Counts) -> Result<Interface, SamplerError> {
        let label = text(name);
        let series = bind(&mut self.recorder, &self.metrics, &[&label])?;
        Ok(Interface {
            name: name.into(),
            label,
            counts,
            rates: [None; 2],
            series,
        })
    }

    fn record(&mut self) -> Result<(), SamplerError> {
        for interface in &self.list {
            for (series, count) in interface.series.iter().zip(interface.counts) {
                self.recorder.mirror(*series, count as f64)?;
            }
        }
        Ok(())
    }
}

impl Interface {
    fn update(&mut self, counts: Counts, elapsed: Option<f64>) {
        for (column, rate) in self.rates.iter_mut().enumerate() {
            // A count that went back belongs to an interface that was made anew.
            let grown = counts[column].checked_sub(self.counts[column]);
            *rate = match (grown, elapsed) {
                (Some(grown), Some(elapsed)) if elapsed > 0.0 => Some(grown as f64 / elapsed),
                _ => None,
            };
        }
        self.counts = counts;
    }

    fn facts(&self) -> InterfaceFacts {
        let [
            receive_bytes,
            transmit_bytes,
            receive,
            transmit,
            receive_errors,
            transmit_errors,
            receive_dropped,
            transmit_dropped,
        ] = self.counts;
        InterfaceFacts {
            device: self.label.clone(),
            receive_bytes_total: receive_bytes,
            transmit_bytes_total: transmit_bytes,
            receive_packets_total: receive,
            transmit_packets_total: transmit,
            receive_errors_total: receive_errors,
            transmit_errors_total: transmit_errors,
            receive_dropped_total: receive_dropped,
            transmit_dropped_total: transmit_dropped,
            receive_bytes_per_second: self.rates[0],
            transmit_bytes_per_second: self.rates[1],
        }
    }
}

/// The interfaces of the text with their numbers.
fn rows(text: &[u8]) -> impl Iterator<Item = Result<(&[u8], Counts), Malformed>> {
    lines(text)
        .skip(HEADINGS)
        .map(|(line, text)| row(line, text))
}

fn row(line: usize, text: &[u8]) -> Result<(&[u8], Counts), Malformed> {
    // The name ends at the last colon, and old kernels write no blank behind it.
    let colon = text.iter().rposition(|byte| *byte == b':');
    let colon = colon.ok_or_else(|| Malformed::new(line, "a name with a colon is expected"))?;
    let mut words = Words::new(line, &text[colon + 1..]);
    let mut columns = [0; COLUMN_COUNT];
    for column in &mut columns {
        *column = words.number()?;
    }
    let counts = COLUMNS.map(|(place, ..)| columns[place]);
    Ok((text[..colon].trim_ascii(), counts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"Inter-|   Receive     |  Transmit\n face |bytes packets |bytes packets\n\
        \x20   lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n\
        \x20 eth0:430687334   15265    1    2    0     0          0         0   998575    9444    3    4    0     0       0          0\n";

    fn read(text: &[u8]) -> Result<Vec<(&[u8], Counts)>, Malformed> {
        rows(text).collect()
    }

    #[test]
    fn each_interface_is_a_row() {
        let rows = read(TEXT).unwrap();
        assert_eq!(rows[0].0, b"lo");
        assert_eq!(rows[1].0, b"eth0");
        assert_eq!(rows[1].1, [430_687_334, 998_575, 15265, 9444, 1, 3, 2, 4]);
    }

    #[test]
    fn what_is_no_row_is_refused_with_the_line() {
        for (text, reason) in [
            (
                &b"h\nh\neth0 1 2 3\n"[..],
                "a name with a colon is expected",
            ),
            (b"h\nh\neth0: 1 2 3\n", "a whole number is expected"),
        ] {
            assert_eq!(read(text), Err(Malformed::new(3, reason)));
        }
        assert_eq!(read(b""), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..TEXT.len()) {
            let _refused = read(&bytes);
            let mut text = TEXT.to_vec();
            text.truncate(place);
            text.append(&mut bytes);
            let _damaged = read(&text);
        }
    }
}
