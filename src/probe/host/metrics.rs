//! `probity:metrics`: definitions and staged values.
//!
//! A handle's number is the metric's id in the probe's recorder, so handles cost the host nothing and
//! dropping one frees nothing.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::{Failure, Metric, MetricError, MetricId, MetricKind, SeriesError, SeriesId};
use crate::probe::v0_1_0::probity::metrics::metrics::{
    Host, HostCounter, HostGauge, HostHistogram, HostInfo, HostStateSet,
};

/// Definitions of one probe; each costs a line of help in every scrape.
const MAX_METRICS: usize = 1000;

/// A gauge's handle.
pub struct Gauge;
/// A counter's handle.
pub struct Counter;
/// A histogram's handle.
pub struct Histogram;
/// A state set's handle.
pub struct StateSet;
/// An info metric's handle.
pub struct Info;

type Answer<T> = wasmtime::Result<Result<T, Resource<Failure>>>;

impl Guest {
    fn define<R: 'static>(&mut self, metric: Result<Metric, MetricError>) -> Answer<Resource<R>> {
        let result = metric.map_err(|error| Failure::new(error.code(), error.to_string()));
        let result = result.and_then(|metric| self.register(metric));
        self.answer(result.map(|id| Resource::new_own(id.to_number())))
    }

    fn register(&mut self, metric: Metric) -> Result<MetricId, Failure> {
        if self.kept.recorder.metric_count() >= MAX_METRICS
            && !self.kept.recorder.defines(&metric.name)
        {
            let message = format!("metric `{}` would be one over {MAX_METRICS}", metric.name);
            return Err(self.violate(Failure::new("metrics.too-many", message)));
        }
        self.kept.claims.claim(&metric)?;
        self.kept
            .recorder
            .define(metric)
            .map_err(|error| Failure::new(error.code(), error.to_string()))
    }

    /// Finds the series and writes to it.
    fn write<R: 'static>(
        &mut self,
        handle: &Resource<R>,
        labels: &[String],
        write: impl FnOnce(&mut crate::model::Recorder, SeriesId) -> Result<(), SeriesError>,
    ) -> Answer<()> {
        let recorder = &mut self.kept.recorder;
        let id = MetricId::from_number(handle.rep());
        let result = recorder
            .series(id, labels)
            .and_then(|series| write(recorder, series));
        self.answer_series(result)
    }

    fn bind_series<R: 'static>(&mut self, handle: &Resource<R>, labels: &[String]) -> Answer<u32> {
        let id = MetricId::from_number(handle.rep());
        let result = self
            .kept
            .recorder
            .series(id, labels)
            .map(SeriesId::to_number);
        self.answer_series(result)
    }

    fn answer_series<T>(&mut self, result: Result<T, SeriesError>) -> Answer<T> {
        let result = result.map_err(|error| {
            let failure = Failure::new(error.code(), error.to_string());
            match error {
                SeriesError::TooManySeries { .. } => self.violate(failure),
                _ => failure,
            }
        });
        self.answer(result)
    }
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

impl Host for Guest {
    fn set_bound(&mut self, series: Vec<u32>, values: Vec<f64>) -> Answer<()> {
        if series.len() != values.len() {
            let message = format!("{} series and {} values", series.len(), values.len());
            return self.answer(Err(Failure::new("metrics.length-mismatch", message)));
        }
        let recorder = &mut self.kept.recorder;
        let mut pairs = series.into_iter().zip(values);
        let result = pairs.try_for_each(|(series, value)| {
            recorder.set_bound(SeriesId::from_number(series), value)
        });
        self.answer_series(result)
    }

    fn retire(&mut self, name: String, labels: Vec<String>) -> wasmtime::Result<bool> {
        Ok(self.kept.recorder.retire(&name, &labels))
    }
}

impl HostGauge for Guest {
    fn define(
        &mut self,
        name: String,
        unit: String,
        help: String,
        label_keys: Vec<String>,
    ) -> Answer<Resource<Gauge>> {
        self.define(Metric::new(
            MetricKind::Gauge,
            &name,
            &unit,
            &help,
            &borrowed(&label_keys),
        ))
    }

    fn set(&mut self, this: Resource<Gauge>, labels: Vec<String>, value: f64) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            recorder.set(series, value)
        })
    }

    fn bind(&mut self, this: Resource<Gauge>, labels: Vec<String>) -> Answer<u32> {
        self.bind_series(&this, &labels)
    }

    fn drop(&mut self, _this: Resource<Gauge>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostCounter for Guest {
    fn define(
        &mut self,
        name: String,
        unit: String,
        help: String,
        label_keys: Vec<String>,
    ) -> Answer<Resource<Counter>> {
        self.define(Metric::new(
            MetricKind::Counter,
            &name,
            &unit,
            &help,
            &borrowed(&label_keys),
        ))
    }

    fn add(&mut self, this: Resource<Counter>, labels: Vec<String>, delta: f64) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            recorder.add(series, delta)
        })
    }

    fn mirror(&mut self, this: Resource<Counter>, labels: Vec<String>, total: f64) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            recorder.mirror(series, total)
        })
    }

    fn mirror_since(
        &mut self,
        this: Resource<Counter>,
        labels: Vec<String>,
        total: f64,
        created_unix_seconds: f64,
    ) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            recorder.mirror_since(series, total, created_unix_seconds)
        })
    }

    fn bind(&mut self, this: Resource<Counter>, labels: Vec<String>) -> Answer<u32> {
        self.bind_series(&this, &labels)
    }

    fn drop(&mut self, _this: Resource<Counter>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostHistogram for Guest {
    fn define(
        &mut self,
        name: String,
        unit: String,
        help: String,
        label_keys: Vec<String>,
        bounds: Vec<f64>,
    ) -> Answer<Resource<Histogram>> {
        self.define(Metric::histogram(
            &name,
            &unit,
            &help,
            &borrowed(&label_keys),
            &bounds,
        ))
    }

    fn observe(
        &mut self,
        this: Resource<Histogram>,
        labels: Vec<String>,
        value: f64,
    ) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            recorder.observe(series, value)
        })
    }

    fn observe_many(
        &mut self,
        this: Resource<Histogram>,
        labels: Vec<String>,
        values: Vec<f64>,
    ) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            values
                .iter()
                .try_for_each(|value| recorder.observe(series, *value))
        })
    }

    fn drop(&mut self, _this: Resource<Histogram>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostStateSet for Guest {
    fn define(
        &mut self,
        name: String,
        help: String,
        label_keys: Vec<String>,
        states: Vec<String>,
    ) -> Answer<Resource<StateSet>> {
        self.define(Metric::state_set(
            &name,
            &help,
            &borrowed(&label_keys),
            &borrowed(&states),
        ))
    }

    fn set(&mut self, this: Resource<StateSet>, labels: Vec<String>, active: String) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| {
            recorder.activate(series, &active)
        })
    }

    fn drop(&mut self, _this: Resource<StateSet>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl HostInfo for Guest {
    fn define(
        &mut self,
        name: String,
        help: String,
        label_keys: Vec<String>,
    ) -> Answer<Resource<Info>> {
        self.define(Metric::new(
            MetricKind::Info,
            &name,
            "",
            &help,
            &borrowed(&label_keys),
        ))
    }

    fn set(&mut self, this: Resource<Info>, labels: Vec<String>) -> Answer<()> {
        self.write(&this, &labels, |recorder, series| recorder.set(series, 1.0))
    }

    fn drop(&mut self, _this: Resource<Info>) -> wasmtime::Result<()> {
        Ok(())
    }
}
