//! Pressure stall information from /proc/pressure. Format: the kernel's Documentation/accounting/psi.rst.

use std::time::Instant;

use crate::model::{Facts, Pressure, PressureFacts, Recorder, SeriesId, Staged};

use super::kernel_file::KernelFile;
use super::scan::{Words, decimal, lines, number};
use super::series::{begin, lone_counter, mirror_known, recorder};
use super::{Machine, Malformed, Sampler, SamplerError};

/// The kernel counts stalls in microseconds.
const MICROSECONDS: f64 = 1e6;

/// What one file tells; all nothing where the kernel has no such file.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Stalls {
    some: Option<Pressure>,
    full: Option<Pressure>,
}

/// One resource: its file, what it told last, and its series.
struct Resource {
    /// Its file under /proc/pressure.
    file: KernelFile,
    /// What it told last.
    stalls: Stalls,
    /// Total of `some`.
    waiting: SeriesId,
    /// Total of `full`. A processor has no `full` for the whole machine: somebody is running, or nobody waits.
    stalled: Option<SeriesId>,
}

/// Samples pressure. Facts: [`PressureFacts`], all null in a container or kernel without it.
pub struct PressureSampler {
    /// Processors.
    cpu: Resource,
    /// Memory.
    memory: Resource,
    /// Disks.
    io: Resource,
    /// All series.
    recorder: Recorder,
}

impl PressureSampler {
    /// Opens the three files.
    ///
    /// # Errors
    /// A file that is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let made = &mut recorder;
        let waiting = [
            (
                "node_pressure_cpu_waiting_seconds_total",
                "Time some task waited for a processor.",
            ),
            (
                "node_pressure_memory_waiting_seconds_total",
                "Time some task waited for memory.",
            ),
            (
                "node_pressure_io_waiting_seconds_total",
                "Time some task waited for a disk.",
            ),
        ];
        let stalled = [
            (
                "node_pressure_memory_stalled_seconds_total",
                "Time all tasks waited for memory.",
            ),
            (
                "node_pressure_io_stalled_seconds_total",
                "Time all tasks waited for a disk.",
            ),
        ];
        Ok(Self {
            cpu: Resource::open(machine, made, "cpu", waiting[0], None)?,
            memory: Resource::open(machine, made, "memory", waiting[1], Some(stalled[0]))?,
            io: Resource::open(machine, made, "io", waiting[2], Some(stalled[1]))?,
            recorder,
        })
    }
}

impl Resource {
    fn open(
        machine: &Machine,
        recorder: &mut Recorder,
        name: &str,
        (waiting, waiting_help): (&'static str, &'static str),
        stalled: Option<(&'static str, &'static str)>,
    ) -> Result<Self, SamplerError> {
        let stalled = stalled.map(|(name, help)| lone_counter(recorder, (name, "seconds", help)));
        Ok(Self {
            file: KernelFile::open(machine.proc("pressure").join(name))?,
            stalls: Stalls::default(),
            waiting: lone_counter(recorder, (waiting, "seconds", waiting_help))?,
            stalled: stalled.transpose()?,
        })
    }

    fn sample(&mut self, recorder: &mut Recorder) -> Result<(), SamplerError> {
        self.stalls = self.file.parse(parse)?.unwrap_or_default();
        let total = |line: Option<Pressure>| line.map(|line| line.total_seconds);
        mirror_known(recorder, self.waiting, total(self.stalls.some))?;
        match self.stalled {
            Some(series) => mirror_known(recorder, series, total(self.stalls.full)),
            None => Ok(()),
        }
    }
}

impl Sampler for PressureSampler {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn sample(&mut self, _now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        for resource in [&mut self.cpu, &mut self.memory, &mut self.io] {
            resource.sample(&mut self.recorder)?;
        }
        Ok(())
    }

    fn take(&mut self) -> (Facts, Staged) {
        let facts = PressureFacts {
            cpu_some: self.cpu.stalls.some,
            memory_some: self.memory.stalls.some,
            memory_full: self.memory.stalls.full,
            io_some: self.io.stalls.some,
            io_full: self.io.stalls.full,
        };
        (Facts::Pressure(Box::new(facts)), self.recorder.commit())
    }
}

fn parse(text: &[u8]) -> Result<Stalls, Malformed> {
    let mut stalls = Stalls::default();
    for (line, text) in lines(text) {
        let mut words = Words::new(line, text);
        match words.word()? {
            b"some" => stalls.some = Some(parse_line(words)?),
            b"full" => stalls.full = Some(parse_line(words)?),
            _ => return Err(words.fault("`some` or `full` is expected")),
        }
    }
    Ok(stalls)
}

fn parse_line(mut words: Words<'_>) -> Result<Pressure, Malformed> {
    let mut average = |key: &[u8]| {
        let value = words.next().and_then(|word| word.strip_prefix(key));
        (value.and_then(decimal)).ok_or_else(|| {
            words.fault("`avg10=`, `avg60=` and `avg300=` with numbers are expected")
        })
    };
    let (avg10, avg60, avg300) = (
        average(b"avg10=")?,
        average(b"avg60=")?,
        average(b"avg300=")?,
    );
    let total = words.next().and_then(|word| word.strip_prefix(b"total="));
    let total = (total.and_then(number))
        .ok_or_else(|| words.fault("`total=` with microseconds is expected"))?;
    Ok(Pressure {
        avg10_percent: avg10,
        avg60_percent: avg60,
        avg300_percent: avg300,
        total_seconds: total as f64 / MICROSECONDS,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"some avg10=1.37 avg60=0.46 avg300=0.34 total=24055699\n\
        full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn both_lines_are_read() {
        let stalls = parse(TEXT).unwrap();
        let some = stalls.some.unwrap();
        assert_eq!((some.avg10_percent, some.avg300_percent), (1.37, 0.34));
        assert_eq!(some.total_seconds, 24.055_699);
        assert_eq!(stalls.full.unwrap().total_seconds, 7e-6);
    }

    #[test]
    fn a_file_without_lines_is_nothing() {
        assert_eq!(parse(b""), Ok(Stalls::default()));
    }

    #[test]
    fn what_is_no_pressure_is_refused_with_the_line() {
        for (text, line, reason) in [
            (&b"most avg10=1"[..], 1, "`some` or `full` is expected"),
            (
                b"some avg10=0 avg60=0 avg300=0 total=1\nfull avg10=x",
                2,
                "`avg10=`, `avg60=` and `avg300=` with numbers are expected",
            ),
            (
                b"some avg10=0 avg60=0 avg300=0",
                1,
                "`total=` with microseconds is expected",
            ),
        ] {
            assert_eq!(parse(text), Err(Malformed::new(line, reason)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, place in 0..TEXT.len()) {
            let _refused = parse(&bytes);
            let mut text = TEXT.to_vec();
            text.truncate(place);
            text.append(&mut bytes);
            let _damaged = parse(&text);
        }
    }
}
