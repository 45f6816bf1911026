//! The current state of everything, and the snapshot made of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::operations::Operations;
use super::own::OwnMetrics;
use super::source::Source;
use crate::health::{Inputs, Reported, Watch};
use crate::model::{
    Facts, Failure, MetricError, Observation, OnDisk, Outcome, ProbeIdentity, ProbeState,
    ProbeStatus, SourceInfo, SourceKind, Tally, TallyCounter, Update,
};
use crate::snapshot::{Dated, FactSheet, HealthReport, ProbeView, Snapshot};

/// A built-in sampler that takes longer than this is reported in the log.
const SLOW_SAMPLE: Duration = Duration::from_millis(100);

/// Everything the merge owns.
pub(super) struct State {
    sources: Vec<Source>,
    by_name: HashMap<Arc<str>, usize>,
    probes: Vec<Probe>,
    operations: Operations,
    facts: FactSheet,
    own: OwnMetrics,
    watch: Watch,
    health: Arc<HealthReport>,
    start_complete: bool,
    /// Whether every source of the start has answered once; it stays so whatever comes later.
    whole: bool,
    sequence: u64,
    /// Writes that their own schema had no place for.
    lost: TallyCounter,
}

struct Probe {
    identity: Arc<ProbeIdentity>,
    status: ProbeStatus,
    on_disk: Option<Arc<OnDisk>>,
}

impl State {
    pub(super) fn new(watch: Watch, mut tallies: Vec<Arc<Tally>>) -> Result<Self, MetricError> {
        let mut tally = Tally::default();
        let lost = tally.counter(
            "probity_merge_lost_writes_total",
            "Writes of sources to series that they do not have: a defect.",
            None,
        );
        tallies.push(Arc::new(tally));
        Ok(Self {
            sources: Vec::new(),
            by_name: HashMap::new(),
            probes: Vec::new(),
            operations: Operations::default(),
            facts: FactSheet::default(),
            own: OwnMetrics::new(tallies)?,
            watch,
            health: Arc::new(HealthReport::new(Vec::new())),
            start_complete: false,
            whole: false,
            sequence: 0,
            lost,
        })
    }

    pub(super) fn apply(&mut self, update: Update, wall: SystemTime) {
        match update {
            Update::Source(info) => self.add_source(info),
            Update::Probe(identity, status) => self.set_probe(identity, *status),
            Update::OnDisk(name, on_disk) => self.note_on_disk(&name, on_disk),
            Update::Removed(name) => self.remove(&name),
            Update::Late(name, failure) => self.wait_for(&name, failure),
            Update::Observation(observation) => self.observe(*observation, wall),
            Update::Operation(operation) => self.operations.note(*operation),
            Update::StartComplete => self.start_complete = true,
        }
        // A source that comes later takes nothing back.
        self.whole |= self.start_complete && self.sources.iter().all(|source| source.answered);
    }

    /// A source that is announced again runs at another interval; what it has counted goes on.
    fn add_source(&mut self, info: SourceInfo) {
        if let Some(&index) = self.by_name.get(&info.name) {
            return self.sources[index].announce(info);
        }
        let name = info.name.clone();
        let mut source = Source::new(info);
        source.identity = self.probe(&name).map(|probe| probe.identity.clone());
        self.by_name.insert(name, self.sources.len());
        self.sources.push(source);
    }

    fn set_probe(&mut self, identity: Arc<ProbeIdentity>, status: ProbeStatus) {
        if let Some(&index) = self.by_name.get(&identity.name) {
            self.sources[index].identify(identity.clone());
        }
        if let Some(probe) = self.probe(&identity.name) {
            if probe.status.state != status.state {
                log_state(&identity.name, probe.status.state, &status);
            }
            (probe.identity, probe.status) = (identity, status);
            return;
        }
        let place = self
            .probes
            .partition_point(|probe| probe.identity.name < identity.name);
        self.probes.insert(
            place,
            Probe {
                identity,
                status,
                on_disk: None,
            },
        );
    }

    fn note_on_disk(&mut self, name: &str, on_disk: Arc<OnDisk>) {
        if let Some(probe) = self.probe(name) {
            probe.on_disk = Some(on_disk);
        }
    }

    /// Takes a probe away with its series and checks.
    fn remove(&mut self, name: &str) {
        self.probes.retain(|probe| *probe.identity.name != *name);
        let index = self.by_name.get(name).copied();
        let is_sampler = |index: usize| self.sources[index].info.kind == SourceKind::Sampler;
        if index.is_some_and(is_sampler) {
            // A file of a sampler's name was refused; the sampler stays.
            return;
        }
        self.own.forget(name);
        let Some(index) = index else {
            return;
        };
        self.by_name.remove(name);
        self.sources.remove(index);
        for later in self.by_name.values_mut().filter(|later| **later > index) {
            *later -= 1;
        }
    }

    fn probe(&mut self, name: &str) -> Option<&mut Probe> {
        self.probes
            .iter_mut()
            .find(|probe| *probe.identity.name == *name)
    }

    fn observe(&mut self, mut observation: Observation, wall: SystemTime) {
        let Some(&index) = self.by_name.get(&observation.source) else {
            tracing::error!(
                source = &*observation.source,
                "an observation of a source that was never announced"
            );
            return;
        };
        if let Some(status) = observation.probe.take() {
            self.note_status(&observation.source, status);
            self.own.note_run(&observation.source, observation.duration);
        } else if observation.duration > SLOW_SAMPLE {
            tracing::warn!(source = &*observation.source, duration = ?observation.duration, "slow collection");
        }
        let source = &mut self.sources[index];
        if source.info.kind == SourceKind::Sampler {
            note_facts(&mut self.facts, &source.info, &mut observation);
        }
        let lost = source.observe(observation, wall);
        if lost > 0 {
            let source = &*source.info.name;
            tracing::error!(
                source,
                lost,
                "writes to series that the source does not have"
            );
            self.lost.add(lost as u64);
        }
    }

    fn wait_for(&mut self, name: &str, failure: Arc<Failure>) {
        let Some(&index) = self.by_name.get(name) else {
            return;
        };
        let source = &mut self.sources[index];
        if source.info.kind == SourceKind::Sampler {
            mark(&mut self.facts, name, Some(&failure));
        }
        source.wait_for(failure);
    }

    fn note_status(&mut self, name: &str, status: ProbeStatus) {
        if let Some(probe) = self.probe(name) {
            if probe.status.state != status.state {
                log_state(name, probe.status.state, &status);
            }
            probe.status = status;
        }
    }

    /// Whether every source of the start has answered once.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether the built-in samplers have answered: before that there is nothing to show.
    fn is_begun(&self) -> bool {
        let mut samplers = self
            .sources
            .iter()
            .filter(|source| source.info.kind == SourceKind::Sampler);
        // Without any source there is something to show as soon as that is known.
        let announced = self.start_complete || !self.sources.is_empty();
        announced && samplers.all(|source| source.answered)
    }

    /// Once a second: percentiles, the host's own metrics, health.
    pub(super) fn beat(&mut self, now: Instant, wall: SystemTime) {
        self.sources.iter_mut().for_each(Source::beat);
        let probes = self.probe_views();
        let sources: Vec<_> = self.sources.iter_mut().map(Source::view).collect();
        let reported: Vec<Reported<'_>> = self.sources.iter().flat_map(reported).collect();
        let inputs = Inputs {
            facts: &self.facts,
            sources: &sources,
            probes: &probes,
            whole: self.is_whole(),
            reported: &reported,
        };
        let report = self.watch.evaluate(&inputs, now, wall);
        self.own.write(&sources, &probes, &report, now, wall);
        self.health = Arc::new(report);
    }

    fn probe_views(&self) -> Vec<Arc<ProbeView>> {
        let view = |probe: &Probe| {
            let index = self.by_name.get(&probe.identity.name);
            let source = index.map(|index| &self.sources[*index]);
            Arc::new(ProbeView {
                identity: probe.identity.clone(),
                status: probe.status.clone(),
                on_disk: probe.on_disk.clone(),
                interval: source.map(|source| source.info.interval),
                runs: source.map(|source| source.runs).unwrap_or_default(),
            })
        };
        self.probes.iter().map(view).collect()
    }

    /// A snapshot of everything, or nothing before the first collection.
    pub(super) fn snapshot(&mut self, now: Instant, wall: SystemTime) -> Option<Snapshot> {
        if !self.is_begun() {
            return None;
        }
        self.sequence += 1;
        let own = self.own.view();
        Some(Snapshot {
            sequence: self.sequence,
            timestamp: wall,
            published: now,
            whole: self.is_whole(),
            facts: self.facts.clone(),
            sources: self
                .sources
                .iter_mut()
                .map(Source::view)
                .chain([own])
                .collect(),
            probes: self.probe_views(),
            health: self.health.clone(),
            operations: self.operations.view(),
        })
    }
}

fn reported(source: &Source) -> impl Iterator<Item = Reported<'_>> {
    source.checks.iter().map(|given| Reported {
        source: &source.info.name,
        report: &given.report,
        given: given.at,
        timestamp: given.wall,
        interval: source.info.interval,
        failure: source.failure.as_deref(),
    })
}

fn log_state(name: &str, before: ProbeState, status: &ProbeStatus) {
    let (from, to) = (before.as_str(), status.state.as_str());
    let error = status
        .last_error
        .as_ref()
        .map(|(failure, _)| failure.to_string())
        .unwrap_or_default();
    match status.state {
        ProbeState::Rejected
        | ProbeState::Backoff
        | ProbeState::Quarantined
        | ProbeState::Degraded => {
            tracing::warn!(probe = name, from, to, error, "probe state changed");
        }
        ProbeState::Dormant => tracing::info!(probe = name, from, to, error, "probe state changed"),
        // The line of its loading has just said so.
        ProbeState::Loading | ProbeState::Active if before == ProbeState::Loading => {
            tracing::debug!(probe = name, from, to, "probe state changed");
        }
        ProbeState::Loading | ProbeState::Active | ProbeState::Paused => {
            tracing::info!(probe = name, from, to, "probe state changed");
        }
    }
}

/// Puts a sampler's facts on the sheet; a failure stays beside the last good ones, and what does not exist on
/// this machine is taken off.
fn note_facts(sheet: &mut FactSheet, info: &SourceInfo, observation: &mut Observation) {
    let (read, interval) = (observation.started, info.interval);
    match (observation.facts.take(), &observation.outcome) {
        (Some(facts), _) => put(sheet, facts, read, interval),
        (None, Outcome::Failed(failure)) => mark(sheet, &info.name, Some(failure)),
        (None, Outcome::NotApplicable(_)) => mark(sheet, &info.name, None),
        (None, Outcome::Ok) => {}
    }
}

fn put(sheet: &mut FactSheet, facts: Facts, read: Instant, interval: Duration) {
    fn dated<T>(facts: Box<T>, read: Instant, interval: Duration) -> Option<Dated<T>> {
        Some(Dated {
            facts: Arc::from(facts),
            read,
            interval,
            failure: None,
        })
    }
    match facts {
        Facts::Cpu(facts) => sheet.cpu = dated(facts, read, interval),
        Facts::Memory(facts) => sheet.memory = dated(facts, read, interval),
        Facts::Pressure(facts) => sheet.pressure = dated(facts, read, interval),
        Facts::Disk(facts) => sheet.disk = dated(facts, read, interval),
        Facts::Network(facts) => sheet.network = dated(facts, read, interval),
        Facts::Process(facts) => sheet.process = dated(facts, read, interval),
        Facts::Cgroup(facts) => sheet.cgroup = dated(facts, read, interval),
        Facts::Loop(facts) => sheet.event_loop = dated(facts, read, interval),
        Facts::Watched(facts) => sheet.watched = dated(facts, read, interval),
        Facts::Activity(facts) => sheet.activity = dated(facts, read, interval),
    }
}

/// Marks a sampler's last facts as failed, or takes them off when there is no failure but nothing to observe.
fn mark(sheet: &mut FactSheet, sampler: &str, failure: Option<&Arc<Failure>>) {
    fn one<T>(slot: &mut Option<Dated<T>>, failure: Option<&Arc<Failure>>) {
        match (slot.as_mut(), failure) {
            (Some(dated), Some(failure)) => dated.failure = Some(failure.clone()),
            (_, None) => *slot = None,
            (None, Some(_)) => {}
        }
    }
    match sampler {
        "cpu" => one(&mut sheet.cpu, failure),
        "memory" => one(&mut sheet.memory, failure),
        "pressure" => one(&mut sheet.pressure, failure),
        "disk" => one(&mut sheet.disk, failure),
        "network" => one(&mut sheet.network, failure),
        "process" => one(&mut sheet.process, failure),
        "cgroup" => one(&mut sheet.cgroup, failure),
        "watched" => one(&mut sheet.watched, failure),
        "events" => one(&mut sheet.activity, failure),
        _ => one(&mut sheet.event_loop, failure),
    }
}
