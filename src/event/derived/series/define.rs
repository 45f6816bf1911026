//! The metrics that follow from events, by name.

use super::Series;
use crate::event::derived::Derived;
use crate::model::{Metric, MetricError, MetricId, MetricKind, Recorder};

/// As many names of everything as the configuration may allow make fewer.
const MOST_SERIES: usize = 200_000;

/// The metrics of one sort of work.
pub(super) struct WorkMetrics {
    pub(super) ended: MetricId,
    pub(super) duration: MetricId,
    pub(super) in_flight: MetricId,
    pub(super) overdue: MetricId,
    pub(super) lost: MetricId,
    pub(super) error_rate: MetricId,
}

/// Defines metrics in a recorder.
struct Definer<'a> {
    recorder: &'a mut Recorder,
    bounds: &'a [f64],
}

impl Definer<'_> {
    fn define(&mut self, metric: Metric) -> MetricId {
        self.recorder
            .define(metric)
            .expect("the names of these metrics are all different")
    }

    fn counter(&mut self, name: &str, help: &str, keys: &[&str]) -> Result<MetricId, MetricError> {
        let metric = Metric::new(MetricKind::Counter, name, "", help, keys)?;
        Ok(self.define(metric))
    }

    fn gauge(&mut self, name: &str, help: &str, keys: &[&str]) -> Result<MetricId, MetricError> {
        let unit = if name.ends_with("_ratio") {
            "ratio"
        } else {
            ""
        };
        let metric = Metric::new(MetricKind::Gauge, name, unit, help, keys)?;
        Ok(self.define(metric))
    }

    fn seconds(&mut self, name: &str, help: &str, keys: &[&str]) -> Result<MetricId, MetricError> {
        let metric = Metric::histogram(name, "seconds", help, keys, self.bounds)?;
        Ok(self.define(metric))
    }

    /// The metrics of one sort of work, in one word and in several, told apart by `key`.
    fn work(&mut self, one: &str, many: &str, key: &str) -> Result<WorkMetrics, MetricError> {
        let name = |rest: &str| format!("probity_{rest}");
        let help = |text: &str| format!("{}{} {text}", many[..1].to_uppercase(), &many[1..]);
        Ok(WorkMetrics {
            ended: self.counter(
                &name(&format!("{many}_total")),
                &help("that have ended, by outcome."),
                &[key, "outcome"],
            )?,
            duration: self.seconds(
                &name(&format!("{one}_duration_seconds")),
                &help("that have ended, by how long they took."),
                &[key],
            )?,
            in_flight: self.gauge(
                &name(&format!("{many}_in_flight")),
                &help("that have begun and not ended."),
                &[key],
            )?,
            overdue: self.gauge(
                &name(&format!("{many}_overdue")),
                &help("that should have ended by now."),
                &[key],
            )?,
            lost: self.counter(
                &name(&format!("{many}_lost_total")),
                &help("whose end was never told."),
                &[key],
            )?,
            error_rate: self.gauge(
                &name(&format!("{one}_error_ratio")),
                &help("that went wrong, as a share of those that ended lately."),
                &[key],
            )?,
        })
    }

    /// Events themselves.
    fn kinds(&mut self) -> Result<[MetricId; 3], MetricError> {
        Ok([
            self.counter("probity_events_total", "Events taken, by kind.", &["kind"])?,
            self.counter(
                "probity_event_outcomes_total",
                "Events that tell an end, by outcome.",
                &["kind", "outcome"],
            )?,
            self.counter(
                "probity_event_errors_total",
                "Events that carry an error.",
                &["kind"],
            )?,
        ])
    }

    /// Queues: depth and wait.
    fn queues(&mut self) -> Result<[MetricId; 2], MetricError> {
        Ok([
            self.gauge(
                "probity_queue_depth",
                "How much waits in a queue, as was told last.",
                &["queue"],
            )?,
            self.seconds(
                "probity_queue_wait_seconds",
                "Work that has left a queue, by how long it waited.",
                &["queue"],
            )?,
        ])
    }

    /// Workers: how many, how busy, how many crashed.
    fn workers(&mut self) -> Result<[MetricId; 3], MetricError> {
        Ok([
            self.gauge(
                "probity_workers",
                "Workers, by whether they do something.",
                &["pool", "state"],
            )?,
            self.gauge(
                "probity_worker_utilization_ratio",
                "Share of the workers' time that was spent on work lately.",
                &["pool"],
            )?,
            self.counter(
                "probity_worker_crashes_total",
                "Workers that ended as they should not.",
                &["pool"],
            )?,
        ])
    }

    /// Pools: size, in use, waiting, saturations.
    fn pools(&mut self) -> Result<[MetricId; 4], MetricError> {
        Ok([
            self.gauge("probity_pool_size", "How many a pool holds.", &["pool"])?,
            self.gauge(
                "probity_pool_in_use",
                "How many of a pool are in use.",
                &["pool"],
            )?,
            self.gauge(
                "probity_pool_waiting",
                "How many wait for one of a pool.",
                &["pool"],
            )?,
            self.counter(
                "probity_pool_saturations_total",
                "How often everything in a pool was in use.",
                &["pool"],
            )?,
        ])
    }

    /// Sessions: open, created, cleaned up, lost, lifetime, cleanup.
    fn sessions(&mut self) -> Result<[MetricId; 6], MetricError> {
        Ok([
            self.gauge("probity_sessions", "Sessions that are open.", &[])?,
            self.counter("probity_sessions_created_total", "Sessions begun.", &[])?,
            self.counter(
                "probity_sessions_cleaned_up_total",
                "Sessions cleaned up.",
                &[],
            )?,
            self.counter(
                "probity_sessions_lost_total",
                "Sessions that nobody has cleaned up.",
                &[],
            )?,
            self.seconds(
                "probity_session_lifetime_seconds",
                "Sessions cleaned up, by how long they lasted.",
                &[],
            )?,
            self.seconds(
                "probity_session_cleanup_seconds",
                "Sessions cleaned up, by how long that took.",
                &[],
            )?,
        ])
    }

    /// What found no room: to be followed, a name, anything new.
    fn bounds(&mut self) -> Result<[MetricId; 3], MetricError> {
        Ok([
            self.counter(
                "probity_activity_untracked_total",
                "What began and found no room to be followed.",
                &["of"],
            )?,
            self.counter(
                "probity_activity_other_total",
                "How often a name found no room and was counted as `other`.",
                &["of"],
            )?,
            self.counter(
                "probity_activity_doubled_total",
                "Starts that were told already, or too late.",
                &["of"],
            )?,
        ])
    }
}

impl Series {
    /// All metrics, with buckets as the state has them.
    ///
    /// # Errors
    /// A name that breaks a rule: a defect.
    pub fn new(derived: &Derived) -> Result<Self, MetricError> {
        let mut recorder = Recorder::new(MOST_SERIES);
        let mut to = Definer {
            recorder: &mut recorder,
            bounds: &derived.measures.bounds,
        };
        Ok(Self {
            kinds: to.kinds()?,
            operations: to.work("operation", "operations", "name")?,
            requests: to.work("request", "requests", "route")?,
            runs: to.work("run", "runs", "name")?,
            queues: to.queues()?,
            workers: to.workers()?,
            pools: to.pools()?,
            sessions: to.sessions()?,
            bounds: to.bounds()?,
            recorder,
        })
    }
}
