//! The history's charts: a few that tell most, each with its axis and extremes.

use super::chart::{Round, Scale, area, line};
use super::past::{Past, Track, each, extremes};
use super::vitals::{busy, used_memory};
use super::words::{NOTHING, bytes, bytes_per_second, per_second, percent, seconds};

/// A chart of one or two lines.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) key: String,
    pub(super) title: &'static str,
    /// The top of the axis, in words; its bottom is nought.
    pub(super) top: String,
    /// How far back it goes.
    pub(super) span: &'static str,
    /// The same in seconds.
    pub(super) seconds: i64,
    pub(super) lines: Vec<ChartLine>,
}

/// One line.
#[derive(Debug)]
pub(super) struct ChartLine {
    pub(super) name: &'static str,
    pub(super) path: String,
    /// The ground under the first line.
    pub(super) area: String,
    /// The last, the smallest and the largest value.
    pub(super) last: String,
    pub(super) least: String,
    pub(super) most: String,
}

/// What a chart's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Percent,
    Seconds,
    Bytes,
    BytesPerSecond,
    PerSecond,
}

impl Unit {
    fn words(self, value: f64) -> String {
        match self {
            Self::Percent => percent(value),
            Self::Seconds => seconds(value),
            Self::Bytes => bytes(value),
            Self::BytesPerSecond => bytes_per_second(value),
            Self::PerSecond => per_second(value),
        }
    }

    fn round(self) -> Round {
        match self {
            Self::Bytes | Self::BytesPerSecond => Round::Binary,
            Self::Percent | Self::Seconds | Self::PerSecond => Round::Decimal,
        }
    }
}

type Named = (&'static str, Option<Track>);

/// What a chart is made of: its title, its unit, where its axis ends unless a value is above that, and its lines.
struct Plan(&'static str, Unit, f64, Vec<Named>);

/// The charts of the whole machine.
pub(super) fn charts(past: &Past<'_>) -> Vec<Chart> {
    let mut plans = loads(past);
    plans.extend(traffic(past));
    drawn(past, plans)
}

/// What is used, and what waits for it.
fn loads(past: &Past<'_>) -> Vec<Plan> {
    let memory = past.gauge("node_memory_total_bytes");
    let memory = memory.as_ref().and_then(extremes).map_or(0.0, |all| all.1);
    // A total is read now and then, and a step can hold more of it than its own time.
    let share = |rate: f64| (rate * 100.0).min(100.0);
    let stalled = |name: &str| Some(each(past.rate(name, |_| true)?, share));
    let lag = [
        ("longest", past.gauge("probity_event_loop_lag_max_seconds")),
        ("p99", past.gauge("probity_event_loop_lag_p99_seconds")),
    ];
    let cpu = stalled("node_pressure_cpu_waiting_seconds_total");
    let disks = stalled("node_pressure_io_waiting_seconds_total");
    let pressure = vec![("processors", cpu), ("disks", disks)];
    vec![
        Plan(
            "Processors",
            Unit::Percent,
            100.0,
            vec![("busy", busy(past))],
        ),
        Plan(
            "Memory",
            Unit::Bytes,
            memory,
            vec![("used", used_memory(past))],
        ),
        Plan("Loop lag", Unit::Seconds, 0.0, lag.into()),
        Plan("Pressure", Unit::Percent, 0.0, pressure),
    ]
}

/// What goes in and out.
fn traffic(past: &Past<'_>) -> Vec<Plan> {
    let disk = |name: &str| past.rate(name, |_| true);
    let wired = |name: &str| past.rate(name, |key| key.label("device") != Some("lo"));
    let network = [
        ("received", wired("node_network_receive_bytes_total")),
        ("sent", wired("node_network_transmit_bytes_total")),
    ];
    let disks = [
        ("written", disk("node_disk_written_bytes_total")),
        ("read", disk("node_disk_read_bytes_total")),
    ];
    vec![
        Plan("Network", Unit::BytesPerSecond, 0.0, network.into()),
        Plan("Disks", Unit::BytesPerSecond, 0.0, disks.into()),
    ]
}

fn drawn(past: &Past<'_>, plans: Vec<Plan>) -> Vec<Chart> {
    let plans = plans.into_iter().enumerate();
    plans
        .filter_map(|(index, plan)| draw(past, format!("c{index}"), plan))
        .collect()
}

/// The charts of one probe.
pub(super) fn of_probe(past: &Past<'_>, probe: &str) -> Vec<Chart> {
    let own = |name: &str| past.labelled(name, "probe", probe);
    let calls = past.rate("probity_probe_host_calls_total", |key| {
        key.label("probe") == Some(probe)
    });
    let duration = past.labelled("probity_source_duration_seconds", "source", probe);
    let cpu = own("probity_probe_last_run_cpu_seconds");
    let memory = own("probity_probe_memory_bytes");
    let run = vec![("duration", duration), ("CPU time", cpu)];
    let plans = vec![
        Plan("Run", Unit::Seconds, 0.0, run),
        Plan("Memory", Unit::Bytes, 0.0, vec![("instance", memory)]),
        Plan(
            "Calls to the host",
            Unit::PerSecond,
            0.0,
            vec![("calls", calls)],
        ),
    ];
    drawn(past, plans)
}

/// A chart of the lines that there are; nothing without any.
fn draw(past: &Past<'_>, key: String, Plan(title, unit, ceiling, lines): Plan) -> Option<Chart> {
    let known = lines.into_iter();
    let known: Vec<(&'static str, Track)> = known
        .filter_map(|(name, track)| Some((name, track?)))
        .collect();
    if known.is_empty() {
        return None;
    }
    let largest = known.iter().filter_map(|(_, track)| extremes(track));
    let largest = largest.map(|extremes| extremes.1).fold(0.0, f64::max);
    // What is known to be full is drawn to its edge; all else up to a round number.
    let scale = if ceiling > 0.0 && largest <= ceiling {
        Scale {
            least: 0.0,
            most: ceiling,
        }
    } else {
        Scale::from_nought(largest, unit.round())
    };
    let lines = known.iter().enumerate();
    Some(Chart {
        key,
        title,
        top: unit.words(scale.most),
        span: past.name,
        seconds: (past.until - past.from) / 1000,
        lines: lines
            .map(|(index, (name, track))| {
                let ground = if index == 0 {
                    area(past, track, scale)
                } else {
                    String::new()
                };
                chart_line(name, line(past, track, scale), ground, track, unit)
            })
            .collect(),
    })
}

fn chart_line(
    name: &'static str,
    path: String,
    area: String,
    track: &Track,
    unit: Unit,
) -> ChartLine {
    let known = extremes(track);
    let word = |of: fn((f64, f64, f64)) -> f64| {
        known.map_or_else(|| NOTHING.to_owned(), |known| unit.words(of(known)))
    };
    // A line that ended has no last value.
    let ended = track.last().is_none_or(|(_, value)| value.is_none());
    ChartLine {
        name,
        path,
        area,
        last: if ended {
            NOTHING.to_owned()
        } else {
            word(|known| known.2)
        },
        least: word(|known| known.0),
        most: word(|known| known.1),
    }
}
