//! The series of one watch. They are the watch's and not a process', so they go on when that is replaced.

use std::time::UNIX_EPOCH;

use super::config::Selector;
use super::track::{Track, seconds};
use crate::model::{Metric, MetricId, Recorder, SeriesId, WatchState};
use crate::sampler::SamplerError;
use crate::sampler::series::{counter, gauge, mirror_known, set_known};

/// The label of all series.
const KEYS: &[&str] = &["watch"];
/// systemd's ActiveState, by org.freedesktop.systemd1(5), and a word for what is not one of these.
const UNIT_STATES: [&str; 9] = [
    "active",
    "reloading",
    "inactive",
    "failed",
    "activating",
    "deactivating",
    "maintenance",
    "refreshing",
    UNKNOWN,
];
/// pm2's statuses, likewise.
const APP_STATES: [&str; 8] = [
    "online",
    "stopping",
    "stopped",
    "launching",
    "errored",
    "one-launch-status",
    "waiting restart",
    UNKNOWN,
];
const UNKNOWN: &str = "unknown";

/// The metrics of all watches.
pub(super) struct Metrics {
    up: MetricId,
    processes: MetricId,
    state: MetricId,
    cpu: MetricId,
    resident: MetricId,
    threads: MetricId,
    open_fds: MetricId,
    start_time: MetricId,
    restarts: MetricId,
    crashes: MetricId,
}

/// One watch's series of them.
pub(super) struct WatchSeries {
    up: SeriesId,
    processes: SeriesId,
    state: SeriesId,
    cpu: SeriesId,
    resident: SeriesId,
    threads: SeriesId,
    open_fds: SeriesId,
    start_time: SeriesId,
    restarts: SeriesId,
    crashes: SeriesId,
    /// The supervisor's state, and the states there are.
    supervisor: Option<(SeriesId, &'static [&'static str])>,
}

impl Metrics {
    pub(super) fn define(made: &mut Recorder) -> Result<Self, SamplerError> {
        let state = Metric::state_set(
            "watched_process_state",
            "How the main process of the watch is.",
            KEYS,
            &WatchState::WORDS,
        )?;
        let state = made.define(state)?;
        let mut gauge = |name, unit, help| gauge(made, (name, unit, help), KEYS);
        let up = "Whether what is watched is there.";
        let processes = "Processes of the watch that are alive.";
        let resident = "Resident memory of all its processes.";
        let start = "When the main process started, Unix time.";
        let fds = "Open file descriptors of all its processes.";
        let metrics = [
            gauge("watched_process_up", "", up)?,
            gauge("watched_process_processes", "", processes)?,
            gauge("watched_process_resident_memory_bytes", "bytes", resident)?,
            gauge(
                "watched_process_threads",
                "",
                "Threads of all its processes.",
            )?,
            gauge("watched_process_open_fds", "", fds)?,
            gauge("watched_process_start_time_seconds", "seconds", start)?,
        ];
        let mut counter = |name, unit, help| counter(made, (name, unit, help), KEYS);
        let cpu = "Processor time of all processes it ever had, user and kernel.";
        let restarts = "Starts of another process in the main one's place.";
        let crashes = "Ends that nobody asked for.";
        let [up, processes, resident, threads, open_fds, start_time] = metrics;
        Ok(Self {
            up,
            processes,
            state,
            cpu: counter("watched_process_cpu_seconds_total", "seconds", cpu)?,
            resident,
            threads,
            open_fds,
            start_time,
            restarts: counter("watched_process_restarts_total", "", restarts)?,
            crashes: counter("watched_process_crashes_total", "", crashes)?,
        })
    }
}

impl WatchSeries {
    pub(super) fn bind(
        made: &mut Recorder,
        metrics: &Metrics,
        track: &Track,
    ) -> Result<Self, SamplerError> {
        let labels = [&*track.name];
        let supervisor = supervisor(made, track)?;
        let mut series = |metric| made.series(metric, &labels);
        Ok(Self {
            up: series(metrics.up)?,
            processes: series(metrics.processes)?,
            state: series(metrics.state)?,
            cpu: series(metrics.cpu)?,
            resident: series(metrics.resident)?,
            threads: series(metrics.threads)?,
            open_fds: series(metrics.open_fds)?,
            start_time: series(metrics.start_time)?,
            restarts: series(metrics.restarts)?,
            crashes: series(metrics.crashes)?,
            supervisor,
        })
    }

    pub(super) fn record(
        &self,
        recorder: &mut Recorder,
        track: &Track,
        page_bytes: u64,
    ) -> Result<(), SamplerError> {
        let (members, state) = (&track.members, track.state());
        let whole = |number: Option<u64>| number.map(|number| number as f64);
        let resident = members.resident_pages();
        let resident = resident.map(|pages| pages.saturating_mul(page_bytes));
        let start = track.main.filter(|_| track.is_up).and_then(|main| {
            let since = main.start.duration_since(UNIX_EPOCH).ok()?;
            Some(since.as_secs_f64())
        });
        recorder.set(self.up, f64::from(u8::from(track.is_there())))?;
        recorder.set(self.processes, members.count() as f64)?;
        recorder.activate(self.state, state.as_str())?;
        recorder.mirror(self.restarts, track.restarts as f64)?;
        recorder.mirror(self.crashes, track.crashes as f64)?;
        mirror_known(recorder, self.cpu, members.cpu_ticks().map(seconds))?;
        set_known(recorder, self.resident, whole(resident))?;
        set_known(recorder, self.threads, whole(members.threads()))?;
        set_known(recorder, self.open_fds, whole(members.descriptors()))?;
        set_known(recorder, self.start_time, start)?;
        if let Some((series, states)) = self.supervisor {
            let told = track.sighting.supervisor.as_ref();
            let told = told.and_then(|supervisor| supervisor.state.as_deref());
            let known = told.filter(|state| states.contains(state));
            recorder.activate(series, known.unwrap_or(UNKNOWN))?;
        }
        Ok(())
    }
}

fn supervisor(
    made: &mut Recorder,
    track: &Track,
) -> Result<Option<(SeriesId, &'static [&'static str])>, SamplerError> {
    let (name, help, states): (_, _, &'static [&'static str]) = match track.selector {
        Selector::Unit(_) => (
            "watched_unit_state",
            "The unit's state in systemd.",
            &UNIT_STATES,
        ),
        Selector::Pm2(_) => ("watched_pm2_state", "The app's state in pm2.", &APP_STATES),
        _ => return Ok(None),
    };
    let metric = made.define(Metric::state_set(name, help, KEYS, states)?)?;
    Ok(Some((made.series(metric, &[&*track.name])?, states)))
}
