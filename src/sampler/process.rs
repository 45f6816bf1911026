//! This process: memory, processor time, descriptors, threads, identity. Format: proc_pid_statm(5).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::model::{Facts, ProcessFacts, Recorder, SeriesId, Staged, SupervisorFacts};

use super::descriptors::Descriptors;
use super::kernel_file::KernelFile;
use super::scan::{Words, text};
use super::series::{
    begin, lone_counter, lone_gauge, lone_info, mirror_known, recorder, set_known,
};
use super::threads::{Stat, Threads};
use super::{Machine, Malformed, Sampler, SamplerError, supervisor};

/// The program's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Architecture, system and profile of this build.
const BUILD: &str = match (
    cfg!(target_arch = "x86_64"),
    cfg!(target_arch = "aarch64"),
    cfg!(debug_assertions),
) {
    (true, _, false) => "x86_64-linux release",
    (true, _, true) => "x86_64-linux debug",
    (_, true, false) => "aarch64-linux release",
    (_, true, true) => "aarch64-linux debug",
    (_, _, false) => "linux release",
    (_, _, true) => "linux debug",
};

/// What /proc/self/statm tells, in pages.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pages {
    size: u64,
    resident: u64,
    /// Of the resident ones, those with a file or shared memory behind them.
    shared: u64,
}

/// Samples this process. Facts: [`ProcessFacts`].
pub struct ProcessSampler {
    /// Counts threads.
    threads: Threads,
    /// /proc/self/statm.
    pages_file: KernelFile,
    /// /proc/self/fd.
    descriptors: Descriptors,
    /// Found once.
    identity: Identity,
    /// Found in the last sample.
    reading: Reading,
    /// All series.
    recorder: Recorder,
    /// Their ids.
    series: ProcessSeries,
}

/// What does not change while the process runs.
struct Identity {
    /// The machine's name.
    hostname: Option<String>,
    /// Who started it.
    supervisor: SupervisorFacts,
    /// Unix seconds.
    start_time: Option<f64>,
    /// The same moment on the monotonic clock.
    started: Instant,
    /// Size of a page.
    page_bytes: u64,
}

/// What the last sample read.
#[derive(Default)]
struct Reading {
    at: Option<Instant>,
    uptime: Duration,
    threads: Option<u64>,
    pages: Option<Pages>,
    cpu: Duration,
    cpu_percent: Option<f64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
}

struct ProcessSeries {
    cpu: SeriesId,
    resident: SeriesId,
    private: SeriesId,
    virtual_size: SeriesId,
    open_fds: SeriesId,
    max_fds: SeriesId,
    threads: SeriesId,
    start_time: SeriesId,
    restarts: SeriesId,
    build: SeriesId,
}

impl ProcessSampler {
    /// Opens the process' files and finds out once who supervises it, for which systemd is asked and waited for
    /// two seconds at most.
    ///
    /// # Errors
    /// A file that is there and cannot be opened or understood.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        let (threads, stat) = Threads::open(machine)?;
        Ok(Self {
            threads,
            pages_file: KernelFile::open(machine.proc("self/statm"))?,
            descriptors: Descriptors::open(machine.proc("self/fd"))?,
            identity: Identity::find(machine, stat)?,
            reading: Reading::default(),
            series: ProcessSeries::define(&mut recorder)?,
            recorder,
        })
    }

    fn record(&mut self) -> Result<(), SamplerError> {
        let (recorder, series, reading) = (&mut self.recorder, &self.series, &self.reading);
        let whole = |number: Option<u64>| number.map(|number| number as f64);
        let bytes = |pages: fn(&Pages) -> u64| {
            let pages = reading.pages.as_ref().map(pages)?;
            Some(pages.saturating_mul(self.identity.page_bytes) as f64)
        };
        recorder.mirror(series.cpu, reading.cpu.as_secs_f64())?;
        set_known(recorder, series.resident, bytes(|pages| pages.resident))?;
        set_known(recorder, series.private, bytes(Pages::private))?;
        set_known(recorder, series.virtual_size, bytes(|pages| pages.size))?;
        set_known(recorder, series.open_fds, whole(reading.open_fds))?;
        set_known(recorder, series.max_fds, whole(reading.max_fds))?;
        set_known(recorder, series.threads, whole(reading.threads))?;
        set_known(recorder, series.start_time, self.identity.start_time)?;
        mirror_known(
            recorder,
            series.restarts,
            whole(self.identity.supervisor.restarts),
        )?;
        Ok(recorder.set(series.build, 1.0)?)
    }

    fn facts(&self) -> ProcessFacts {
        let (identity, reading) = (&self.identity, &self.reading);
        let bytes = |pages: fn(&Pages) -> u64| {
            let pages = reading.pages.as_ref().map(pages)?;
            Some(pages.saturating_mul(identity.page_bytes))
        };
        ProcessFacts {
            pid: std::process::id(),
            version: VERSION,
            build: BUILD,
            hostname: identity.hostname.clone(),
            start_time_seconds: identity.start_time,
            uptime_seconds: reading.uptime.as_secs_f64(),
            cpu_seconds_total: Some(reading.cpu.as_secs_f64()),
            cpu_percent: reading.cpu_percent,
            resident_bytes: bytes(|pages| pages.resident),
            private_bytes: bytes(Pages::private),
            virtual_bytes: bytes(|pages| pages.size),
            open_fds: reading.open_fds,
            max_fds: reading.max_fds,
            threads: reading.threads,
            restarts: identity.supervisor.restarts,
            supervisor: identity.supervisor.clone(),
        }
    }
}

impl Sampler for ProcessSampler {
    fn name(&self) -> &'static str {
        "process"
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        // The clock counts nanoseconds; the ticks of /proc/self/stat are too coarse for a share of one second.
        let cpu = duration(clock_gettime(ClockId::ProcessCPUTime));
        let before = self.reading.at.replace(now);
        let elapsed = before.map(|before| now.saturating_duration_since(before).as_secs_f64());
        let used = cpu.saturating_sub(self.reading.cpu).as_secs_f64();
        self.reading.cpu_percent =
            elapsed.and_then(|elapsed| (elapsed > 0.0).then(|| 100.0 * used / elapsed));
        self.reading.cpu = cpu;
        self.reading.uptime = now.saturating_duration_since(self.identity.started);
        self.reading.threads = self.threads.count()?;
        self.reading.pages = self.pages_file.parse(parse_pages)?;
        self.reading.open_fds = self.descriptors.count()?;
        self.reading.max_fds = getrlimit(Resource::Nofile).current;
        self.record()
    }

    fn take(&mut self) -> (Facts, Staged) {
        (
            Facts::Process(Box::new(self.facts())),
            self.recorder.commit(),
        )
    }
}

impl Identity {
    fn find(machine: &Machine, stat: Option<Stat>) -> Result<Self, SamplerError> {
        let mut hostname = KernelFile::open(machine.proc("sys/kernel/hostname"))?;
        let hostname = hostname.read()?.map(|name| text(name.trim_ascii()));
        let age = stat
            .and_then(|stat| age(stat.started_ticks))
            .unwrap_or_else(|| machine.started.elapsed());
        let start_time = (SystemTime::now().checked_sub(age))
            .and_then(|start| start.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            supervisor: supervisor::detect(machine)?,
            hostname: hostname.filter(|name| !name.is_empty()),
            start_time: start_time.map(|start| start.as_secs_f64()),
            started: Instant::now().checked_sub(age).unwrap_or(machine.started),
            page_bytes: rustix::param::page_size() as u64,
        })
    }
}

impl Pages {
    fn private(&self) -> u64 {
        self.resident.saturating_sub(self.shared)
    }
}

impl ProcessSeries {
    fn define(recorder: &mut Recorder) -> Result<Self, SamplerError> {
        let made = recorder;
        let mut bytes =
            |name: &'static str, help: &'static str| lone_gauge(made, (name, "bytes", help));
        let resident = bytes("process_resident_memory_bytes", "Resident memory.")?;
        let private = bytes(
            "probity_process_private_memory_bytes",
            "Resident memory without files and shared memory.",
        )?;
        let virtual_size = bytes("process_virtual_memory_bytes", "Address space.")?;
        let cpu = "Processor time used, user and kernel.";
        let start = "When the process started, Unix time.";
        let restarts = "Starts before this one, as the supervisor counts them.";
        let build = (
            "probity_build_info",
            "",
            "Version and build of this program.",
        );
        Ok(Self {
            cpu: lone_counter(made, ("process_cpu_seconds_total", "seconds", cpu))?,
            resident,
            private,
            virtual_size,
            open_fds: lone_gauge(made, ("process_open_fds", "", "Open file descriptors."))?,
            max_fds: lone_gauge(made, ("process_max_fds", "", "Descriptors it may open."))?,
            threads: lone_gauge(made, ("process_threads", "", "Threads."))?,
            start_time: lone_gauge(made, ("process_start_time_seconds", "seconds", start))?,
            restarts: lone_counter(made, ("probity_process_restarts_total", "", restarts))?,
            build: lone_info(made, build, &[("version", VERSION), ("build", BUILD)])?,
        })
    }
}

/// How long ago a process started that the kernel started so many ticks after boot. Counted on the clock that goes on
/// while the machine sleeps, as the kernel's start time is.
pub(super) fn age(started_ticks: u64) -> Option<Duration> {
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let started = Duration::try_from_secs_f64(started_ticks as f64 / ticks_per_second as f64);
    duration(clock_gettime(ClockId::Boottime)).checked_sub(started.ok()?)
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

fn parse_pages(text: &[u8]) -> Result<Pages, Malformed> {
    let mut words = Words::new(1, text);
    Ok(Pages {
        size: words.number()?,
        resident: words.number()?,
        shared: words.number()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_are_read() {
        let pages = parse_pages(b"765 403 375 5 0 123 0\n").unwrap();
        assert_eq!(
            (pages.size, pages.resident, pages.private()),
            (765, 403, 28)
        );
    }

    #[test]
    fn what_is_no_statm_is_refused() {
        let fault = Malformed::new(1, "a whole number is expected");
        assert_eq!(parse_pages(b"1 2"), Err(fault));
        assert_eq!(parse_pages(b""), Err(fault));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _refused = parse_pages(&bytes);
        }
    }
}
