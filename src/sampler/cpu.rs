//! Processors: times by mode from /proc/stat, load averages from /proc/loadavg.
//!
//! The share of the last minute is worked out from marks of the total, one a second.

use std::time::{Duration, Instant};

use crate::model::{CpuFacts, Facts, MetricId, Recorder, SeriesId, Staged};

use super::cpu_times::{
    IOWAIT, Load, MODES, RESET_SECONDS, STEAL, Stat, Times, busy, growth, parse_load, parse_stat,
    share, steady, used_percent,
};
use super::kernel_file::KernelFile;
use super::series::{
    begin, counter, lone_counter, lone_gauge, mirror_known, recorder, retire, set_known,
};
use super::{Machine, Sampler, SamplerError};

/// A minute's history is kept at one mark a second.
const MARKS: usize = 61;
/// A little under a second, so that a tick that comes early still leaves its mark.
const MARK_SPACING: Duration = Duration::from_millis(950);
/// A little over a minute, for the same reason.
const MINUTE: Duration = Duration::from_millis(60_500);

/// One processor with its series.
struct Core {
    /// The kernel's number of it.
    number: u64,
    /// As of the last sample, made steady.
    times: Times,
    /// Busy share since the sample before.
    used_percent: f64,
    /// One a mode.
    series: [SeriesId; MODES.len()],
}

/// Busy and total ticks at a moment.
#[derive(Clone, Copy)]
struct Mark {
    /// The moment.
    at: Instant,
    /// Busy ticks since boot.
    busy: u64,
    /// All ticks since boot.
    total: u64,
}

/// Samples the processors. Facts: [`CpuFacts`].
pub struct CpuSampler {
    /// /proc/stat.
    stat_file: KernelFile,
    /// /proc/loadavg.
    load_file: KernelFile,
    /// What the former told last.
    stat: Stat,
    /// What the latter told last, where it is there.
    load: Option<Load>,
    /// The processors on line, in the kernel's order.
    cores: Vec<Core>,
    /// The total of the sample before, made steady.
    all: Option<Times>,
    /// Growth by mode since the sample before.
    grown: Option<Times>,
    /// A ring of marks over the last minute; `marks_made` counts all that were ever made.
    marks: [Option<Mark>; MARKS],
    marks_made: usize,
    /// Busy share over the last minute.
    used_percent_1m: Option<f64>,
    /// The kernel's unit of time.
    ticks_per_second: u64,
    /// All series.
    recorder: Recorder,
    /// Those that do not depend on the processors.
    series: MachineSeries,
}

/// The metric of the processors' times, and the series of the machine as a whole.
struct MachineSeries {
    times: MetricId,
    interrupts: SeriesId,
    switches: SeriesId,
    forks: SeriesId,
    boot: SeriesId,
    running: SeriesId,
    blocked: SeriesId,
    loads: [SeriesId; 3],
}

impl CpuSampler {
    /// Opens /proc/stat and /proc/loadavg.
    ///
    /// # Errors
    /// A file that is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        Ok(Self {
            stat_file: KernelFile::open(machine.proc("stat"))?,
            load_file: KernelFile::open(machine.proc("loadavg"))?,
            stat: Stat::default(),
            load: None,
            cores: Vec::new(),
            all: None,
            grown: None,
            marks: [None; MARKS],
            marks_made: 0,
            used_percent_1m: None,
            ticks_per_second: rustix::param::clock_ticks_per_second(),
            series: MachineSeries::define(&mut recorder)?,
            recorder,
        })
    }

    /// Turns ticks into growth since the sample before, for the machine and for each processor.
    fn update(&mut self, now: Instant) -> Result<(), SamplerError> {
        let reset = RESET_SECONDS * self.ticks_per_second;
        let all = steady(self.all, self.stat.all, reset);
        self.grown = self.all.map(|before| growth(before, all));
        self.all = Some(all);
        self.mark(now, all);
        let same = self.cores.len() == self.stat.cores.len()
            && (self.cores.iter().zip(&self.stat.cores))
                .all(|(core, (number, _))| core.number == *number);
        if !same {
            self.follow_hotplug()?;
        }
        for (core, (_, times)) in self.cores.iter_mut().zip(&self.stat.cores) {
            let times = steady(Some(core.times), *times, reset);
            core.used_percent = used_percent(growth(core.times, times)).unwrap_or(0.0);
            core.times = times;
        }
        Ok(())
    }

    /// Makes the list of processors the one that the kernel shows now.
    fn follow_hotplug(&mut self) -> Result<(), SamplerError> {
        let mut before = std::mem::take(&mut self.cores);
        for (number, times) in &self.stat.cores {
            if let Some(index) = before.iter().position(|core| core.number == *number) {
                self.cores.push(before.swap_remove(index));
                continue;
            }
            let label = number.to_string();
            let mut series = [SeriesId::from_number(0); MODES.len()];
            for (series, mode) in series.iter_mut().zip(MODES) {
                *series = self
                    .recorder
                    .series(self.series.times, &[label.as_str(), mode])?;
            }
            self.cores.push(Core {
                number: *number,
                times: *times,
                used_percent: 0.0,
                series,
            });
        }
        for core in before {
            for mode in MODES {
                let label = core.number.to_string();
                retire(&mut self.recorder, &[self.series.times], &[&label, mode]);
            }
        }
        Ok(())
    }

    /// Keeps the minute's history and works out its busy share: since the oldest mark of the last minute, or
    /// since the newest one where samples are further apart.
    fn mark(&mut self, now: Instant, all: Times) {
        let total = all.iter().sum();
        let mark = Mark {
            at: now,
            busy: busy(all),
            total,
        };
        let newest = (self.marks_made.checked_sub(1)).and_then(|index| self.marks[index % MARKS]);
        let oldest = (self.marks.iter().flatten())
            .filter(|mark| now.saturating_duration_since(mark.at) <= MINUTE)
            .min_by_key(|mark| mark.at);
        self.used_percent_1m = oldest.copied().or(newest).and_then(|since| {
            let busy = mark.busy.saturating_sub(since.busy);
            share(busy, mark.total.saturating_sub(since.total))
        });
        if newest.is_none_or(|newest| now.saturating_duration_since(newest.at) >= MARK_SPACING) {
            self.marks[self.marks_made % MARKS] = Some(mark);
            self.marks_made += 1;
        }
    }

    fn record(&mut self) -> Result<(), SamplerError> {
        let (recorder, series, stat) = (&mut self.recorder, &self.series, &self.stat);
        for core in &self.cores {
            for (id, ticks) in core.series.iter().zip(core.times) {
                recorder.mirror(*id, ticks as f64 / self.ticks_per_second as f64)?;
            }
        }
        let whole = |number: Option<u64>| number.map(|number| number as f64);
        mirror_known(recorder, series.interrupts, whole(stat.interrupts))?;
        mirror_known(recorder, series.switches, whole(stat.switches))?;
        mirror_known(recorder, series.forks, whole(stat.forks))?;
        set_known(recorder, series.boot, whole(stat.boot_seconds))?;
        set_known(recorder, series.running, whole(stat.running))?;
        set_known(recorder, series.blocked, whole(stat.blocked))?;
        for (index, id) in series.loads.iter().enumerate() {
            set_known(recorder, *id, self.load.map(|load| load.averages[index]))?;
        }
        Ok(())
    }

    fn facts(&self) -> CpuFacts {
        let percent = |modes: &[usize]| {
            let grown = self.grown?;
            share(
                modes.iter().map(|mode| grown[*mode]).sum(),
                grown.iter().sum(),
            )
        };
        let load = |index: usize| self.load.map(|load| load.averages[index]);
        CpuFacts {
            used_percent: self.grown.and_then(used_percent),
            used_percent_1m: self.used_percent_1m,
            user_percent: percent(&[0, 1]),
            system_percent: percent(&[2, 5, 6]),
            iowait_percent: percent(&[IOWAIT]),
            steal_percent: percent(&[STEAL]),
            per_core_percent: self.cores.iter().map(|core| core.used_percent).collect(),
            cores: self.cores.len() as u32,
            load_1m: load(0),
            load_5m: load(1),
            load_15m: load(2),
            tasks_runnable: self.load.map(|load| load.runnable),
            tasks_total: self.load.map(|load| load.total),
        }
    }
}

impl Sampler for CpuSampler {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        let stat = &mut self.stat;
        if (self.stat_file.parse(|text| parse_stat(text, stat))?).is_none() {
            return Err(self.stat_file.absent());
        }
        self.load = self.load_file.parse(parse_load)?;
        self.update(now)?;
        self.record()
    }

    fn take(&mut self) -> (Facts, Staged) {
        (Facts::Cpu(Box::new(self.facts())), self.recorder.commit())
    }
}

impl MachineSeries {
    fn define(recorder: &mut Recorder) -> Result<Self, SamplerError> {
        let times = (
            "node_cpu_seconds_total",
            "seconds",
            "Time each processor spent in each mode.",
        );
        let loads = [
            ("node_load1", "", "Load average of 1 minute."),
            ("node_load5", "", "Load average of 5 minutes."),
            ("node_load15", "", "Load average of 15 minutes."),
        ];
        let mut load_series = [SeriesId::from_number(0); 3];
        for (series, words) in load_series.iter_mut().zip(loads) {
            *series = lone_gauge(recorder, words)?;
        }
        Ok(Self {
            times: counter(recorder, times, &["cpu", "mode"])?,
            interrupts: lone_counter(recorder, ("node_intr_total", "", "Interrupts serviced."))?,
            switches: lone_counter(
                recorder,
                ("node_context_switches_total", "", "Context switches."),
            )?,
            forks: lone_counter(recorder, ("node_forks_total", "", "Tasks started."))?,
            boot: lone_gauge(
                recorder,
                (
                    "node_boot_time_seconds",
                    "seconds",
                    "When the machine started, Unix time.",
                ),
            )?,
            running: lone_gauge(recorder, ("node_procs_running", "", "Tasks able to run."))?,
            blocked: lone_gauge(
                recorder,
                ("node_procs_blocked", "", "Tasks waiting for a disk."),
            )?,
            loads: load_series,
        })
    }
}
