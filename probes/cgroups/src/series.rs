//! The metrics of a group: defined once, bound when a group first has a value, written in one call, and retired with the group.

use probity_sdk::prelude::*;
use probity_sdk::{Batch, Series, retire};

use crate::{Label, Usage};

/// One number of a group.
pub struct Field {
    /// The metric.
    name: &'static str,
    help: &'static str,
    is_total: bool,
    /// A label beside those of the group.
    extra: Option<(&'static str, &'static str)>,
    value: fn(&Usage) -> Option<f64>,
}

/// A group that was read.
pub struct Group<'a> {
    /// What it is.
    pub label: &'a Label,
    /// What its files say.
    pub usage: &'a Usage,
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&Usage) -> Option<f64>) -> Field {
    let (is_total, extra) = (false, None);
    Field {
        name,
        help,
        is_total,
        extra,
        value,
    }
}

const fn total(name: &'static str, help: &'static str, value: fn(&Usage) -> Option<f64>) -> Field {
    let is_total = true;
    Field {
        is_total,
        ..gauge(name, help, value)
    }
}

const fn with(extra: (&'static str, &'static str), field: Field) -> Field {
    let extra = Some(extra);
    Field { extra, ..field }
}

const CPU: &str = "Processor time of the group";
const IO_BYTES: &str = "Bytes read from and written to disks by the group";
const IO_OPERATIONS: &str = "Reads and writes of disks by the group";
const PRESSURE: &str =
    "Share of the last minute in which some process of the group waited for the resource";

/// All of them.
pub static FIELDS: [Field; 19] = [
    with(
        ("mode", "user"),
        total("cgroups_cpu_seconds_total", CPU, |it| it.cpu[0]),
    ),
    with(
        ("mode", "system"),
        total("cgroups_cpu_seconds_total", CPU, |it| it.cpu[1]),
    ),
    total(
        "cgroups_cpu_periods_total",
        "Periods of the group's quota of processor time",
        |it| quota(it).map(|periods| periods[0] as f64),
    ),
    total(
        "cgroups_cpu_throttled_periods_total",
        "Periods in which the group had used up its quota of processor time",
        |it| quota(it).map(|periods| periods[1] as f64),
    ),
    total(
        "cgroups_cpu_throttled_seconds_total",
        "Time for which the group waited for its quota of processor time",
        |it| quota(it).and(it.throttled),
    ),
    gauge(
        "cgroups_memory_bytes",
        "Memory of the group, page cache included",
        |it| whole(it.memory),
    ),
    gauge(
        "cgroups_memory_working_set_bytes",
        "Memory of the group without page cache that was not used lately",
        |it| whole(it.working_set()),
    ),
    gauge(
        "cgroups_memory_anonymous_bytes",
        "Memory of the group that belongs to no file",
        |it| whole(it.anonymous),
    ),
    gauge(
        "cgroups_memory_limit_bytes",
        "The most memory that the group may have",
        |it| whole(it.memory_limit),
    ),
    total(
        "cgroups_oom_kills_total",
        "Processes of the group that were killed for want of memory",
        |it| whole(it.oom_kills),
    ),
    gauge("cgroups_pids", "Processes and threads of the group", |it| {
        whole(it.pids)
    }),
    gauge(
        "cgroups_pids_limit",
        "How many processes and threads the group may have",
        |it| whole(it.pids_limit),
    ),
    with(
        ("direction", "read"),
        total("cgroups_io_bytes_total", IO_BYTES, |it| disk(it, 0)),
    ),
    with(
        ("direction", "write"),
        total("cgroups_io_bytes_total", IO_BYTES, |it| disk(it, 1)),
    ),
    with(
        ("direction", "read"),
        total("cgroups_io_operations_total", IO_OPERATIONS, |it| {
            disk(it, 2)
        }),
    ),
    with(
        ("direction", "write"),
        total("cgroups_io_operations_total", IO_OPERATIONS, |it| {
            disk(it, 3)
        }),
    ),
    with(
        ("resource", "cpu"),
        gauge("cgroups_pressure_ratio", PRESSURE, |it| it.pressure[0]),
    ),
    with(
        ("resource", "memory"),
        gauge("cgroups_pressure_ratio", PRESSURE, |it| it.pressure[1]),
    ),
    with(
        ("resource", "io"),
        gauge("cgroups_pressure_ratio", PRESSURE, |it| it.pressure[2]),
    ),
];

fn whole(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

/// The kernel counts no period of a group without a quota.
fn quota(usage: &Usage) -> Option<[u64; 2]> {
    usage.periods.filter(|periods| periods[0] > 0)
}

fn disk(usage: &Usage, place: usize) -> Option<f64> {
    usage.io.map(|io| io[place] as f64)
}

/// A metric as it was defined.
enum Metric {
    Gauge(Gauge<2>),
    GaugeOf(Gauge<3>, &'static str),
    Total(Counter<2>),
    TotalOf(Counter<3>, &'static str),
}

impl Metric {
    fn define(field: &Field) -> Result<Self> {
        let Field { name, help, .. } = *field;
        Ok(match (field.is_total, field.extra) {
            (false, None) => Self::Gauge(Gauge::define(name, help, ["unit", "container"])?),
            (false, Some((key, value))) => Self::GaugeOf(
                Gauge::define(name, help, ["unit", "container", key])?,
                value,
            ),
            (true, None) => Self::Total(Counter::define(name, help, ["unit", "container"])?),
            (true, Some((key, value))) => Self::TotalOf(
                Counter::define(name, help, ["unit", "container", key])?,
                value,
            ),
        })
    }

    fn bind(&self, label: &Label) -> Result<Series> {
        let Label { unit, container } = label;
        match self {
            Self::Gauge(gauge) => gauge.bind([unit, container]),
            Self::GaugeOf(gauge, value) => gauge.bind([unit, container, value]),
            Self::Total(counter) => counter.bind([unit, container]),
            Self::TotalOf(counter, value) => counter.bind([unit, container, value]),
        }
    }
}

/// Where the state keeps the groups that have series: totals stay until they are retired, also when the instance that wrote them is gone.
const KNOWN: &str = "groups";

/// What was written of which group.
pub struct Written {
    metrics: Vec<Metric>,
    /// The groups that have series, and those that were bound in this instance. Few enough to be looked through.
    groups: Vec<(Label, Bound)>,
}

type Bound = [Option<Series>; FIELDS.len()];

impl Written {
    /// Defines the metrics.
    ///
    /// # Errors
    /// Those of [`Gauge::define`].
    pub fn new() -> Result<Self> {
        let known = state::get_text::<String>(KNOWN).unwrap_or_default();
        let groups = known.lines().filter_map(|line| {
            let (unit, container) = line.split_once('\t')?;
            let label = Label {
                unit: unit.to_owned(),
                container: container.to_owned(),
            };
            Some((label, [None; FIELDS.len()]))
        });
        Ok(Self {
            metrics: FIELDS.iter().map(Metric::define).collect::<Result<_>>()?,
            groups: groups.collect(),
        })
    }

    /// Writes all groups, and retires those for which `is_kept` does not hold.
    ///
    /// # Errors
    /// `metrics.too-many-series`, `state.too-large`.
    pub fn write(&mut self, groups: &[Group<'_>], is_kept: impl Fn(&Label) -> bool) -> Result<()> {
        let mut has_changed = false;
        self.groups.retain(|(label, _)| {
            let stays = is_kept(label);
            if !stays {
                retire_all(label);
            }
            has_changed |= !stays;
            stays
        });
        let (mut batch, mut values) = (Batch::new(), Vec::new());
        for group in groups {
            has_changed |= self.add(group.label);
            let known = self.groups.iter_mut();
            let Some((label, bound)) = known.into_iter().find(|(label, _)| label == group.label)
            else {
                continue;
            };
            for ((field, metric), series) in FIELDS.iter().zip(&self.metrics).zip(bound) {
                let Some(value) = (field.value)(group.usage) else {
                    continue;
                };
                let series = match *series {
                    Some(series) => series,
                    None => *series.insert(metric.bind(label)?),
                };
                batch.push(series);
                values.push(value);
            }
        }
        batch.set(&values)?;
        match has_changed {
            true => self.remember(),
            false => Ok(()),
        }
    }

    /// Adds a group without series; false when it is there.
    fn add(&mut self, label: &Label) -> bool {
        let is_new = !self.groups.iter().any(|(known, _)| known == label);
        if is_new {
            self.groups.push((label.clone(), [None; FIELDS.len()]));
        }
        is_new
    }

    fn remember(&self) -> Result<()> {
        let mut known = String::new();
        for (Label { unit, container }, _) in &self.groups {
            known.push_str(&format!("{unit}\t{container}\n"));
        }
        state::put_text(KNOWN, known)
    }
}

fn retire_all(label: &Label) {
    let Label { unit, container } = label;
    for field in &FIELDS {
        match field.extra {
            None => retire(field.name, [unit, container]),
            Some((_, value)) => retire(field.name, [unit, container, value]),
        };
    }
}
