//! The made-up host's metrics.

use std::collections::BTreeMap;

use super::rules::{check_name, finite, is_name, total};
use super::{Refusal, with};

/// Names and what they were defined as, numbers of series, and what was written.
#[derive(Default)]
pub(crate) struct Metrics {
    defined: Vec<Metric>,
    bound: Vec<Series>,
    /// Committed, and with the run's writes.
    pub(crate) values: [BTreeMap<Series, f64>; 2],
    /// Histograms' observations and the states that are active, in the same two.
    pub(crate) observations: [BTreeMap<Series, Vec<f64>>; 2],
    pub(crate) states: BTreeMap<Series, String>,
    written: Vec<Series>,
}

/// A metric's name and one value for each of its labels.
pub(crate) type Series = (String, Vec<String>);

struct Metric {
    name: String,
    kind: &'static str,
    unit: String,
    keys: Vec<String>,
    states: Vec<String>,
}

impl Metrics {
    /// A run begins: nothing is staged, and series that are set have to be set anew.
    pub(crate) fn begin(&mut self) {
        self.values[1] = self.values[0].clone();
        self.observations[1] = self.observations[0].clone();
        self.written.clear();
    }

    /// A run went well: gauges that it left out are gone.
    pub(crate) fn commit(&mut self) {
        let kinds: BTreeMap<&str, &str> = self
            .defined
            .iter()
            .map(|metric| (metric.name.as_str(), metric.kind))
            .collect();
        let written = &self.written;
        self.values[1].retain(|series, _| {
            kinds.get(series.0.as_str()) == Some(&"counter") || written.contains(series)
        });
        self.states.retain(|series, _| written.contains(series));
        self.values[0] = self.values[1].clone();
        self.observations[0] = self.observations[1].clone();
    }

    fn set(&mut self, series: Series, value: f64) -> Result<(), Refusal> {
        if self.written.contains(&series) {
            return Err(Refusal::new(
                "metrics.duplicate",
                format!("{series:?} was written before in this run"),
            ));
        }
        self.written.push(series.clone());
        self.values[1].insert(series, value);
        Ok(())
    }
}

fn define(
    kind: &'static str,
    name: &str,
    unit: &str,
    keys: &[String],
    states: &[String],
) -> Result<usize, Refusal> {
    check_name(kind, name, unit)?;
    if let Some(key) = keys
        .iter()
        .find(|key| !is_name(key) || *key == "probe" || *key == "le")
    {
        return Err(Refusal::new(
            "metrics.label",
            format!("`{key}` is no label key for a probe"),
        ));
    }
    with(|host| {
        let metrics = &mut host.metrics;
        let metric = Metric {
            name: name.to_owned(),
            kind,
            unit: unit.to_owned(),
            keys: keys.to_vec(),
            states: states.to_vec(),
        };
        match metrics.defined.iter().position(|other| other.name == name) {
            Some(place) if metrics.defined[place].is_like(&metric) => Ok(place),
            Some(_) => Err(Refusal::new(
                "metrics.redefined",
                format!("`{name}` was defined in another way before"),
            )),
            None => {
                metrics.defined.push(metric);
                Ok(metrics.defined.len() - 1)
            }
        }
    })
}

impl Metric {
    fn is_like(&self, other: &Self) -> bool {
        (self.kind, &self.unit, &self.keys, &self.states)
            == (other.kind, &other.unit, &other.keys, &other.states)
    }
}

fn series(metric: usize, labels: &[String]) -> Result<Series, Refusal> {
    with(|host| {
        let metric = &host.metrics.defined[metric];
        let (given, wanted) = (labels.len(), metric.keys.len());
        if given != wanted {
            let message = format!(
                "`{}` has {wanted} labels, {given} values were given",
                metric.name
            );
            return Err(Refusal::new("metrics.label-mismatch", message));
        }
        if let Some(long) = labels.iter().find(|value| value.len() > 1024) {
            return Err(Refusal::new(
                "metrics.label-too-long",
                format!("a label value has {} bytes", long.len()),
            ));
        }
        Ok((metric.name.clone(), labels.to_vec()))
    })
}

fn bind(metric: usize, labels: &[String]) -> Result<u32, Refusal> {
    let series = series(metric, labels)?;
    with(|host| {
        let bound = &mut host.metrics.bound;
        let place = bound
            .iter()
            .position(|other| *other == series)
            .unwrap_or_else(|| {
                bound.push(series);
                bound.len() - 1
            });
        u32::try_from(place).map_err(|_| Refusal::new("metrics.too-many-series", "too many series"))
    })
}

pub(crate) struct Gauge(usize);

impl Gauge {
    pub(crate) fn define(
        name: &str,
        unit: &str,
        _: &str,
        keys: &[String],
    ) -> Result<Self, Refusal> {
        define("gauge", name, unit, keys, &[]).map(Self)
    }

    pub(crate) fn set(&self, labels: &[String], value: f64) -> Result<(), Refusal> {
        let series = series(self.0, labels)?;
        with(|host| host.metrics.set(series, value))
    }

    pub(crate) fn bind(&self, labels: &[String]) -> Result<u32, Refusal> {
        bind(self.0, labels)
    }
}

pub(crate) struct Counter(usize);

impl Counter {
    pub(crate) fn define(
        name: &str,
        unit: &str,
        _: &str,
        keys: &[String],
    ) -> Result<Self, Refusal> {
        define("counter", name, unit, keys, &[]).map(Self)
    }

    pub(crate) fn add(&self, labels: &[String], delta: f64) -> Result<(), Refusal> {
        let series = series(self.0, labels)?;
        let delta = total(delta)?;
        with(|host| *host.metrics.values[1].entry(series).or_default() += delta);
        Ok(())
    }

    pub(crate) fn mirror(&self, labels: &[String], value: f64) -> Result<(), Refusal> {
        let series = series(self.0, labels)?;
        let value = total(value)?;
        with(|host| host.metrics.set(series, value))
    }

    pub(crate) fn mirror_since(
        &self,
        labels: &[String],
        value: f64,
        created: f64,
    ) -> Result<(), Refusal> {
        total(created)?;
        self.mirror(labels, value)
    }

    pub(crate) fn bind(&self, labels: &[String]) -> Result<u32, Refusal> {
        bind(self.0, labels)
    }
}

pub(crate) struct Histogram(usize);

impl Histogram {
    pub(crate) fn define(
        name: &str,
        unit: &str,
        _: &str,
        keys: &[String],
        bounds: &[f64],
    ) -> Result<Self, Refusal> {
        let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if !(1..=200).contains(&bounds.len())
            || !rising
            || !bounds.iter().all(|bound| bound.is_finite())
        {
            return Err(Refusal::new(
                "metrics.bounds",
                "1 to 200 finite bounds, each larger than the one before",
            ));
        }
        define("histogram", name, unit, keys, &[]).map(Self)
    }

    pub(crate) fn observe(&self, labels: &[String], value: f64) -> Result<(), Refusal> {
        self.observe_many(labels, &[value])
    }

    pub(crate) fn observe_many(&self, labels: &[String], values: &[f64]) -> Result<(), Refusal> {
        let series = series(self.0, labels)?;
        for value in values {
            let value = finite(*value)?;
            with(|host| {
                host.metrics.observations[1]
                    .entry(series.clone())
                    .or_default()
                    .push(value)
            });
        }
        Ok(())
    }
}

pub(crate) struct StateSet(usize);

impl StateSet {
    pub(crate) fn define(
        name: &str,
        _: &str,
        keys: &[String],
        states: &[String],
    ) -> Result<Self, Refusal> {
        if !(1..=200).contains(&states.len()) || states.iter().any(String::is_empty) {
            return Err(Refusal::new(
                "metrics.states",
                "1 to 200 different, non-empty states",
            ));
        }
        define("state-set", name, "", keys, states).map(Self)
    }

    pub(crate) fn set(&self, labels: &[String], active: &str) -> Result<(), Refusal> {
        let series = series(self.0, labels)?;
        with(|host| {
            let states = &host.metrics.defined[self.0].states;
            let Some(place) = states.iter().position(|state| state == active) else {
                let message = format!("`{active}` is not one of the states: {}", states.join(", "));
                return Err(Refusal::new("metrics.unknown-state", message));
            };
            host.metrics
                .states
                .insert(series.clone(), active.to_owned());
            host.metrics.set(series, place as f64)
        })
    }
}

pub(crate) struct Info(usize);

impl Info {
    pub(crate) fn define(name: &str, _: &str, keys: &[String]) -> Result<Self, Refusal> {
        define("info", name, "", keys, &[]).map(Self)
    }

    pub(crate) fn set(&self, labels: &[String]) -> Result<(), Refusal> {
        let series = series(self.0, labels)?;
        with(|host| host.metrics.set(series, 1.0))
    }
}

pub(crate) fn set_bound(numbers: &[u32], values: &[f64]) -> Result<(), Refusal> {
    if numbers.len() != values.len() {
        let message = format!("{} series and {} values", numbers.len(), values.len());
        return Err(Refusal::new("metrics.length-mismatch", message));
    }
    for (number, value) in numbers.iter().zip(values) {
        with(
            |host| match host.metrics.bound.get(*number as usize).cloned() {
                Some(series) => host.metrics.set(series, *value),
                None => Err(Refusal::new(
                    "metrics.unknown-series",
                    format!("there is no series {number}"),
                )),
            },
        )?;
    }
    Ok(())
}

pub(crate) fn retire(name: &str, labels: &[String]) -> bool {
    let series = (name.to_owned(), labels.to_vec());
    with(|host| {
        let metrics = &mut host.metrics;
        let had = metrics.values[0].remove(&series).is_some()
            | metrics.values[1].remove(&series).is_some();
        had | metrics.observations[0].remove(&series).is_some()
            | metrics.observations[1].remove(&series).is_some()
    })
}
