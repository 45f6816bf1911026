//! One source's current state: its numbers, its runs, its checks.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;

use super::numbers::Numbers;
use crate::model::{CheckReport, Failure, Observation, Outcome, ProbeIdentity, SourceInfo};
use crate::snapshot::{RunStats, SourceView};

/// Two significant digits: percentiles of durations within 1 %, in a kilobyte or two for a source.
const DIGITS: u8 = 2;

/// Longer runs count as this long in percentiles; no deadline is longer.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// A check as its source last gave it.
pub(super) struct Given {
    pub(super) report: CheckReport,
    pub(super) at: Instant,
    pub(super) wall: SystemTime,
}

/// What the merge knows of one source.
pub(super) struct Source {
    pub(super) info: SourceInfo,
    pub(super) identity: Option<Arc<ProbeIdentity>>,
    /// Whether a run has ended, well or not.
    pub(super) answered: bool,
    pub(super) failure: Option<Arc<Failure>>,
    pub(super) runs: RunStats,
    pub(super) checks: Vec<Given>,
    numbers: Numbers,
    durations: Histogram<u32>,
    view: Option<Arc<SourceView>>,
}

impl Source {
    pub(super) fn new(info: SourceInfo) -> Self {
        Self {
            info,
            identity: None,
            answered: false,
            failure: None,
            runs: RunStats::default(),
            checks: Vec::new(),
            numbers: Numbers::default(),
            durations: Histogram::new(DIGITS).expect("two digits are within hdrhistogram's bounds"),
            view: None,
        }
    }

    /// It runs at another interval from now on.
    pub(super) fn announce(&mut self, info: SourceInfo) {
        self.info = info;
        self.view = None;
    }

    /// Another version of the probe runs from now on.
    pub(super) fn identify(&mut self, identity: Arc<ProbeIdentity>) {
        self.identity = Some(identity);
        self.view = None;
    }

    /// A run has not ended when it should have: that is an answer, and no run yet.
    pub(super) fn wait_for(&mut self, failure: Arc<Failure>) {
        self.answered = true;
        self.failure = Some(failure);
        self.view = None;
    }

    /// Applies one run: all of it if it went well, its failure alone if not. Gives the number of writes that its own
    /// schema has no place for: a defect of the source, which costs those writes and nothing else.
    pub(super) fn observe(&mut self, observation: Observation, wall: SystemTime) -> usize {
        let ended = observation.started + observation.duration;
        self.answered = true;
        self.view = None;
        self.note_run(&observation);
        // Series can be taken away by a run that fails, too.
        self.numbers.adopt(&observation.staged.schema);
        let mut lost = 0;
        match observation.outcome {
            Outcome::Ok => {
                self.failure = None;
                self.runs.last_success = Some(ended);
                lost = self.numbers.commit(&observation.staged, ended, wall);
                self.note_checks(observation.checks, ended, wall);
            }
            // Nothing to observe is a good answer.
            Outcome::NotApplicable(_) => {
                self.failure = None;
                self.runs.last_success = Some(ended);
            }
            Outcome::Failed(failure) => {
                self.runs.failures += 1;
                self.failure = Some(failure);
            }
        }
        lost
    }

    fn note_run(&mut self, observation: &Observation) {
        self.runs.runs += 1;
        self.runs.missed += u64::from(observation.missed);
        self.runs.lateness = observation.lateness;
        self.runs.last = observation.duration;
        self.runs.max = self.runs.max.max(observation.duration);
        let micros = u64::try_from(observation.duration.as_micros()).unwrap_or(u64::MAX);
        // Grows with the longest duration seen, which the cap keeps small.
        self.durations
            .record(micros.clamp(1, LONGEST_MICROS))
            .expect("a histogram that resizes takes any capped value");
    }

    /// A check that a good run does not repeat is gone.
    fn note_checks(&mut self, reports: Vec<CheckReport>, at: Instant, wall: SystemTime) {
        self.checks = reports
            .into_iter()
            .map(|report| Given { report, at, wall })
            .collect();
    }

    /// Computes what is too dear for every run.
    pub(super) fn beat(&mut self) {
        let at = |quantile: f64| Duration::from_micros(self.durations.value_at_quantile(quantile));
        let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
        self.runs = RunStats {
            p50,
            p95,
            p99,
            ..self.runs
        };
        self.view = None;
    }

    /// The source as readers see it, made at most once between two changes.
    pub(super) fn view(&mut self) -> Arc<SourceView> {
        let view = self.view.get_or_insert_with(|| {
            Arc::new(SourceView {
                info: self.info.clone(),
                generation: self
                    .identity
                    .as_ref()
                    .map_or(0, |identity| identity.generation),
                schema: self.numbers.schema().clone(),
                points: self.numbers.points().into(),
                failure: self.failure.clone(),
                runs: self.runs,
            })
        });
        view.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Change, Input, Metric, MetricKind, Recorder, Series, SeriesError, SourceKind, Staged, Write,
    };

    fn source() -> Source {
        Source::new(SourceInfo {
            name: "test".into(),
            kind: SourceKind::Probe,
            interval: Duration::from_secs(1),
        })
    }

    fn observation(outcome: Outcome, staged: Staged) -> Observation {
        Observation {
            source: "test".into(),
            started: Instant::now(),
            duration: Duration::from_millis(3),
            lateness: Duration::ZERO,
            missed: 2,
            outcome,
            staged,
            checks: Vec::new(),
            facts: None,
            probe: None,
        }
    }

    /// The numbers of every series by name and labels, as a reader finds them.
    fn numbers(source: &mut Source) -> Vec<(String, Vec<f64>)> {
        let view = source.view();
        let name = |series: &Series| format!("{}{:?}", series.metric.name, series.labels);
        let values = |series: &Series| {
            view.numbers(series)
                .iter()
                .map(|point| point.value)
                .collect()
        };
        view.schema
            .series
            .iter()
            .map(|series| (name(series), values(series)))
            .collect()
    }

    fn counter(recorder: &mut Recorder, name: &str, delta: f64) -> Result<(), SeriesError> {
        let metric = recorder
            .define(Metric::new(MetricKind::Counter, name, "", "h", &[]).expect("it is one"))?;
        let series = recorder.series::<&str>(metric, &[])?;
        recorder.add(series, delta)
    }

    #[test]
    fn totals_go_on_under_their_name_in_a_new_schema() {
        let (mut source, wall) = (source(), SystemTime::UNIX_EPOCH + Duration::from_secs(50));
        let mut before = Recorder::new(10);
        counter(&mut before, "a_total", 2.0).expect("it is staged");
        counter(&mut before, "b_total", 3.0).expect("it is staged");
        source.observe(observation(Outcome::Ok, before.commit()), wall);

        // A new recorder, as after a reload: other order, one counter gone, one new.
        let mut after = Recorder::new(10);
        counter(&mut after, "c_total", 1.0).expect("it is staged");
        counter(&mut after, "b_total", 4.0).expect("it is staged");
        source.observe(
            observation(Outcome::Ok, after.commit()),
            wall + Duration::from_secs(9),
        );
        let wanted = [
            ("c_total[]".to_owned(), vec![1.0, 59.0]),
            ("b_total[]".to_owned(), vec![7.0, 50.0]),
        ];
        assert_eq!(numbers(&mut source), wanted);
    }

    #[test]
    fn a_failed_run_changes_no_number_and_is_counted() {
        let (mut source, wall) = (source(), SystemTime::UNIX_EPOCH);
        let mut recorder = Recorder::new(10);
        counter(&mut recorder, "a_total", 2.0).expect("it is staged");
        source.observe(observation(Outcome::Ok, recorder.commit()), wall);
        let before = numbers(&mut source);
        let failure = Arc::new(Failure::new("deadline", "too late"));
        source.observe(
            observation(Outcome::Failed(failure.clone()), Staged::default()),
            wall,
        );
        assert_eq!(numbers(&mut source), before);
        assert_eq!(source.view().failure, Some(failure));
        assert_eq!(
            (source.runs.runs, source.runs.failures, source.runs.missed),
            (2, 1, 4)
        );
    }

    #[test]
    fn a_run_that_is_late_counts_once_when_it_ends() {
        let (mut source, wall) = (source(), SystemTime::UNIX_EPOCH);
        let failure = Arc::new(Failure::new("deadline", "not yet"));
        source.wait_for(failure.clone());
        assert_eq!(source.view().failure, Some(failure));
        let counts = |source: &Source| (source.runs.runs, source.runs.failures, source.runs.missed);
        assert_eq!((counts(&source), source.answered), ((0, 0, 0), true));
        let staged = Recorder::new(1).commit();
        source.observe(observation(Outcome::Ok, staged), wall);
        assert_eq!(
            (counts(&source), source.view().failure.clone()),
            ((1, 0, 2), None)
        );
    }

    #[test]
    fn a_number_goes_on_only_where_it_means_the_same() {
        let metric = |keys: &[&str], states: &[&str]| {
            Metric::state_set("mode", "h", keys, states).expect("it is one")
        };
        let known = || metric(&["port"], &["idle", "busy"]);
        for (other, goes_on) in [
            (known(), true),
            (metric(&["disk"], &["idle", "busy"]), false),
            (metric(&["port"], &["busy", "idle"]), false),
        ] {
            let (mut source, wall) = (source(), SystemTime::UNIX_EPOCH);
            let mut before = Recorder::new(10);
            let id = before.define(known()).expect("it is new");
            let busy = Input::Activate("busy");
            before.write(id, &["a"], busy).expect("there is room");
            source.observe(observation(Outcome::Ok, before.commit()), wall);
            let mut after = Recorder::new(10);
            let id = after.define(other.clone()).expect("it is new");
            after.series(id, &["a"]).expect("there is room");
            source.observe(observation(Outcome::Ok, after.commit()), wall);
            let shown = source.view().points[0].updated.is_some();
            assert_eq!(shown, goes_on, "{other:?}");
        }
    }

    #[test]
    fn a_mirrored_total_that_shrinks_began_anew() {
        let (mut source, mut recorder) = (source(), Recorder::new(10));
        let metric = Metric::new(MetricKind::Counter, "a_total", "", "h", &[]).expect("it is one");
        let metric = recorder.define(metric).expect("it is new");
        let series = recorder.series::<&str>(metric, &[]).expect("there is room");
        for (second, total, wanted) in [
            (1, 5.0, [5.0, 0.0]),
            (2, 9.0, [9.0, 0.0]),
            (3, 4.0, [4.0, 3.0]),
        ] {
            recorder.mirror(series, total).expect("it is staged");
            source.observe(
                observation(Outcome::Ok, recorder.commit()),
                SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            );
            assert_eq!(numbers(&mut source)[0].1, wanted, "second {second}");
        }
    }

    #[test]
    fn a_write_to_no_series_is_counted_and_costs_no_other() {
        let (mut source, mut recorder) = (source(), Recorder::new(10));
        counter(&mut recorder, "a_total", 2.0).expect("it is staged");
        let mut staged = recorder.commit();
        let write = staged.writes[0];
        let bucket = Change::Count { bucket: 3 };
        for (slot, change) in [
            (1, Change::Add),
            (2, Change::Add),
            (99, Change::Set),
            (u32::MAX, Change::Sum),
            (0, Change::Set),
            (0, bucket),
        ] {
            let stray = Write {
                slot,
                change,
                ..write
            };
            staged.writes.insert(0, stray);
        }
        let lost = source.observe(observation(Outcome::Ok, staged), SystemTime::UNIX_EPOCH);
        assert_eq!(lost, 6);
        assert_eq!(numbers(&mut source)[0].1, [2.0, 0.0]);
    }

    #[test]
    fn observations_fall_into_the_first_bucket_that_holds_them() {
        let (mut source, mut recorder) = (source(), Recorder::new(10));
        let metric =
            Metric::histogram("a_seconds", "seconds", "h", &[], &[1.0, 2.0]).expect("it is one");
        let metric = recorder.define(metric).expect("it is new");
        let series = recorder.series::<&str>(metric, &[]).expect("there is room");
        for value in [0.5, 1.0, 1.5, 2.0, 3.0, -1.0] {
            recorder.observe(series, value).expect("it is staged");
        }
        source.observe(
            observation(Outcome::Ok, recorder.commit()),
            SystemTime::UNIX_EPOCH + Duration::from_secs(7),
        );
        // Buckets up to 1, up to 2, above; sum; created.
        assert_eq!(numbers(&mut source)[0].1, [3.0, 2.0, 1.0, 7.0, 7.0]);
    }
}
