//! One probe as the host runs it: a recorder, the plain model beside it, and what both tell the merge.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use probity::model::{
    CheckReport, Details, Failure, Input, Metric, MetricId, MetricKind, Observation, Outcome,
    ProbeIdentity, ProbeState, ProbeStatus, Recorder, SeriesError, SeriesId, SourceInfo,
    SourceKind, Staged, Update, printable,
};

use crate::plain::{Key, Plain, SERIES, TEXT, VALUE};
use crate::script::{Given, Report, Target};
use crate::words::{Number, Word, texts, values};

/// Metrics of a probe; a handful is enough for each to have a few series.
const METRICS: usize = 8;
/// Checks of a probe, by name.
const CHECKS: [&str; 3] = ["a", "b-c", "d.e_f"];
/// How long a run takes.
const DURATION: Duration = Duration::from_micros(50);

/// A probe and what readers should know of it.
pub struct Probe {
    pub name: Arc<str>,
    recorder: Recorder,
    pub plain: Plain,
    metrics: Vec<(MetricId, Arc<Metric>)>,
    /// Numbers handed out for series, each with the series it was for.
    ids: Vec<(SeriesId, Key, u64)>,
    reports: Vec<CheckReport>,
    status: ProbeStatus,
    pub interval: Duration,
    generation: u32,
    /// The checks of the last good run.
    pub checks: Vec<CheckReport>,
    /// Whether the last run failed.
    pub failing: bool,
}

impl Probe {
    /// A probe that has not run yet, and what the merge is told of it.
    pub fn new(name: &str) -> (Self, Vec<Update>) {
        let probe = Self {
            name: name.into(),
            recorder: recorder(),
            plain: Plain::default(),
            metrics: Vec::new(),
            ids: Vec::new(),
            reports: Vec::new(),
            status: ProbeStatus::new(ProbeState::Loading),
            interval: Duration::from_secs(1),
            generation: 1,
            checks: Vec::new(),
            failing: false,
        };
        let updates = probe.announce(None);
        (probe, updates)
    }

    fn announce(&self, version: Option<String>) -> Vec<Update> {
        let identity = ProbeIdentity {
            name: self.name.clone(),
            file: format!("{}.wasm", self.name).into(),
            size_bytes: 1,
            digest: String::new(),
            version,
            interface: None,
            generation: self.generation,
            asks: Vec::new(),
            granted: Vec::new(),
            compile: Duration::ZERO,
            cached: false,
            loaded: SystemTime::UNIX_EPOCH,
        };
        let source = SourceInfo {
            name: self.name.clone(),
            kind: SourceKind::Probe,
            interval: self.interval,
        };
        vec![
            Update::Probe(identity.into(), Box::new(self.status.clone())),
            Update::Source(source),
        ]
    }

    /// Defines a metric, as far as the host lets a guest.
    pub fn define(&mut self, metric: Metric) {
        let known = self.recorder.defines(&metric.name);
        if metric.name.starts_with("probity_") || (!known && self.metrics.len() >= METRICS) {
            return;
        }
        match self.recorder.define(metric) {
            Ok(id) if !known => self.metrics.push((id, self.recorder.metric(id).clone())),
            Ok(_) => assert!(known),
            Err(error) => self.note_refusal(error.code(), &error.to_string()),
        }
    }

    /// Remembers the last call refused.
    pub fn note_refusal(&mut self, code: &str, message: &str) {
        self.status.last_rejection = Some(Failure::new(code, message).into());
    }

    /// A metric defined so far and label values for it.
    fn find(&self, target: &Target) -> Option<(MetricId, Arc<Metric>, Vec<String>)> {
        let (id, metric) = self
            .metrics
            .get(usize::from(target.metric) % self.metrics.len().max(1))?;
        let mut labels = texts(&target.labels);
        if target.fits {
            labels.resize(metric.label_keys.len(), String::new());
        }
        Some((*id, metric.clone(), labels))
    }

    pub fn write(&mut self, target: &Target, given: &Given) {
        let Some((id, metric, labels)) = self.find(target) else {
            return;
        };
        with_input(given, &metric, |input| {
            let answer = self.recorder.write(id, &labels, input);
            let taken = self.plain.write(&metric, &labels, input);
            self.compare(answer, taken);
        });
    }

    pub fn bind(&mut self, target: &Target) {
        let Some((id, metric, labels)) = self.find(target) else {
            return;
        };
        let answer = self.recorder.series(id, &labels);
        let birth = self.plain.bind(&metric, &labels);
        if let (Ok(series), Some(birth)) = (&answer, birth) {
            self.ids
                .push((*series, (metric.name.clone(), labels), birth));
        }
        self.compare(answer.map(|_| ()), birth.is_some());
    }

    pub fn set_bound(&mut self, index: u8, number: Number) {
        let index = usize::from(index) % self.ids.len().max(1);
        let Some((series, key, birth)) = self.ids.get(index).cloned() else {
            return;
        };
        let answer = self.recorder.set_bound(series, number.value());
        let taken = self.plain.write_bound(&key, birth, number.value());
        self.compare(answer, taken);
    }

    pub fn set_stray(&mut self, number: u32, value: Number) {
        // No row is used so often that it has a number like that.
        let series = SeriesId::from_number(number | 0xffc0_0000);
        let answer = self.recorder.set_bound(series, value.value());
        self.compare(answer, false);
    }

    pub fn retire(&mut self, target: &Target) {
        let Some((_, metric, labels)) = self.find(target) else {
            return;
        };
        let retired = self.recorder.retire(&metric.name, &labels);
        assert_eq!(retired, self.plain.retire(&(metric.name.clone(), labels)));
    }

    /// The recorder's answer against the model's.
    fn compare(&mut self, answer: Result<(), SeriesError>, taken: bool) {
        assert_eq!(answer.is_ok(), taken, "{answer:?}");
        assert_eq!(self.recorder.series_count(), self.plain.count());
        if let Err(error) = answer {
            self.note_refusal(error.code(), &error.to_string());
        }
    }

    /// Reports a check as the host takes it from a guest: the last report of a run counts.
    pub fn check(&mut self, report: &Report) {
        let id = CHECKS[usize::from(report.id) % CHECKS.len()];
        let details = match report.details().map(|text| Details::read(&text)) {
            Some(Err(failure)) => {
                self.status.last_rejection = Some(failure.into());
                return;
            }
            details => details.and_then(Result::ok),
        };
        let report = CheckReport {
            id: id.into(),
            title: printable(&report.title.text(), 128),
            status: report.status(),
            message: printable(&report.message.text(), 1024),
            details,
        };
        match self.reports.iter_mut().find(|known| known.id == report.id) {
            Some(known) => *known = report,
            None => self.reports.push(report),
        }
    }

    /// `start` has ended well.
    pub fn hold(&mut self) {
        self.recorder.hold();
        self.plain.hold();
    }

    pub fn commit(&mut self, started: Instant, missed: u16) -> Update {
        let staged = self.recorder.commit();
        assert!(
            staged.writes.len() <= 2 * staged.schema.slots,
            "more is staged than there is room for"
        );
        self.plain.commit(started + DURATION);
        self.checks = std::mem::take(&mut self.reports);
        self.failing = false;
        self.status.state = ProbeState::Active;
        self.status.last_success = Some(SystemTime::now());
        let observation = self.observation(started, Outcome::Ok, staged);
        Update::Observation(Box::new(Observation {
            checks: self.checks.clone(),
            missed: missed.into(),
            ..observation
        }))
    }

    /// The run ends with an answer that is no good.
    pub fn fail(&mut self, started: Instant, applicable: bool, message: &Word) -> Update {
        self.recorder.discard();
        self.plain.discard();
        let (code, state) = match applicable {
            true => ("unavailable", ProbeState::Degraded),
            false => ("not-applicable", ProbeState::Dormant),
        };
        let failure = Arc::new(Failure::new(code, message.text()));
        let outcome = match applicable {
            true => Outcome::Failed(failure.clone()),
            false => Outcome::NotApplicable(failure.clone()),
        };
        self.end_badly(started, state, failure, outcome)
    }

    /// The run traps: what it staged goes only when there is a new instance.
    pub fn crash(&mut self, started: Instant, message: &Word) -> Update {
        let failure = Failure::new("trap", message.text());
        let failure = Arc::new(failure.with_backtrace(Some(printable(&message.text(), 256))));
        self.status.crashes += 1;
        let outcome = Outcome::Failed(failure.clone());
        let update = self.end_badly(started, ProbeState::Backoff, failure, outcome);
        self.recorder.forget_instance();
        self.plain.forget_instance();
        self.ids.clear();
        update
    }

    fn end_badly(
        &mut self,
        started: Instant,
        state: ProbeState,
        failure: Arc<Failure>,
        outcome: Outcome,
    ) -> Update {
        let left = self.recorder.leftover();
        assert!(left.writes.is_empty(), "a failed run leaves writes");
        self.plain.tell_failure();
        self.failing = matches!(outcome, Outcome::Failed(_));
        self.reports.clear();
        self.status.state = state;
        self.status.count_failure(failure, SystemTime::now());
        Update::Observation(Box::new(self.observation(started, outcome, left)))
    }

    fn observation(&mut self, started: Instant, outcome: Outcome, staged: Staged) -> Observation {
        self.status.runs += 1;
        self.status.series = self.recorder.series_count() as u32;
        Observation {
            source: self.name.clone(),
            started,
            duration: DURATION,
            lateness: Duration::ZERO,
            missed: 0,
            outcome,
            staged,
            checks: Vec::new(),
            facts: None,
            probe: Some(self.status.clone()),
        }
    }

    /// Another version takes its place. It defines the same metrics first, or begins with none.
    pub fn replace(&mut self, version: &Word, interval: u16) -> Vec<Update> {
        self.recorder = recorder();
        self.plain.replace();
        self.ids.clear();
        self.reports.clear();
        let before = std::mem::take(&mut self.metrics);
        if interval.is_multiple_of(2) {
            before
                .iter()
                .for_each(|(_, metric)| self.define((**metric).clone()));
        }
        self.generation += 1;
        self.interval = Duration::from_millis(u64::from(interval) + 1);
        self.announce(Some(printable(&version.text(), 64)))
    }

    pub fn be_late(&mut self, message: &Word) -> Update {
        self.failing = true;
        Update::Late(
            self.name.clone(),
            Failure::new("deadline", message.text()).into(),
        )
    }
}

fn recorder() -> Recorder {
    Recorder::new(SERIES)
        .with_text_limit(TEXT)
        .with_longest_value(VALUE)
}

/// Hands on what was given, as the host's functions for guests would.
fn with_input(given: &Given, metric: &Metric, mut take: impl FnMut(Input<'_>)) {
    match given {
        Given::Fitting(numbers) => {
            let numbers = values(numbers);
            let first = numbers.first().copied().unwrap_or(1.0);
            let state = metric
                .states
                .get(numbers.len() % metric.states.len().max(1));
            match metric.kind {
                MetricKind::Gauge => take(Input::Set(first)),
                MetricKind::Info => take(Input::Set(1.0)),
                MetricKind::Counter if numbers.len() < 2 => take(Input::Mirror(first)),
                MetricKind::Counter => numbers.iter().for_each(|number| take(Input::Add(*number))),
                MetricKind::Histogram => take(Input::Observe(&numbers)),
                MetricKind::StateSet => take(Input::Activate(state.map_or("", |state| state))),
            }
        }
        Given::Set(value) => take(Input::Set(value.value())),
        Given::Add(delta) => take(Input::Add(delta.value())),
        Given::Mirror(total) => take(Input::Mirror(total.value())),
        Given::MirrorSince(total, created) => take(Input::MirrorSince {
            total: total.value(),
            created: created.value(),
        }),
        Given::Observe(numbers) => take(Input::Observe(&values(numbers))),
        Given::Activate(index) => {
            let state = metric
                .states
                .get(usize::from(*index) % metric.states.len().max(1));
            take(Input::Activate(state.map_or("broken", |state| state)));
        }
        Given::ActivateWord(word) => take(Input::Activate(&word.text())),
    }
}
