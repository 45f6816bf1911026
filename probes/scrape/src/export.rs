//! What a sample is given out as: the host has rules for names, and histograms that take observations and no counts.

use crate::exposition::Type;
use crate::left_out::Reason;
use crate::names::Names;

/// What a series is given out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Set.
    Gauge,
    /// Mirrored.
    Counter,
    /// Stated; its value was 1.
    Info,
}

/// What a sample is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A series of its own, under this name.
    Series(Kind, String),
    /// When the totals of the metric began.
    Created,
}

/// The types of metrics and what they are for, as an endpoint says it.
#[derive(Debug, Default)]
pub struct Families<'a> {
    names: Names,
    all: Vec<(Option<Type>, &'a str)>,
}

/// The most metrics of which the type is learned. Endpoints have a few hundred; who has more wants to use up the run.
const MOST: usize = 10_000;

/// Endings of samples that belong to a metric.
const ENDINGS: [&str; 8] = [
    "_total", "_bucket", "_sum", "_count", "_created", "_info", "_gsum", "_gcount",
];
/// Endings that the host keeps for other types than gauges.
const TAKEN: [&str; 6] = ["_total", "_info", "_created", "_bucket", "_count", "_sum"];
/// What a gauge's name gets behind such an ending.
const VALUE: &str = "_value";

impl<'a> Families<'a> {
    fn learn(&mut self, name: &str) -> Option<&mut (Option<Type>, &'a str)> {
        if self.all.len() >= MOST && self.names.find(name).is_none() {
            return None;
        }
        let (number, is_new) = self.names.learn(name);
        if is_new {
            self.all.push((None, ""));
        }
        self.all.get_mut(number)
    }

    /// Learns what a metric is.
    pub fn learn_type(&mut self, name: &str, kind: Type) {
        if let Some(known) = self.learn(name) {
            known.0 = Some(kind);
        }
    }

    /// Learns what it is for.
    pub fn learn_help(&mut self, name: &str, words: &'a str) {
        if let Some(known) = self.learn(name) {
            known.1 = words;
        }
    }

    /// What a metric is for; nothing when that is not said.
    pub fn help(&self, name: &str) -> &'a str {
        let known = self
            .names
            .find(name)
            .and_then(|number| self.all.get(number));
        known.map_or("", |(_, help)| help)
    }

    fn kind(&self, name: &str) -> Option<Type> {
        self.all.get(self.names.find(name)?)?.0
    }

    /// The metric that a sample belongs to: its name, its type, and the sample's ending behind that.
    pub fn family<'b>(&self, sample: &'b str) -> (&'b str, Type, &'b str) {
        if let Some(kind) = self.kind(sample) {
            return (sample, kind, "");
        }
        for ending in ENDINGS {
            let Some(stem) = sample.strip_suffix(ending) else {
                continue;
            };
            if let Some(kind) = self.kind(stem) {
                let ending = sample.get(stem.len()..).unwrap_or_default();
                return (stem, kind, ending);
            }
        }
        (sample, Type::Unknown, "")
    }

    /// Whether a metric of this name, or the total of that name, counts something.
    fn counts(&self, stem: &str) -> bool {
        let counts = |name: &str| {
            let kind = self.kind(name);
            matches!(kind, Some(Type::Counter | Type::Histogram | Type::Summary))
        };
        counts(stem) || counts(&format!("{stem}_total"))
    }

    /// What a sample is given out as. `buckets`: whether a histogram's are.
    ///
    /// # Errors
    /// Why it is left out.
    pub fn role(&self, sample: &str, value: f64, buckets: bool) -> Result<Role, Reason> {
        let (_, kind, ending) = self.family(sample);
        let counter = |name: String| Ok(Role::Series(Kind::Counter, name));
        match (kind, ending) {
            (Type::Counter | Type::Histogram | Type::Summary, "_created") => Ok(Role::Created),
            (Type::Counter, "" | "_total") => counter(with_ending(sample, "_total")),
            (Type::Histogram, "_bucket") if buckets => counter(format!("{sample}_total")),
            (Type::Histogram | Type::GaugeHistogram, "_bucket") => Err(Reason::Bucket),
            (Type::Histogram | Type::Summary, "_sum" | "_count") => {
                counter(format!("{sample}_total"))
            }
            (Type::Summary, "") | (Type::GaugeHistogram, "_gsum" | "_gcount") => Ok(gauge(sample)),
            (Type::Histogram | Type::GaugeHistogram, "") => Err(Reason::Type),
            (Type::Info, "" | "_info") => match value == 1.0 {
                true => Ok(Role::Series(Kind::Info, with_ending(sample, "_info"))),
                false => Err(Reason::Value),
            },
            _ => Ok(self.by_name(sample, kind, value)),
        }
    }

    /// What is said to be a gauge, or nothing: the name tells.
    fn by_name(&self, sample: &str, kind: Type, value: f64) -> Role {
        if let Some(stem) = sample.strip_suffix("_created") {
            if self.counts(stem) {
                return Role::Created;
            }
        }
        if sample.ends_with("_info") && value == 1.0 {
            return Role::Series(Kind::Info, sample.to_owned());
        }
        if kind != Type::Gauge && sample.ends_with("_total") {
            return Role::Series(Kind::Counter, sample.to_owned());
        }
        gauge(sample)
    }
}

/// What the totals of a sample have in common with the sample that says when they began.
pub fn stem(sample: &str) -> &str {
    let endings = ["_total", "_bucket", "_sum", "_count", "_created"];
    let stem = endings
        .iter()
        .find_map(|ending| sample.strip_suffix(ending));
    stem.unwrap_or(sample)
}

fn gauge(sample: &str) -> Role {
    let is_taken = TAKEN.iter().any(|ending| sample.ends_with(ending));
    let ending = if is_taken { VALUE } else { "" };
    Role::Series(Kind::Gauge, format!("{sample}{ending}"))
}

fn with_ending(name: &str, ending: &str) -> String {
    match name.ends_with(ending) {
        true => name.to_owned(),
        false => format!("{name}{ending}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn role(sample: &str, value: f64) -> Result<Role, Reason> {
        let mut families = Families::default();
        for (name, kind) in [
            ("requests_total", Type::Counter),
            ("errors", Type::Counter),
            ("temperature", Type::Gauge),
            ("jobs_count", Type::Gauge),
            ("weight_total", Type::Gauge),
            ("latency_seconds", Type::Histogram),
            ("gc_seconds", Type::Summary),
            ("build_info", Type::Gauge),
            ("target", Type::Info),
            ("sizes", Type::GaugeHistogram),
            ("requests_created", Type::Gauge),
            ("table_created", Type::Gauge),
        ] {
            families.learn_type(name, kind);
        }
        families.role(sample, value, false)
    }

    #[test]
    fn each_type_has_its_place() {
        use Kind::{Counter, Gauge, Info};
        for (sample, kind, name) in [
            ("requests_total", Counter, "requests_total"),
            ("errors", Counter, "errors_total"),
            ("errors_total", Counter, "errors_total"),
            ("temperature", Gauge, "temperature"),
            ("jobs_count", Gauge, "jobs_count_value"),
            ("weight_total", Gauge, "weight_total_value"),
            ("latency_seconds_sum", Counter, "latency_seconds_sum_total"),
            (
                "latency_seconds_count",
                Counter,
                "latency_seconds_count_total",
            ),
            ("gc_seconds", Gauge, "gc_seconds"),
            ("gc_seconds_sum", Counter, "gc_seconds_sum_total"),
            ("build_info", Info, "build_info"),
            ("target_info", Info, "target_info"),
            ("sizes_gsum", Gauge, "sizes_gsum"),
            ("table_created", Gauge, "table_created_value"),
            // Without a type the name tells.
            ("unknown", Gauge, "unknown"),
            ("unknown_total", Counter, "unknown_total"),
            ("unknown_count", Gauge, "unknown_count_value"),
        ] {
            let expected = Role::Series(kind, name.into());
            assert_eq!(role(sample, 1.0), Ok(expected), "{sample}");
        }
        assert_eq!(
            role("build_info", 2.0),
            Ok(Role::Series(Gauge, "build_info_value".into()))
        );
        for created in [
            "requests_created",
            "errors_created",
            "latency_seconds_created",
            "gc_seconds_created",
        ] {
            assert_eq!(role(created, 1.0), Ok(Role::Created), "{created}");
        }
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        assert_eq!(role("latency_seconds_bucket", 1.0), Err(Reason::Bucket));
        assert_eq!(role("sizes_bucket", 1.0), Err(Reason::Bucket));
        assert_eq!(role("latency_seconds", 1.0), Err(Reason::Type));
        assert_eq!(role("target_info", 0.0), Err(Reason::Value));
        let mut families = Families::default();
        families.learn_type("a", Type::Histogram);
        let bucket = Role::Series(Kind::Counter, "a_bucket_total".into());
        assert_eq!(families.role("a_bucket", 1.0, true), Ok(bucket));
    }

    #[test]
    fn whoever_began_is_found_by_the_stem() {
        for sample in ["a_total", "a_sum", "a_count", "a_bucket", "a_created", "a"] {
            assert_eq!(stem(sample), "a");
        }
    }
}
