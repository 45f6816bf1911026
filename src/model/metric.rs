//! A metric's definition and the rules its words must keep.
//!
//! The rules are Prometheus' data model and OpenMetrics 1.0.0: names of letters, digits and
//! underscores, base units as the name's suffix, `_total` on counters.

use std::sync::Arc;

/// The longest metric, label or state name, in bytes. A probe's limits are lower, unless they are raised to this.
pub const MAX_NAME_BYTES: usize = 1024;
/// The most label keys a metric may have, likewise.
pub const MAX_LABEL_KEYS: usize = 100;
/// How much of a refused name is shown, in bytes.
const SHOWN_BYTES: usize = 128;
/// The longest help text, in bytes.
const MAX_HELP_BYTES: usize = 1024;
/// The most buckets of a histogram and the most states of a state set.
const MAX_PARTS: usize = 200;

/// What kind of values a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A total that only grows, with the time it began.
    Counter,
    /// Observations counted in buckets, with their sum.
    Histogram,
    /// One of a closed list of states is active.
    StateSet,
    /// Facts in labels; the value is always 1.
    Info,
}

impl MetricKind {
    /// The kind as JSON and OpenMetrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::StateSet => "stateset",
            Self::Info => "info",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Gauge,
            Self::Counter,
            Self::Histogram,
            Self::StateSet,
            Self::Info,
        ];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A metric's definition. Built only by [`Metric::new`] and its variants, so it always keeps the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The full name, unit and `_total` suffix included.
    pub name: Arc<str>,
    /// What kind of values it has.
    pub kind: MetricKind,
    /// The base unit (`seconds`, `bytes`, `ratio`, …) or nothing.
    pub unit: Arc<str>,
    /// One line for people.
    pub help: Arc<str>,
    /// The label keys, in the order in which values are given.
    pub label_keys: Arc<[Arc<str>]>,
    /// A histogram's upper bounds, rising, without the implied +Inf; empty otherwise.
    pub bounds: Arc<[f64]>,
    /// A state set's states; empty otherwise.
    pub states: Arc<[Arc<str>]>,
}

/// Which rule a definition broke.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// The name is not one.
    #[error("metric name `{0}` must match [a-zA-Z_][a-zA-Z0-9_]* and have at most {most} bytes", most = MAX_NAME_BYTES)]
    Name(String),
    /// The name does not carry its unit or its kind's suffix.
    #[error("metric name `{name}` must end with `{suffix}`")]
    Suffix {
        /// The name given.
        name: String,
        /// The ending it should have.
        suffix: String,
    },
    /// The name ends with a word that another kind of metric owns.
    #[error("metric name `{name}` must not end with `{suffix}`, which belongs to another type")]
    ReservedSuffix {
        /// The name given.
        name: String,
        /// The ending that is taken.
        suffix: &'static str,
    },
    /// The unit is not a base unit.
    #[error("unit `{unit}` is not a base unit: use `{base}`")]
    Unit {
        /// The unit given.
        unit: String,
        /// The unit to use.
        base: &'static str,
    },
    /// A label key is not one, or is the host's own.
    #[error(
        "label `{0}` must match [a-zA-Z_][a-zA-Z0-9_]*, must not begin with `__`, and `probe`, `le`, `quantile` are the host's own"
    )]
    Label(String),
    /// A label key stands twice.
    #[error("label `{0}` is given twice")]
    DuplicateLabel(String),
    /// Too many label keys.
    #[error("{0} labels: at most {most}", most = MAX_LABEL_KEYS)]
    TooManyLabels(usize),
    /// A histogram's bounds are not finite, rising numbers.
    #[error("histogram bounds must be 1 to 200 finite numbers, each larger than the one before")]
    Bounds,
    /// A state set's states are empty, doubled or too many.
    #[error("a state set has 1 to 200 different, non-empty states of at most {most} bytes", most = MAX_NAME_BYTES)]
    States,
}

impl MetricError {
    /// The stable dotted word that a guest gets.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "metrics.name",
            Self::Suffix { .. } | Self::ReservedSuffix { .. } => "metrics.suffix",
            Self::Unit { .. } => "metrics.unit",
            Self::Label(_) | Self::DuplicateLabel(_) | Self::TooManyLabels(_) => "metrics.label",
            Self::Bounds => "metrics.bounds",
            Self::States => "metrics.states",
        }
    }
}

impl Metric {
    /// A gauge, a counter or an info metric.
    ///
    /// # Errors
    /// A [`MetricError`] that names the rule broken.
    pub fn new(
        kind: MetricKind,
        name: &str,
        unit: &str,
        help: &str,
        label_keys: &[&str],
    ) -> Result<Self, MetricError> {
        check_name(name)?;
        check_unit(unit)?;
        check_suffix(kind, name, unit)?;
        Ok(Self {
            name: name.into(),
            kind,
            unit: unit.into(),
            help: super::printable(help, MAX_HELP_BYTES).into(),
            label_keys: label_keys_of(label_keys)?,
            bounds: Arc::from([]),
            states: Arc::from([]),
        })
    }

    /// One of the host's own metrics, which alone may carry the label `probe`.
    ///
    /// # Errors
    /// A [`MetricError`] that names the rule broken.
    pub fn own(
        kind: MetricKind,
        name: &str,
        unit: &str,
        help: &str,
        label_keys: &[&str],
    ) -> Result<Self, MetricError> {
        let others: Vec<&str> = label_keys
            .iter()
            .copied()
            .filter(|key| *key != "probe")
            .collect();
        let metric = Self::new(kind, name, unit, help, &others)?;
        Ok(Self {
            label_keys: label_keys.iter().map(|key| Arc::from(*key)).collect(),
            ..metric
        })
    }

    /// [`Metric::own`] for a state set.
    ///
    /// # Errors
    /// A [`MetricError`] that names the rule broken.
    pub fn own_state_set(
        name: &str,
        help: &str,
        label_keys: &[&str],
        states: &[&str],
    ) -> Result<Self, MetricError> {
        let metric = Self::state_set(name, help, &[], states)?;
        Ok(Self {
            label_keys: Self::own(MetricKind::StateSet, name, "", help, label_keys)?.label_keys,
            ..metric
        })
    }

    /// [`Metric::own`] for a histogram.
    ///
    /// # Errors
    /// A [`MetricError`] that names the rule broken.
    pub fn own_histogram(
        name: &str,
        unit: &str,
        help: &str,
        label_keys: &[&str],
        bounds: &[f64],
    ) -> Result<Self, MetricError> {
        let own = Self::own(MetricKind::Histogram, name, unit, help, label_keys)?;
        let metric = Self::histogram(name, unit, help, &[], bounds)?;
        Ok(Self {
            bounds: metric.bounds,
            ..own
        })
    }

    /// A histogram with the upper `bounds` of its buckets, rising and finite; +Inf is implied.
    ///
    /// # Errors
    /// A [`MetricError`] that names the rule broken.
    pub fn histogram(
        name: &str,
        unit: &str,
        help: &str,
        label_keys: &[&str],
        bounds: &[f64],
    ) -> Result<Self, MetricError> {
        let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if bounds.is_empty()
            || bounds.len() > MAX_PARTS
            || !rising
            || bounds.iter().any(|bound| !bound.is_finite())
        {
            return Err(MetricError::Bounds);
        }
        let metric = Self::new(MetricKind::Histogram, name, unit, help, label_keys)?;
        Ok(Self {
            bounds: bounds.into(),
            ..metric
        })
    }

    /// A state set over a closed list of `states`.
    ///
    /// # Errors
    /// A [`MetricError`] that names the rule broken.
    pub fn state_set(
        name: &str,
        help: &str,
        label_keys: &[&str],
        states: &[&str],
    ) -> Result<Self, MetricError> {
        let doubled = states
            .iter()
            .enumerate()
            .any(|(index, state)| states[..index].contains(state));
        let sized = states
            .iter()
            .all(|state| (1..=MAX_NAME_BYTES).contains(&state.len()));
        if states.is_empty() || states.len() > MAX_PARTS || doubled || !sized {
            return Err(MetricError::States);
        }
        if label_keys.contains(&name) {
            // OpenMetrics writes the state into a label named like the metric.
            return Err(MetricError::DuplicateLabel(name.into()));
        }
        let metric = Self::new(MetricKind::StateSet, name, "", help, label_keys)?;
        Ok(Self {
            states: states.iter().map(|state| Arc::from(*state)).collect(),
            ..metric
        })
    }

    /// How many numbers one series of this metric keeps; see [`super::Schema`].
    pub fn slots(&self) -> usize {
        match self.kind {
            MetricKind::Gauge | MetricKind::StateSet | MetricKind::Info => 1,
            MetricKind::Counter => 2,
            MetricKind::Histogram => self.bounds.len() + 3,
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first
        && text.len() <= MAX_NAME_BYTES
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check_name(name: &str) -> Result<(), MetricError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(MetricError::Name(super::printable(name, SHOWN_BYTES)))
    }
}

/// Refuses units that Prometheus' conventions scale to a base unit; any other word is taken.
fn check_unit(unit: &str) -> Result<(), MetricError> {
    let base = match unit {
        "ms" | "us" | "ns" | "s" | "sec" | "second" | "milliseconds" | "microseconds"
        | "nanoseconds" | "minutes" | "hours" | "days" => "seconds",
        "b" | "B" | "byte" | "kb" | "mb" | "gb" | "kilobytes" | "megabytes" | "gigabytes"
        | "kib" | "mib" | "gib" | "bits" => "bytes",
        "percent" | "percentage" | "%" => "ratio",
        "fahrenheit" | "kelvin" => "celsius",
        "" => return Ok(()),
        _ if is_name(unit) => return Ok(()),
        _ => return Err(MetricError::Name(super::printable(unit, SHOWN_BYTES))),
    };
    Err(MetricError::Unit {
        unit: unit.into(),
        base,
    })
}

fn check_suffix(kind: MetricKind, name: &str, unit: &str) -> Result<(), MetricError> {
    let wanted = match (kind, unit) {
        (MetricKind::Counter, "") => "_total".to_owned(),
        (MetricKind::Counter, unit) => format!("_{unit}_total"),
        (MetricKind::Info, _) => "_info".to_owned(),
        (_, "") => String::new(),
        (_, unit) => format!("_{unit}"),
    };
    if !name.ends_with(&wanted) || name.len() == wanted.len() {
        return Err(MetricError::Suffix {
            name: name.into(),
            suffix: wanted,
        });
    }
    let taken: &[&'static str] = match kind {
        MetricKind::Counter | MetricKind::Info => &[],
        _ => &["_total", "_info", "_created", "_bucket", "_count", "_sum"],
    };
    match taken.iter().find(|suffix| name.ends_with(**suffix)) {
        Some(suffix) => Err(MetricError::ReservedSuffix {
            name: name.into(),
            suffix,
        }),
        None => Ok(()),
    }
}

fn label_keys_of(keys: &[&str]) -> Result<Arc<[Arc<str>]>, MetricError> {
    if keys.len() > MAX_LABEL_KEYS {
        return Err(MetricError::TooManyLabels(keys.len()));
    }
    for (index, key) in keys.iter().enumerate() {
        if !is_name(key) || key.starts_with("__") || matches!(*key, "probe" | "le" | "quantile") {
            return Err(MetricError::Label(super::printable(key, SHOWN_BYTES)));
        }
        if keys[..index].contains(key) {
            return Err(MetricError::DuplicateLabel((*key).into()));
        }
    }
    Ok(keys.iter().map(|key| Arc::from(*key)).collect())
}
