//! `probity:metrics`: definitions and staged values.
//!
//! A handle's number is the metric's id in the probe's recorder, so handles cost the host nothing and
//! dropping one frees nothing.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::{
    Failure, Input, Metric, MetricError, MetricId, MetricKind, SeriesError, SeriesId, printable,
};
use crate::probe::v0_1_0::probity::metrics::metrics::{
    Host, HostCounter, HostGauge, HostHistogram, HostInfo, HostStateSet,
};

/// How much of a refused word is shown, in bytes.
const SHOWN_BYTES: usize = 128;

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
        let result = metric.map_err(|error| {
            let limit = self.settings.limits.labels;
            let message = match &error {
                MetricError::TooManyLabels(count) => too_many_labels(*count, limit),
                other => other.to_string(),
            };
            Failure::new(error.code(), message)
        });
        let result = result
            .and_then(|metric| self.check_words(&metric).map(|()| metric))
            .and_then(|metric| self.register(metric));
        if result.is_ok() {
            self.hand_out();
        }
        self.answer(result.map(|id| Resource::new_own(id.to_number())))
    }

    /// The words of a definition against this probe's limits, which are closer than the model's.
    fn check_words(&self, metric: &Metric) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let labels = metric.label_keys.len();
        if labels > limits.labels as usize {
            let message = too_many_labels(labels, limits.labels);
            return Err(Failure::new("metrics.label", message));
        }
        let words = [("metrics.name", &metric.name)].into_iter();
        let words = words.chain(metric.label_keys.iter().map(|key| ("metrics.label", key)));
        let mut words = words.chain(metric.states.iter().map(|state| ("metrics.states", state)));
        match words.find(|(_, word)| word.len() as u64 > limits.name_bytes.0) {
            Some((code, word)) => {
                let (shown, bytes) = (printable(word, SHOWN_BYTES), word.len());
                let message = format!(
                    "`{shown}` has {bytes} bytes: at most {} (limits.name_bytes)",
                    limits.name_bytes.0
                );
                Err(Failure::new(code, message))
            }
            None => Ok(()),
        }
    }

    fn register(&mut self, metric: Metric) -> Result<MetricId, Failure> {
        let (count, limit) = (
            self.kept.recorder.metric_count(),
            self.settings.limits.metrics,
        );
        if count >= limit as usize && !self.kept.recorder.defines(&metric.name) {
            let message = format!(
                "metric `{}` would be number {} of at most {limit} (limits.metrics)",
                metric.name,
                count + 1
            );
            return Err(self.violate("metrics", Failure::new("metrics.too-many", message)));
        }
        self.kept.claims.claim(&metric)?;
        self.kept
            .recorder
            .define(metric)
            .map_err(|error| Failure::new(error.code(), error.to_string()))
    }

    /// Finds or makes the series and writes to it.
    fn write<R: 'static>(
        &mut self,
        handle: &Resource<R>,
        labels: &[String],
        input: Input<'_>,
    ) -> Answer<()> {
        let id = MetricId::from_number(handle.rep());
        let result = self.kept.recorder.write(id, labels, input);
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
            let failure = |key: &str| Failure::new(error.code(), format!("{error}{key}"));
            match error {
                SeriesError::TooManySeries { .. } => {
                    self.violate("series", failure(" (limits.series)"))
                }
                SeriesError::TooMuchText { .. } => {
                    self.violate("series_text", failure(" (limits.series_text)"))
                }
                SeriesError::NoIds { .. } => self.violate("series", failure("")),
                SeriesError::LabelTooLong { .. } => failure(" (limits.value_bytes)"),
                _ => failure(""),
            }
        });
        self.answer(result)
    }
}

fn too_many_labels(count: usize, limit: u32) -> String {
    format!("{count} labels: at most {limit} (limits.labels)")
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
        self.write(&this, &labels, Input::Set(value))
    }

    fn bind(&mut self, this: Resource<Gauge>, labels: Vec<String>) -> Answer<u32> {
        self.bind_series(&this, &labels)
    }

    fn drop(&mut self, _this: Resource<Gauge>) -> wasmtime::Result<()> {
        self.take_back();
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
        self.write(&this, &labels, Input::Add(delta))
    }

    fn mirror(&mut self, this: Resource<Counter>, labels: Vec<String>, total: f64) -> Answer<()> {
        self.write(&this, &labels, Input::Mirror(total))
    }

    fn mirror_since(
        &mut self,
        this: Resource<Counter>,
        labels: Vec<String>,
        total: f64,
        created_unix_seconds: f64,
    ) -> Answer<()> {
        let input = Input::MirrorSince {
            total,
            created: created_unix_seconds,
        };
        self.write(&this, &labels, input)
    }

    fn bind(&mut self, this: Resource<Counter>, labels: Vec<String>) -> Answer<u32> {
        self.bind_series(&this, &labels)
    }

    fn drop(&mut self, _this: Resource<Counter>) -> wasmtime::Result<()> {
        self.take_back();
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
        self.write(&this, &labels, Input::Observe(&[value]))
    }

    fn observe_many(
        &mut self,
        this: Resource<Histogram>,
        labels: Vec<String>,
        values: Vec<f64>,
    ) -> Answer<()> {
        self.write(&this, &labels, Input::Observe(&values))
    }

    fn drop(&mut self, _this: Resource<Histogram>) -> wasmtime::Result<()> {
        self.take_back();
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
        self.write(&this, &labels, Input::Activate(&active))
    }

    fn drop(&mut self, _this: Resource<StateSet>) -> wasmtime::Result<()> {
        self.take_back();
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
        self.write(&this, &labels, Input::Set(1.0))
    }

    fn drop(&mut self, _this: Resource<Info>) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}
