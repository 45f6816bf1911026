//! Limits and use of this process' control group, version 2. Format: the kernel's Documentation/admin-guide/cgroup-v2.rst.
//!
//! A limit on any group above binds too, so the limit shown is the smallest on the way up to the mount.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::{CgroupFacts, Facts, Recorder, SeriesId, Staged};

use super::kernel_file::KernelFile;
use super::scan::{Words, lines, number, text};
use super::series::{
    Description, begin, lone_counter, lone_gauge, mirror_known, recorder, set_known,
};
use super::{Machine, Malformed, Sampler, SamplerError, mounts};

/// A process is moved to another group once in its life, if ever; looking costs 10 us.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The kernel counts processor time in microseconds.
const MICROSECONDS: f64 = 1e6;

/// Samples the control group. Facts: [`CgroupFacts`], all null where there is no version 2.
pub struct CgroupSampler {
    /// Where control groups are mounted.
    machine: Machine,
    /// /proc/self/cgroup.
    membership: KernelFile,
    /// The text of the membership that `group` was opened for.
    known: Vec<u8>,
    /// When it was last read.
    looked: Option<Instant>,
    /// The group, where there is version 2.
    group: Option<Group>,
    /// What its files told last, but for the path.
    facts: CgroupFacts,
    /// All series.
    recorder: Recorder,
    /// Their ids.
    series: CgroupSeries,
}

/// The files of one group.
struct Group {
    path: String,
    /// From the group itself up to the mount.
    levels: Vec<Level>,
    memory_current: KernelFile,
    memory_stat: KernelFile,
    memory_events: KernelFile,
    cpu_stat: KernelFile,
    pids_current: KernelFile,
}

/// The limits of one group on the way up.
struct Level {
    memory_max: KernelFile,
    cpu_max: KernelFile,
    pids_max: KernelFile,
}

struct CgroupSeries {
    memory_max: SeriesId,
    memory_current: SeriesId,
    working_set: SeriesId,
    oom_kills: SeriesId,
    cpu_limit: SeriesId,
    cpu_usage: SeriesId,
    cpu_throttled: SeriesId,
    pids_max: SeriesId,
    pids_current: SeriesId,
}

impl CgroupSampler {
    /// Finds and opens the group's files.
    ///
    /// # Errors
    /// A file that is there and cannot be opened.
    pub fn new(machine: &Machine) -> Result<Self, SamplerError> {
        let mut recorder = recorder();
        Ok(Self {
            machine: machine.clone(),
            membership: KernelFile::open(machine.proc("self/cgroup"))?,
            known: Vec::new(),
            looked: None,
            group: None,
            facts: CgroupFacts::default(),
            series: CgroupSeries::define(&mut recorder)?,
            recorder,
        })
    }

    /// Looks now and then whether the process is still in the same group, and opens the new one if not.
    fn look(&mut self, now: Instant) -> Result<(), SamplerError> {
        let recent = |looked: Instant| now.saturating_duration_since(looked) < LOOK_AGAIN;
        if self.looked.is_some_and(recent) {
            return Ok(());
        }
        let known = &self.known;
        let membership = self.membership.read()?.unwrap_or_default();
        if *membership != **known || self.looked.is_none() {
            self.known = membership.to_vec();
            self.group = match group_path(&self.known) {
                Some(path) => Group::open(&self.machine, path)?,
                None => None,
            };
        }
        self.looked = Some(now);
        Ok(())
    }

    fn record(&mut self) -> Result<(), SamplerError> {
        let (recorder, series, facts) = (&mut self.recorder, &self.series, &self.facts);
        let whole = |number: Option<u64>| number.map(|number| number as f64);
        set_known(recorder, series.memory_max, whole(facts.memory_max_bytes))?;
        set_known(
            recorder,
            series.memory_current,
            whole(facts.memory_current_bytes),
        )?;
        set_known(
            recorder,
            series.working_set,
            whole(facts.memory_working_set_bytes),
        )?;
        mirror_known(recorder, series.oom_kills, whole(facts.oom_kills_total))?;
        set_known(recorder, series.cpu_limit, facts.cpu_limit_cores)?;
        mirror_known(recorder, series.cpu_usage, facts.cpu_usage_seconds_total)?;
        mirror_known(
            recorder,
            series.cpu_throttled,
            facts.cpu_throttled_seconds_total,
        )?;
        set_known(recorder, series.pids_max, whole(facts.pids_max))?;
        set_known(recorder, series.pids_current, whole(facts.pids_current))
    }
}

impl Sampler for CgroupSampler {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn sample(&mut self, now: Instant) -> Result<(), SamplerError> {
        begin(&mut self.recorder);
        self.look(now)?;
        self.facts = CgroupFacts::default();
        if let Some(group) = &mut self.group {
            group.read(&mut self.facts)?;
        }
        self.record()
    }

    fn take(&mut self) -> (Facts, Staged) {
        let facts = CgroupFacts {
            path: self.group.as_ref().map(|group| group.path.clone()),
            ..self.facts.clone()
        };
        (Facts::Cgroup(Box::new(facts)), self.recorder.commit())
    }
}

impl Group {
    /// Opens the group's files; nothing where no version 2 is mounted.
    fn open(machine: &Machine, path: String) -> Result<Option<Self>, SamplerError> {
        let Some((mount, inside)) = find_mount(machine, &path)? else {
            return Ok(None);
        };
        let folder = mount.join(&inside);
        let file = |name: &str| KernelFile::open(folder.join(name));
        let above = folder
            .ancestors()
            .take_while(|above| above.starts_with(&mount));
        Ok(Some(Self {
            levels: above.map(Level::open).collect::<Result<_, _>>()?,
            memory_current: file("memory.current")?,
            memory_stat: file("memory.stat")?,
            memory_events: file("memory.events")?,
            cpu_stat: file("cpu.stat")?,
            pids_current: file("pids.current")?,
            path,
        }))
    }

    fn read(&mut self, facts: &mut CgroupFacts) -> Result<(), SamplerError> {
        for level in &mut self.levels {
            let memory = level.memory_max.parse(parse_limit)?.flatten();
            let cores = level.cpu_max.parse(parse_quota)?.flatten();
            let pids = level.pids_max.parse(parse_limit)?.flatten();
            facts.memory_max_bytes = smallest(facts.memory_max_bytes, memory);
            facts.cpu_limit_cores = smallest(facts.cpu_limit_cores, cores);
            facts.pids_max = smallest(facts.pids_max, pids);
        }
        facts.memory_current_bytes = self.memory_current.parse(parse_limit)?.flatten();
        let cache = self
            .memory_stat
            .parse(|text| parse_keys(text, [b"inactive_file"]))?;
        facts.memory_working_set_bytes = facts
            .memory_current_bytes
            .zip(cache.and_then(|[inactive]| inactive))
            // The two files are not of one moment.
            .map(|(current, inactive)| current.saturating_sub(inactive));
        facts.pids_current = self.pids_current.parse(parse_limit)?.flatten();
        let kills = self
            .memory_events
            .parse(|text| parse_keys(text, [b"oom_kill"]))?;
        facts.oom_kills_total = kills.and_then(|[kills]| kills);
        let times = self
            .cpu_stat
            .parse(|text| parse_keys(text, [b"usage_usec", b"throttled_usec"]))?;
        let [used, throttled] = times.unwrap_or_default();
        let seconds = |time: Option<u64>| time.map(|time| time as f64 / MICROSECONDS);
        facts.cpu_usage_seconds_total = seconds(used);
        facts.cpu_throttled_seconds_total = seconds(throttled);
        Ok(())
    }
}

impl Level {
    fn open(folder: &Path) -> Result<Self, SamplerError> {
        Ok(Self {
            memory_max: KernelFile::open(folder.join("memory.max"))?,
            cpu_max: KernelFile::open(folder.join("cpu.max"))?,
            pids_max: KernelFile::open(folder.join("pids.max"))?,
        })
    }
}

impl CgroupSeries {
    fn define(made: &mut Recorder) -> Result<Self, SamplerError> {
        Ok(Self {
            memory_max: lone_gauge(made, MEMORY_MAX)?,
            memory_current: lone_gauge(made, MEMORY_CURRENT)?,
            working_set: lone_gauge(made, WORKING_SET)?,
            oom_kills: lone_counter(made, OOM_KILLS)?,
            cpu_limit: lone_gauge(made, CPU_LIMIT)?,
            cpu_usage: lone_counter(made, CPU_USAGE)?,
            cpu_throttled: lone_counter(made, CPU_THROTTLED)?,
            pids_max: lone_gauge(made, PIDS_MAX)?,
            pids_current: lone_gauge(made, PIDS_CURRENT)?,
        })
    }
}

const MEMORY_MAX: Description = (
    "probity_cgroup_memory_max_bytes",
    "bytes",
    "Memory limit of the control group.",
);
const MEMORY_CURRENT: Description = (
    "probity_cgroup_memory_current_bytes",
    "bytes",
    "Memory the control group uses.",
);
const WORKING_SET: Description = (
    "probity_cgroup_memory_working_set_bytes",
    "bytes",
    "Memory the control group uses, without inactive file pages.",
);
const OOM_KILLS: Description = (
    "probity_cgroup_oom_kills_total",
    "",
    "Kills for memory in the control group.",
);
const CPU_LIMIT: Description = (
    "probity_cgroup_cpu_limit_cores",
    "cores",
    "Processors the control group may use.",
);
const CPU_USAGE: Description = (
    "probity_cgroup_cpu_usage_seconds_total",
    "seconds",
    "Processor time of the control group.",
);
const CPU_THROTTLED: Description = (
    "probity_cgroup_cpu_throttled_seconds_total",
    "seconds",
    "Time the control group was held back by its processor quota.",
);
const PIDS_MAX: Description = (
    "probity_cgroup_pids_max",
    "",
    "Tasks the control group may have.",
);
const PIDS_CURRENT: Description = (
    "probity_cgroup_pids_current",
    "",
    "Tasks of the control group.",
);

/// The mount of version 2 and the group's path below it. A container sees a mount whose root is its own group, and
/// sometimes a path that only means something outside of it; then the mount itself is the group.
fn find_mount(machine: &Machine, path: &str) -> Result<Option<(PathBuf, PathBuf)>, SamplerError> {
    let mut table = KernelFile::open(machine.proc("self/mountinfo"))?;
    let mounts = table.parse(mounts::parse)?.unwrap_or_default();
    let Some(mount) = mounts.into_iter().find(|mount| mount.fstype == b"cgroup2") else {
        return Ok(None);
    };
    let root = PathBuf::from(std::ffi::OsStr::from_bytes(&mount.root));
    let point = machine.mounted(Path::new(std::ffi::OsStr::from_bytes(&mount.point)));
    let inside = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
    let climbs = path.split('/').any(|part| part == "..");
    let reachable = !climbs && point.join(inside).is_dir();
    let inside = if reachable {
        inside.to_owned()
    } else {
        PathBuf::new()
    };
    Ok(Some((point, inside)))
}

/// The path of version 2 in /proc/self/cgroup, whose line has the number 0 and no controllers.
fn group_path(membership: &[u8]) -> Option<String> {
    lines(membership).find_map(|(_, line)| line.strip_prefix(b"0::").map(text))
}

fn smallest<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other < one { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// One number, or `max` for none.
fn parse_limit(text: &[u8]) -> Result<Option<u64>, Malformed> {
    match text.trim_ascii() {
        b"max" => Ok(None),
        word => number(word)
            .map(Some)
            .ok_or_else(|| Malformed::new(1, "a whole number or `max` is expected")),
    }
}

/// Quota and period of processor time, as processors.
fn parse_quota(text: &[u8]) -> Result<Option<f64>, Malformed> {
    let mut words = Words::new(1, text);
    let quota = parse_limit(words.word()?)?;
    match (quota, words.number()?) {
        (_, 0) => Err(words.fault("the period is zero")),
        (quota, period) => Ok(quota.map(|quota| quota as f64 / period as f64)),
    }
}

/// The numbers behind `keys` in a list of keys and numbers.
fn parse_keys<const N: usize>(
    text: &[u8],
    keys: [&[u8]; N],
) -> Result<[Option<u64>; N], Malformed> {
    let mut values = [None; N];
    for (line, text) in lines(text) {
        let mut words = Words::new(line, text);
        let key = words.word()?;
        if let Some(index) = keys.iter().position(|wanted| *wanted == key) {
            values[index] = Some(words.number()?);
        }
    }
    Ok(values)
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
