//! The machine and the event loop at a glance: four numbers, each with its recent course.

use super::Moment;
use super::chart::{Scale, area, line};
use super::past::{Past, Track, each, extremes, together};
use super::words::{NOTHING, bytes, percent, seconds};
use crate::model::{CgroupFacts, MemoryFacts};
use crate::snapshot::{Dated, Freshness};

/// One number.
#[derive(Debug)]
pub(super) struct Vital {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) context: String,
    /// `fresh` or `stale`.
    pub(super) state: &'static str,
    /// A bar of how much of a limit is used, as a path in a box 100 wide.
    pub(super) meter: Option<String>,
    pub(super) spark: Option<Spark>,
}

/// A recent course.
#[derive(Debug)]
pub(super) struct Spark {
    pub(super) line: String,
    pub(super) area: String,
    /// The smallest and the largest value, in words.
    pub(super) least: String,
    pub(super) most: String,
}

type Words = fn(f64) -> String;

/// All of them.
pub(super) fn vitals(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vec<Vital> {
    vec![
        cpu(at, past),
        memory(at, past),
        lag(at, past),
        delay(at, past),
    ]
}

/// Of a track with values; nothing without.
fn spark(past: Option<&Past<'_>>, track: Option<Track>, words: Words) -> Option<Spark> {
    let (past, track) = (past?, track?);
    let (least, most, _) = extremes(&track)?;
    let scale = Scale::around(least, most);
    Some(Spark {
        line: line(past, &track, scale),
        area: area(past, &track, scale),
        least: words(least),
        most: words(most),
    })
}

fn state<T>(facts: Option<&Dated<T>>, at: &Moment<'_>) -> &'static str {
    let stale = facts.is_none_or(|facts| {
        let kind = crate::model::MetricKind::Gauge;
        let freshness = Freshness::of(kind, facts.read, facts.interval, at.now);
        freshness.stale || facts.failure.is_some()
    });
    if stale { "stale" } else { "fresh" }
}

fn number(value: Option<f64>, words: Words) -> String {
    value.map_or_else(|| NOTHING.to_owned(), words)
}

/// A bar from the left edge.
fn meter(percent: f64) -> String {
    format!("M0 2h{:.1}", percent.clamp(0.0, 100.0))
}

/// The busy share of all processors, from the time that each spent.
pub(super) fn busy(past: &Past<'_>) -> Option<Track> {
    const NAME: &str = "node_cpu_seconds_total";
    let idle = |mode: Option<&str>| matches!(mode, Some("idle" | "iowait"));
    let busy = past.rate(NAME, |key| !idle(key.label("mode")))?;
    let all = past.rate(NAME, |_| true)?;
    let share = |busy, all| if all > 0.0 { 100.0 * busy / all } else { 0.0 };
    Some(together(busy, &all, share))
}

fn cpu(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vital {
    let dated = at.snapshot.facts.cpu.as_ref();
    let facts = dated.map(|dated| &*dated.facts);
    let load =
        |load: Option<f64>| load.map_or_else(|| NOTHING.to_owned(), |load| format!("{load:.2}"));
    Vital {
        key: "cpu",
        label: "Processors",
        value: number(facts.and_then(|cpu| cpu.used_percent), percent),
        context: facts.map_or(String::new(), |cpu| {
            let loads = [cpu.load_1m, cpu.load_5m, cpu.load_15m]
                .map(load)
                .join("  ");
            format!("{} on line · load {loads}", cpu.cores)
        }),
        state: state(dated, at),
        meter: facts.and_then(|cpu| cpu.used_percent).map(meter),
        spark: spark(past, past.and_then(busy), percent),
    }
}

/// Against the control group's limit where that is below the machine's memory, else against the machine's, as the check `memory`
/// judges it.
fn memory(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vital {
    let (machine, group) = (&at.snapshot.facts.memory, &at.snapshot.facts.cgroup);
    let total = machine.as_ref().map(|dated| &*dated.facts);
    let limited = group.as_ref();
    let limited = limited.and_then(|dated| limited_memory(&dated.facts, total));
    let own = machine.as_ref().map(|dated| unlimited(&dated.facts));
    let (used, limit, whose, state) = match (limited, own) {
        (Some((used, limit)), _) => (used, limit, "control group", state(group.as_ref(), at)),
        (None, Some((used, limit))) => (used, limit, "machine", state(machine.as_ref(), at)),
        (None, None) => (f64::NAN, f64::NAN, "machine", "stale"),
    };
    let share = (limit > 0.0).then(|| 100.0 * used / limit);
    let track = past.and_then(|past| match limited {
        Some(_) => past.gauge("probity_cgroup_memory_working_set_bytes"),
        None => used_memory(past),
    });
    Vital {
        key: "memory",
        label: "Memory",
        value: number(share, percent),
        context: share.map_or(String::new(), |_| {
            format!("{} of {} · {whose}", bytes(used), bytes(limit))
        }),
        state,
        meter: share.map(meter),
        spark: spark(past, track, bytes),
    }
}

fn limited_memory(group: &CgroupFacts, machine: Option<&MemoryFacts>) -> Option<(f64, f64)> {
    let limit = group.binding_memory_limit(machine)?;
    let used = group
        .memory_working_set_bytes
        .or(group.memory_current_bytes)?;
    Some((used as f64, limit as f64))
}

fn unlimited(memory: &MemoryFacts) -> (f64, f64) {
    (memory.used_bytes as f64, memory.total_bytes as f64)
}

/// What the machine uses: all less what is available.
pub(super) fn used_memory(past: &Past<'_>) -> Option<Track> {
    let all = past.gauge("node_memory_total_bytes")?;
    let available = past.gauge("node_memory_available_bytes")?;
    Some(together(all, &available, |all, available| all - available))
}

fn lag(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vital {
    let dated = at.snapshot.facts.event_loop.as_ref();
    let lag = dated.map(|dated| dated.facts.lag);
    let track = past.and_then(|past| past.gauge("probity_event_loop_lag_p99_seconds"));
    Vital {
        key: "lag",
        label: "Loop lag, 99th percentile",
        value: number(lag.map(|lag| lag.p99_seconds), seconds),
        context: lag.map_or(String::new(), |lag| {
            let (now, most) = (seconds(lag.current_seconds), seconds(lag.max_seconds));
            format!("now {now} · longest {most}")
        }),
        state: state(dated, at),
        meter: None,
        spark: spark(past, track, seconds),
    }
}

fn delay(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vital {
    let dated = at.snapshot.facts.event_loop.as_ref();
    let facts = dated.map(|dated| &*dated.facts);
    let ratio = facts.and_then(|facts| facts.run_queue_delay_ratio);
    let track = past.and_then(|past| past.gauge("probity_event_loop_run_queue_delay_ratio"));
    Vital {
        key: "delay",
        label: "Run-queue delay",
        value: number(ratio.map(|ratio| ratio * 100.0), percent),
        context: facts.map_or(String::new(), |facts| {
            let busy = number(facts.busy_ratio.map(|busy| busy * 100.0), percent);
            format!("of the time ready, not running · loop busy {busy}")
        }),
        state: state(dated, at),
        meter: None,
        spark: spark(
            past,
            track.map(|track| each(track, |ratio| ratio * 100.0)),
            percent,
        ),
    }
}
