//! Block devices' totals from /proc/diskstats. Format: the kernel's Documentation/admin-guide/iostats.rst.

use std::path::PathBuf;
use std::time::Instant;

use crate::model::{BlockDeviceFacts, MetricId, Recorder, SeriesId};

use super::kernel_file::KernelFile;
use super::roster::{Found, settle};
use super::scan::{Words, lines, text};
use super::series::{bind, counter, gauge, retire};
use super::{Machine, Malformed, SamplerError};

/// The kernel counts sectors of 512 bytes, whatever the device's own are.
const SECTOR_BYTES: f64 = 512.0;
/// And times in milliseconds.
const MILLISECOND: f64 = 1e-3;

/// The columns behind the name, with their metrics and the factor that makes base units of them.
const COLUMNS: [(&str, &str, f64, &str); 11] = [
    ("node_disk_reads_completed_total", "", 1.0, "Reads done."),
    (
        "node_disk_reads_merged_total",
        "",
        1.0,
        "Reads merged with others.",
    ),
    (
        "node_disk_read_bytes_total",
        "bytes",
        SECTOR_BYTES,
        "Bytes read.",
    ),
    (
        "node_disk_read_time_seconds_total",
        "seconds",
        MILLISECOND,
        "Time of all reads.",
    ),
    ("node_disk_writes_completed_total", "", 1.0, "Writes done."),
    (
        "node_disk_writes_merged_total",
        "",
        1.0,
        "Writes merged with others.",
    ),
    (
        "node_disk_written_bytes_total",
        "bytes",
        SECTOR_BYTES,
        "Bytes written.",
    ),
    (
        "node_disk_write_time_seconds_total",
        "seconds",
        MILLISECOND,
        "Time of all writes.",
    ),
    ("node_disk_io_now", "", 1.0, "Requests in flight."),
    (
        "node_disk_io_time_seconds_total",
        "seconds",
        MILLISECOND,
        "Time with a request in flight.",
    ),
    (
        "node_disk_io_time_weighted_seconds_total",
        "seconds",
        MILLISECOND,
        "Time with a request in flight, times their number.",
    ),
];
const READS: usize = 0;
const READ_SECTORS: usize = 2;
const WRITES: usize = 4;
const WRITTEN_SECTORS: usize = 6;
const IN_FLIGHT: usize = 8;
const IO_MILLISECONDS: usize = 9;

type Counts = [u64; COLUMNS.len()];

/// One block device.
struct Device {
    /// As the kernel writes it.
    name: Box<[u8]>,
    /// Partitions and memory devices are known, so as not to be looked up again, and not shown.
    shown: Option<Shown>,
    /// As of the last reading.
    counts: Counts,
    /// Bytes read and written a second since the reading before.
    rates: [Option<f64>; 2],
}

/// What a shown device is called, and its series.
struct Shown {
    /// Its name as text.
    label: String,
    /// One a column.
    series: [SeriesId; COLUMNS.len()],
}

/// The block devices in the kernel's order.
pub(super) struct Devices {
    /// /proc/diskstats.
    file: KernelFile,
    /// /sys/block, which lists whole devices only.
    whole: PathBuf,
    /// Those in the last reading, shown or not.
    list: Vec<Device>,
    /// One a column.
    metrics: [MetricId; COLUMNS.len()],
    /// When they were last read.
    read: Option<Instant>,
}

impl Devices {
    /// Opens /proc/diskstats and defines the metrics.
    pub(super) fn open(machine: &Machine, recorder: &mut Recorder) -> Result<Self, SamplerError> {
        let mut metrics = Vec::with_capacity(COLUMNS.len());
        for (column, (name, unit, _, help)) in COLUMNS.into_iter().enumerate() {
            let define = if column == IN_FLIGHT { gauge } else { counter };
            metrics.push(define(recorder, (name, unit, help), &["device"])?);
        }
        Ok(Self {
            file: KernelFile::open(machine.proc("diskstats"))?,
            whole: machine.sys("block"),
            list: Vec::new(),
            metrics: metrics.try_into().expect("there is one metric a column"),
            read: None,
        })
    }

    /// Reads the totals, follows devices that come and go, and stages the series. False when there is no file.
    pub(super) fn sample(
        &mut self,
        recorder: &mut Recorder,
        now: Instant,
    ) -> Result<bool, SamplerError> {
        let elapsed = self
            .read
            .map(|read| now.saturating_duration_since(read).as_secs_f64());
        let (list, metrics, whole) = (&mut self.list, &self.metrics, &self.whole);
        // The text is checked whole first, so that half of a bad one never counts.
        let taken = self.file.parse(|text| {
            rows(text).try_for_each(|row| row.map(drop))?;
            let mut roll = Roll {
                list,
                metrics,
                whole,
            };
            Ok(roll.follow(recorder, rows(text).flatten(), elapsed))
        })?;
        match taken {
            Some(followed) => followed?,
            None => return Ok(false),
        }
        self.read = Some(now);
        self.record(recorder)?;
        Ok(true)
    }

    fn record(&self, recorder: &mut Recorder) -> Result<(), SamplerError> {
        for device in &self.list {
            let Some(shown) = &device.shown else { continue };
            for (column, series) in shown.series.iter().enumerate() {
                let value = device.counts[column] as f64 * COLUMNS[column].2;
                if column == IN_FLIGHT {
                    recorder.set(*series, value)?;
                } else {
                    recorder.mirror(*series, value)?;
                }
            }
        }
        Ok(())
    }

    /// The facts of whole disks.
    pub(super) fn facts(&self) -> Vec<BlockDeviceFacts> {
        self.list.iter().filter_map(Device::facts).collect()
    }
}

/// The parts of [`Devices`] that change while its file is borrowed.
struct Roll<'a> {
    list: &'a mut Vec<Device>,
    metrics: &'a [MetricId; COLUMNS.len()],
    whole: &'a PathBuf,
}

impl Roll<'_> {
    fn follow<'t>(
        &mut self,
        recorder: &mut Recorder,
        rows: impl Iterator<Item = (&'t [u8], Counts)>,
        elapsed: Option<f64>,
    ) -> Result<(), SamplerError> {
        let mut count = 0;
        for (name, counts) in rows {
            match settle(self.list, count, |known| *known.name == *name) {
                Found::Known => self.list[count].update(counts, elapsed),
                Found::New => {
                    let made = self.make(recorder, name, counts)?;
                    self.list.insert(count, made);
                }
                Found::Again => continue,
            }
            count += 1;
        }
        while self.list.len() > count {
            let gone = self.list.pop().expect("it is longer than `count`");
            if let Some(shown) = gone.shown {
                retire(recorder, self.metrics, &[&shown.label]);
            }
        }
        Ok(())
    }

    fn make(
        &self,
        recorder: &mut Recorder,
        name: &[u8],
        counts: Counts,
    ) -> Result<Device, SamplerError> {
        let label = text(name);
        let shown = if self.is_whole_disk(&label) {
            let series = bind(recorder, self.metrics, &[&label])?;
            Some(Shown { label, series })
        } else {
            None
        };
        Ok(Device {
            name: name.into(),
            shown,
            counts,
            rates: [None; 2],
        })
    }

    /// Whether it is neither a partition nor made of memory or a file. Without /sys, partitions pass for disks.
    fn is_whole_disk(&self, name: &str) -> bool {
        let virtual_device = name.starts_with("loop") || name.starts_with("ram");
        // The kernel writes `!` where a device's name has a slash, such as cciss/c0d0.
        let listed = || self.whole.join(name.replace('/', "!")).exists();
        !virtual_device && (!self.whole.exists() || listed())
    }
}

impl Device {
    fn update(&mut self, counts: Counts, elapsed: Option<f64>) {
        for (rate, column) in self.rates.iter_mut().zip([READ_SECTORS, WRITTEN_SECTORS]) {
            // A count that went back belongs to a device that was made anew.
            let grown = counts[column].checked_sub(self.counts[column]);
            *rate = match (grown, elapsed) {
                (Some(grown), Some(elapsed)) if elapsed > 0.0 => {
                    Some(grown as f64 * SECTOR_BYTES / elapsed)
                }
                _ => None,
            };
        }
        self.counts = counts;
    }

    fn facts(&self) -> Option<BlockDeviceFacts> {
        let shown = self.shown.as_ref()?;
        let bytes = |column: usize| self.counts[column].saturating_mul(SECTOR_BYTES as u64);
        Some(BlockDeviceFacts {
            device: shown.label.clone(),
            read_bytes_total: bytes(READ_SECTORS),
            written_bytes_total: bytes(WRITTEN_SECTORS),
            reads_total: self.counts[READS],
            writes_total: self.counts[WRITES],
            io_seconds_total: self.counts[IO_MILLISECONDS] as f64 * MILLISECOND,
            read_bytes_per_second: self.rates[0],
            written_bytes_per_second: self.rates[1],
        })
    }
}

/// The devices of the text with their numbers.
fn rows(text: &[u8]) -> impl Iterator<Item = Result<(&[u8], Counts), Malformed>> {
    lines(text).map(|(line, text)| {
        let mut words = Words::new(line, text);
        let (_major, _minor) = (words.number()?, words.number()?);
        let name = words.word()?;
        let mut counts = Counts::default();
        for count in &mut counts {
            *count = words.number()?;
        }
        Ok((name, counts))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b" 254       0 vda 52209 10515 11758042 35272 14180 49303 19449408 72441 0 15780 108390 5443 29 802480 638 1074 38\n\
           8       1 sda1 1 2 3 4 5 6 7 8 9 10 11\n";

    fn read(text: &[u8]) -> Result<Vec<(&[u8], Counts)>, Malformed> {
        rows(text).collect()
    }

    #[test]
    fn devices_of_old_and_new_kernels_are_rows() {
        let rows = read(TEXT).unwrap();
        assert_eq!(
            (rows[0].0, rows[0].1[READ_SECTORS]),
            (&b"vda"[..], 11_758_042)
        );
        assert_eq!(rows[1], (&b"sda1"[..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    }

    #[test]
    fn what_is_no_row_is_refused_with_the_line() {
        let fault = read(b"8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 1 sda1 1 2\n").unwrap_err();
        assert_eq!(fault, Malformed::new(2, "a whole number is expected"));
        assert_eq!(read(b"8\n").unwrap_err().line, 1);
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
