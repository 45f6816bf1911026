//! One guest's side of the host: what its instance owns, and what outlives the instance.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::events::{Sink, StagedEvents};
use super::health::Checks;
use super::log::LogQuota;
use super::names::{MetricNames, NameClaims};
use super::run::RunFacts;
use super::sql::SqlAccess;
use super::state::State;
use super::stdio::OutputTail;
use super::transcript::Transcript;
use crate::model::{ByteSize, CheckReport, Event, Failure, Recorder, RunCosts, Staged};
use crate::probe::Limits;
use crate::probe::grants::{Access, Denials};
use crate::probe::limits::{Bounds, Usage};
use crate::probe::tape::Tape;
use crate::snapshot::SnapshotCell;
use crate::store::StateStore;

/// What is fixed for a probe as long as it is loaded.
pub(in crate::probe) struct GuestSettings {
    /// The probe's name.
    pub(in crate::probe) name: Arc<str>,
    /// Its own configuration.
    pub(in crate::probe) config: serde_json::Value,
    /// What it may use.
    pub(in crate::probe) limits: Limits,
    /// Where the newest snapshot is.
    pub(in crate::probe) snapshots: Arc<SnapshotCell>,
    /// Which metric name means what among all probes.
    pub(in crate::probe) names: Arc<MetricNames>,
    /// Where its state is kept between starts; unset: nowhere.
    pub(in crate::probe) states: Option<StateStore>,
    /// Who takes its events; unset: nobody.
    pub(in crate::probe) events: Sink,
    /// The databases it may read.
    pub(in crate::probe) sql: SqlAccess,
    /// Who listens to what it says; unset: the program's log.
    pub(in crate::probe) transcript: Option<Transcript>,
    /// What records the answers that it gets, or gives them.
    pub(in crate::probe) tape: Tape,
}

/// What outlives an instance: a trap is no counter reset and loses no state.
pub(in crate::probe) struct Kept {
    pub(in crate::probe) recorder: Recorder,
    pub(in crate::probe) state: State,
    pub(in crate::probe) quota: LogQuota,
    /// The metric names it uses.
    pub(super) claims: NameClaims,
    /// What was tried and not granted.
    pub(in crate::probe) denials: Arc<Denials>,
    /// What its runs cost since somebody asked.
    costs: RunCosts,
    /// The last call refused.
    pub(in crate::probe) last_rejection: Option<Arc<Failure>>,
}

impl Kept {
    /// Nothing yet.
    pub(in crate::probe) fn new(settings: &GuestSettings) -> Self {
        let limits = &settings.limits;
        Self {
            recorder: recorder(limits),
            state: State::new(limits.state.0),
            quota: LogQuota::new(limits.log_lines, limits.log_bytes.0),
            claims: settings.claims(),
            denials: Arc::default(),
            costs: RunCosts::default(),
            last_rejection: None,
        }
    }

    /// What a new version of the probe takes over: its state and its counts, for the metrics are defined anew.
    pub(in crate::probe) fn succeeded_by(self, settings: &GuestSettings) -> Self {
        let limits = &settings.limits;
        Self {
            recorder: recorder(limits),
            state: self.state.with_limit(limits.state.0),
            quota: self.quota.with_limits(limits.log_lines, limits.log_bytes.0),
            claims: settings.claims(),
            denials: self.denials.for_successor(),
            ..self
        }
    }

    /// What a trial may use up: a copy of the state and a fresh quota. Nothing of it comes back.
    pub(in crate::probe) fn for_trial(&self, settings: &GuestSettings) -> Self {
        Self {
            state: self.state.fork(settings.limits.state.0),
            ..Self::new(settings)
        }
    }

    /// Adds to what the runs cost.
    pub(in crate::probe) fn charge(&mut self, costs: RunCosts) {
        self.costs += costs;
    }

    /// What the runs since the last call of this function cost.
    pub(in crate::probe) fn take_costs(&mut self) -> RunCosts {
        let (log_lines, log_dropped) = self.quota.take_counts();
        RunCosts {
            log_lines,
            log_dropped,
            ..std::mem::take(&mut self.costs)
        }
    }
}

impl GuestSettings {
    fn claims(&self) -> NameClaims {
        NameClaims::new(self.names.clone(), self.name.clone())
    }
}

fn recorder(limits: &Limits) -> Recorder {
    let bytes = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    Recorder::new(limits.series as usize)
        .with_text_limit(bytes(limits.series_text))
        .with_longest_value(bytes(limits.value_bytes))
}

/// What a good run produced.
#[derive(Default)]
pub(in crate::probe) struct Produce {
    pub(in crate::probe) staged: Staged,
    pub(in crate::probe) checks: Vec<CheckReport>,
    pub(in crate::probe) events: Vec<Event>,
}

impl Produce {
    /// What two calls in a row produced, as one. The writes of the first one are among those of the second: the
    /// recorder held them.
    pub(in crate::probe) fn followed_by(mut self, later: Self) -> Self {
        self.checks
            .retain(|check| later.checks.iter().all(|newer| newer.id != check.id));
        self.checks.extend(later.checks);
        self.events.extend(later.events);
        Self {
            staged: later.staged,
            ..self
        }
    }
}

/// The data of one `wasmtime::Store`.
pub(in crate::probe) struct Guest {
    pub(in crate::probe) access: Access,
    pub(in crate::probe) table: ResourceTable,
    pub(in crate::probe) bounds: Bounds,
    pub(in crate::probe) usage: Usage,
    pub(super) settings: Arc<GuestSettings>,
    pub(in crate::probe) run: RunFacts,
    pub(super) checks: Checks,
    pub(super) events: StagedEvents,
    /// Bytes in the answers of queries that the guest has not dropped.
    pub(super) sql_bytes: u64,
    pub(in crate::probe) kept: Kept,
    /// Handles of the host's own resources that the guest holds.
    handles: u32,
    /// A limit broken in this run: it is rejected whole, whatever the guest answers.
    violation: Option<Failure>,
    pub(in crate::probe) output: OutputTail,
}

impl Guest {
    pub(in crate::probe) fn new(
        settings: Arc<GuestSettings>,
        access: Access,
        output: OutputTail,
        mut kept: Kept,
    ) -> Self {
        kept.state.forget_start();
        kept.recorder.forget_instance();
        let mut table = ResourceTable::new();
        table.set_max_capacity(settings.limits.handles as usize);
        Self {
            access,
            table,
            bounds: Bounds::new(&settings.limits),
            usage: Usage::new(&settings.limits),
            settings,
            run: RunFacts::idle(),
            checks: Checks::default(),
            events: StagedEvents::default(),
            sql_bytes: 0,
            kept,
            handles: 0,
            violation: None,
            output,
        }
    }

    /// Begins a run: nothing is staged.
    pub(in crate::probe) fn begin(&mut self, run: RunFacts) {
        self.run = run;
        self.settings.tape.begin_call();
        self.usage.begin(run.deadline);
        self.bounds.begin();
        self.violation = None;
        self.kept.state.discard();
        self.checks.discard();
        self.events.discard();
    }

    /// Ends a call: what it used is charged to the probe.
    pub(in crate::probe) fn end(&mut self) {
        let costs = self.usage.costs();
        self.kept.charge(costs);
    }

    /// What the probe may use.
    pub(in crate::probe) fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Takes what `start` staged; its writes and its changes of the state wait for a run that goes well.
    ///
    /// # Errors
    /// As [`Guest::commit`].
    pub(in crate::probe) fn commit_start(&mut self) -> Result<Produce, Failure> {
        self.take(|kept| {
            kept.state.commit_start();
            kept.recorder.hold();
            Staged::default()
        })
    }

    /// Takes what the run staged.
    ///
    /// # Errors
    /// The limit that the run broke; then nothing is taken.
    pub(in crate::probe) fn commit(&mut self) -> Result<Produce, Failure> {
        self.take(|kept| {
            kept.state.commit();
            kept.recorder.commit()
        })
    }

    fn take(&mut self, commit: fn(&mut Kept) -> Staged) -> Result<Produce, Failure> {
        if let Some(violation) = self.take_violation() {
            self.discard();
            return Err(violation);
        }
        Ok(Produce {
            staged: commit(&mut self.kept),
            checks: self.checks.take(),
            events: self.events.take(),
        })
    }

    /// Throws away what the run staged.
    pub(in crate::probe) fn discard(&mut self) {
        self.kept.state.discard();
        self.kept.recorder.discard();
        self.checks.discard();
        self.events.discard();
    }

    /// Turns a call's result into what the guest gets; a failure is counted and remembered.
    pub(super) fn answer<T>(
        &mut self,
        result: Result<T, Failure>,
    ) -> wasmtime::Result<Result<T, Resource<Failure>>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(failure) => {
                self.hand_out();
                self.kept.costs.rejected_calls += 1;
                self.kept.last_rejection = Some(Arc::new(failure.clone()));
                Ok(Err(self.table.push(failure)?))
            }
        }
    }

    /// The guest gets one more handle.
    pub(super) fn hand_out(&mut self) {
        self.handles += 1;
    }

    /// The guest has given a handle back.
    pub(super) fn take_back(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    /// Whether the instance has come so near to a limit that lasts for its life that another one had better take its
    /// place. Some languages never drop a handle, and some never give memory back.
    pub(in crate::probe) fn is_worn(&self) -> bool {
        let limits = &self.settings.limits;
        let near = |used: u64, limit: u64| used > limit / 8 * 7;
        near(u64::from(self.handles), u64::from(limits.handles))
            || near(self.bounds.memory_bytes(), limits.memory.0)
    }

    /// Notes that the run broke a limit, the one that `key` raises: that is the run's failure, while the guest gets
    /// `failure` for its call.
    pub(super) fn violate(&mut self, key: &str, failure: Failure) -> Failure {
        self.violation.get_or_insert_with(|| Failure {
            code: format!("limits.{key}"),
            ..failure.clone()
        });
        failure
    }

    /// The first limit that the run broke, if any, or what its tape lacks.
    pub(in crate::probe) fn take_violation(&mut self) -> Option<Failure> {
        let limit = self.violation.take();
        limit.or_else(|| self.settings.tape.fault())
    }

    /// The failure that the guest returned from an export.
    pub(in crate::probe) fn take_failure(&mut self, handle: Resource<Failure>) -> Failure {
        self.take_back();
        let missing = |_| Failure::new("other", "the probe returned a failure that is gone");
        self.table.delete(handle).unwrap_or_else(missing)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.access.wasi,
            table: &mut self.table,
        }
    }
}
