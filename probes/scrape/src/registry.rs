//! Metrics that endpoints name, and their series: defined when they first come, written in each run, and retired when they are gone.

use probity_sdk::dynamic::{self, Counter, Gauge, Info};
use probity_sdk::{Batch, Failure, Result, Series};

use crate::export::Kind;
use crate::harvest::{Harvest, Kept};
use crate::left_out::Reason;
use crate::names::Names;

/// What is known of the metrics and series of all targets.
pub struct Registry {
    target_label: String,
    metrics: Names,
    defined: Vec<Defined>,
    targets: Vec<Target>,
}

/// A target's name and what was written of it in the run before.
struct Target {
    name: String,
    /// Series by their names and labels.
    series: Names,
    known: Vec<Option<Known>>,
    /// How many metrics it may still name. The host never forgets one.
    metrics_left: usize,
}

/// A metric as it was defined.
struct Defined {
    kind: Kind,
    /// The target's label first, then the endpoint's, as far as they were known when the metric first came.
    keys: Vec<String>,
}

/// A series that was written.
struct Known {
    name: String,
    values: Vec<String>,
    /// Its number with the host, where it has one at the moment.
    series: Option<Series>,
}

/// A metric that comes for the first time.
struct New<'a> {
    first: &'a Kept,
    keys: Vec<String>,
}

/// A metric's handle with the host, for one run.
enum Handle {
    Gauge(Gauge),
    Counter(Counter),
    Info(Info),
}

/// What one run writes.
#[derive(Default)]
struct Writing {
    /// By the numbers of their metrics.
    handles: Vec<Option<Handle>>,
    series: Vec<Series>,
    values: Vec<f64>,
}

/// Why a series is not written.
enum Refusal {
    LeftOut(Reason),
    Failed(Failure),
}

impl Registry {
    /// One for targets of these names, each with the most series that it may have.
    pub fn new(target_label: &str, targets: impl IntoIterator<Item = (String, usize)>) -> Self {
        let target = |(name, most)| Target {
            name,
            series: Names::default(),
            known: Vec::new(),
            metrics_left: most,
        };
        Self {
            target_label: target_label.to_owned(),
            metrics: Names::default(),
            defined: Vec::new(),
            targets: targets.into_iter().map(target).collect(),
        }
    }

    /// Writes what was taken of each target, and nothing of one that did not answer. What the host refuses is moved from the harvest's series
    /// to those that are left out.
    ///
    /// # Errors
    /// When a limit of the whole probe is passed.
    pub fn write(&mut self, harvests: &mut [Result<Harvest>]) -> Result<()> {
        let mut known = Vec::new();
        for (target, harvest) in self.targets.iter_mut().zip(harvests.iter()) {
            known.push(match harvest {
                Ok(harvest) => target.take_known(harvest),
                Err(_) => {
                    target.unbind();
                    Vec::new()
                }
            });
        }
        self.define_new(harvests)?;
        let mut writing = Writing::default();
        writing.handles.resize_with(self.defined.len(), || None);
        for ((target, harvest), known) in self.targets.iter_mut().zip(harvests).zip(known) {
            if let Ok(harvest) = harvest {
                target.write_all(harvest, known, &self.metrics, &self.defined, &mut writing)?;
            }
        }
        let batch: Batch = writing.series.into_iter().collect();
        batch.set(&writing.values)
    }

    /// Defines the metrics that come for the first time, with the labels of all their series in all targets.
    fn define_new(&mut self, harvests: &[Result<Harvest>]) -> Result<()> {
        let mut names = Names::default();
        let mut new: Vec<New<'_>> = Vec::new();
        for (target, harvest) in self.targets.iter_mut().zip(harvests) {
            for kept in harvest.iter().flat_map(|harvest| &harvest.kept) {
                let is_known = self.metrics.find(&kept.name).is_some();
                let is_first = !is_known && names.find(&kept.name).is_none();
                if is_known || (is_first && target.metrics_left == 0) {
                    continue;
                }
                let (number, _) = names.learn(&kept.name);
                if is_first {
                    target.metrics_left -= 1;
                    new.push(New {
                        first: kept,
                        keys: vec![self.target_label.clone()],
                    });
                }
                if let Some(metric) = new.get_mut(number) {
                    metric.learn_keys(kept);
                }
            }
        }
        new.into_iter().try_for_each(|metric| self.define(metric))
    }

    fn define(&mut self, metric: New<'_>) -> Result<()> {
        let New { first, keys } = metric;
        match define(
            first.kind,
            &first.name,
            first.help.as_deref().unwrap_or_default(),
            &keys,
        ) {
            Ok(_) => {
                self.metrics.learn(&first.name);
                self.defined.push(Defined {
                    kind: first.kind,
                    keys,
                });
                Ok(())
            }
            // It is told with each of its series, and tried again in the next run: another probe may have given the name back.
            Err(failure) if reason_of(&failure).is_some() => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// Keys of one metric beyond which no more are learned: the host takes 20, and refuses the metric for its number alone.
const MOST_KEYS: usize = 64;

impl New<'_> {
    fn learn_keys(&mut self, kept: &Kept) {
        for (key, _) in kept.labels.iter() {
            if self.keys.len() <= MOST_KEYS && !self.keys.iter().any(|known| known == key) {
                self.keys.push(key.to_owned());
            }
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match reason_of(&failure) {
            Some(reason) => Self::LeftOut(reason),
            None => Self::Failed(failure),
        }
    }
}

/// Why the host refuses a single metric or series; nothing when it refuses more than that.
fn reason_of(failure: &Failure) -> Option<Reason> {
    match &*failure.code() {
        "metrics.name" | "metrics.suffix" | "metrics.unit" | "metrics.reserved" => {
            Some(Reason::Name)
        }
        "metrics.label" | "metrics.label-too-long" | "metrics.label-mismatch" => {
            Some(Reason::Labels)
        }
        "metrics.redefined" | "metrics.type-conflict" => Some(Reason::Type),
        _ => None,
    }
}

impl Target {
    /// What is known of each series taken, and nothing of new ones. The others are gone, and retired, before any comes in their place.
    fn take_known(&mut self, harvest: &Harvest) -> Vec<Option<Known>> {
        let mut known = std::mem::take(&mut self.known);
        let find = |kept: &Kept| {
            let number = self.series.find(&kept.labels.identity(&kept.name))?;
            known.get_mut(number)?.take()
        };
        let still_there = harvest.kept.iter().map(find).collect();
        for gone in known.into_iter().flatten() {
            dynamic::retire(&gone.name, &gone.values);
        }
        still_there
    }

    /// The host may give a series' number away when nothing is written to it for a while.
    fn unbind(&mut self) {
        for known in self.known.iter_mut().flatten() {
            known.series = None;
        }
    }

    fn write_all(
        &mut self,
        harvest: &mut Harvest,
        known: Vec<Option<Known>>,
        metrics: &Names,
        defined: &[Defined],
        writing: &mut Writing,
    ) -> Result<()> {
        self.series = Names::default();
        let taken = std::mem::take(&mut harvest.kept);
        for (kept, known) in taken.into_iter().zip(known) {
            let metric = metrics.find(&kept.name);
            let metric = metric.and_then(|number| Some((number, defined.get(number)?)));
            match self.write(&kept, known, metric, writing) {
                Ok(()) => harvest.kept.push(kept),
                Err(Refusal::LeftOut(reason)) => harvest.left_out.add(reason, || kept.shown()),
                Err(Refusal::Failed(failure)) => return Err(failure),
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        kept: &Kept,
        known: Option<Known>,
        metric: Option<(usize, &Defined)>,
        writing: &mut Writing,
    ) -> core::result::Result<(), Refusal> {
        let Some((number, metric)) = metric else {
            let is_used_up = self.metrics_left == 0;
            return Err(Refusal::LeftOut(if is_used_up {
                Reason::Series
            } else {
                Reason::Type
            }));
        };
        if metric.kind != kept.kind {
            // What it was before is gone.
            if let Some(known) = known {
                dynamic::retire(&known.name, &known.values);
            }
            return Err(Refusal::LeftOut(Reason::Type));
        }
        let mut known = match known {
            Some(known) => known,
            None => self.new_series(kept, metric)?,
        };
        writing.write(kept, &mut known, number, metric)?;
        self.series.learn(&kept.labels.identity(&kept.name));
        self.known.push(Some(known));
        Ok(())
    }

    /// A series with its values in the order of its metric's keys.
    fn new_series(&self, kept: &Kept, metric: &Defined) -> core::result::Result<Known, Refusal> {
        let has = |key: &str| metric.keys.iter().skip(1).any(|known| known == key);
        if !kept.labels.iter().all(|(key, _)| has(key)) {
            return Err(Refusal::LeftOut(Reason::Labels));
        }
        let keys = metric.keys.iter().skip(1);
        let mut values = vec![self.name.clone()];
        values.extend(keys.map(|key| kept.labels.get(key).unwrap_or_default().to_owned()));
        Ok(Known {
            name: kept.name.clone(),
            values,
            series: None,
        })
    }
}

impl Writing {
    fn write(
        &mut self,
        kept: &Kept,
        known: &mut Known,
        number: usize,
        metric: &Defined,
    ) -> core::result::Result<(), Refusal> {
        let is_plain = kept.kind != Kind::Info && kept.created.is_none();
        let series = match (known.series, is_plain) {
            (Some(series), true) => series,
            _ => match (self.handle(kept, number, metric)?, kept.created) {
                (Handle::Info(info), _) => return Ok(info.set(&known.values)?),
                (Handle::Counter(counter), Some(created)) => {
                    return Ok(counter.mirror_since(&known.values, kept.value, created)?);
                }
                (Handle::Counter(counter), None) => counter.bind(&known.values)?,
                (Handle::Gauge(gauge), _) => gauge.bind(&known.values)?,
            },
        };
        known.series = Some(series);
        self.series.push(series);
        self.values.push(kept.value);
        Ok(())
    }

    fn handle(&mut self, kept: &Kept, number: usize, metric: &Defined) -> Result<&Handle> {
        let lost = || Failure::other("a metric's handle was lost");
        let handle = self.handles.get_mut(number).ok_or_else(lost)?;
        if handle.is_none() {
            *handle = Some(define(metric.kind, &kept.name, "", &metric.keys)?);
        }
        handle.as_ref().ok_or_else(lost)
    }
}

fn define(kind: Kind, name: &str, help: &str, keys: &[String]) -> Result<Handle> {
    Ok(match kind {
        Kind::Gauge => Handle::Gauge(Gauge::define(name, help, keys)?),
        Kind::Counter => Handle::Counter(Counter::define(name, help, keys)?),
        Kind::Info => Handle::Info(Info::define(name, help, keys)?),
    })
}
