//! Processors' times by mode as /proc/stat writes them, and shares of them.
//!
//! Formats: proc_stat(5), proc_loadavg(5). A processor is busy when it is neither idle nor waiting for disks; time
//! stolen by the hypervisor counts as busy, for the machine wanted it. Guest time is part of user time.

use super::Malformed;
use super::scan::{Words, lines, number};

/// The modes of a processor, in the order of /proc/stat, as the `mode` label names them.
pub(super) const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];
const IDLE: usize = 3;
pub(super) const IOWAIT: usize = 4;
pub(super) const STEAL: usize = 7;

/// The kernel takes back a few ticks of idle and iowait now and then; more than three seconds less means that the
/// processor was switched off and on, and its times began anew. (node_exporter's rule and number.)
pub(super) const RESET_SECONDS: u64 = 3;

/// Ninety million years at 100 ticks a second; eight modes of so many still add up in 64 bits.
const MOST_TICKS: u64 = 1 << 58;

/// Ticks by mode.
pub(super) type Times = [u64; MODES.len()];

/// What /proc/stat tells, in ticks and counts.
#[derive(Debug, Default)]
pub(super) struct Stat {
    pub(super) all: Times,
    /// Processors on line, with their numbers.
    pub(super) cores: Vec<(u64, Times)>,
    pub(super) interrupts: Option<u64>,
    pub(super) switches: Option<u64>,
    pub(super) forks: Option<u64>,
    pub(super) boot_seconds: Option<u64>,
    pub(super) running: Option<u64>,
    pub(super) blocked: Option<u64>,
}

/// What /proc/loadavg tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    pub(super) averages: [f64; 3],
    pub(super) runnable: u64,
    pub(super) total: u64,
}

pub(super) fn busy(times: Times) -> u64 {
    let total: u64 = times.iter().sum();
    total - times[IDLE] - times[IOWAIT]
}

pub(super) fn used_percent(grown: Times) -> Option<f64> {
    share(busy(grown), grown.iter().sum())
}

/// `part` of `whole` in percent; nothing when no time passed.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

pub(super) fn growth(before: Times, now: Times) -> Times {
    std::array::from_fn(|mode| now[mode].saturating_sub(before[mode]))
}

/// The new times with every small step back undone; all of them as they are after a reset.
pub(super) fn steady(before: Option<Times>, now: Times, reset: u64) -> Times {
    match before {
        Some(before) if now[IDLE].saturating_add(reset) >= before[IDLE] => {
            std::array::from_fn(|mode| now[mode].max(before[mode]))
        }
        _ => now,
    }
}

pub(super) fn parse_stat(text: &[u8], stat: &mut Stat) -> Result<(), Malformed> {
    stat.cores.clear();
    let mut all = None;
    for (line, text) in lines(text) {
        let mut words = Words::new(line, text);
        match words.word()? {
            b"cpu" => all = Some(parse_times(&mut words)?),
            b"intr" => stat.interrupts = Some(words.number()?),
            b"ctxt" => stat.switches = Some(words.number()?),
            b"btime" => stat.boot_seconds = Some(words.number()?),
            b"processes" => stat.forks = Some(words.number()?),
            b"procs_running" => stat.running = Some(words.number()?),
            b"procs_blocked" => stat.blocked = Some(words.number()?),
            name => {
                if let Some(core) = name.strip_prefix(b"cpu").and_then(number) {
                    if stat.cores.last().is_some_and(|(last, _)| *last >= core) {
                        return Err(words.fault("processors are expected in rising order"));
                    }
                    stat.cores.push((core, parse_times(&mut words)?));
                }
            }
        }
    }
    stat.all = all.ok_or_else(|| Malformed::new(1, "no line `cpu` with the times of all"))?;
    Ok(())
}

/// The times of one line. The first four are as old as the file; later ones came with kernel versions.
fn parse_times(words: &mut Words<'_>) -> Result<Times, Malformed> {
    let mut times = Times::default();
    for (mode, time) in times.iter_mut().enumerate() {
        if mode > IDLE && words.clone().next().is_none() {
            break;
        }
        *time = words.number()?;
        if *time > MOST_TICKS {
            return Err(words.fault("a time too large to add up"));
        }
    }
    Ok(times)
}

pub(super) fn parse_load(text: &[u8]) -> Result<Load, Malformed> {
    let mut words = Words::new(1, text);
    let averages = [words.decimal()?, words.decimal()?, words.decimal()?];
    let tasks = words.word()?;
    let mut counts = tasks.split(|byte| *byte == b'/').map(number);
    match (counts.next().flatten(), counts.next().flatten()) {
        (Some(runnable), Some(total)) => Ok(Load {
            averages,
            runnable,
            total,
        }),
        _ => Err(words.fault("runnable and all tasks are expected as `1/100`")),
    }
}

#[cfg(test)]
#[path = "cpu_tests.rs"]
mod tests;
