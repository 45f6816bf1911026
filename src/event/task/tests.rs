//! The task with a store, from events that are told to what it tells.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::derived::Lasting;
use crate::event::kinds::{Millis, OperationCompleted, OperationStarted, SessionCreated};
use crate::event::{self, EventData, EventFilter, Kind};
use crate::model::{ActivityFacts, Cause, Failure};
use crate::snapshot::{FactSheet, HealthReport, RunStats, Snapshot, SourceView};
use crate::store::Store;

/// A task that runs on a store of its own.
struct Stage {
    events: Events,
    recorder: Recorder,
    store: Option<Store>,
    snapshots: Arc<SnapshotCell>,
    updates: mpsc::Receiver<Update>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    folder: Arc<tempfile::TempDir>,
}

impl Stage {
    async fn new() -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap())).await
    }

    async fn on(folder: Arc<tempfile::TempDir>) -> Self {
        let mut tally = Tally::default();
        let store = Store::open(folder.path(), &mut tally).unwrap();
        let config = event::Config::default();
        let redaction = crate::redact::Config::default();
        let made = Events::new(&config, &redaction, Some(store.events()), &mut tally);
        let (events, committed) = made.unwrap();
        let snapshots = Arc::new(SnapshotCell::new());
        let (send, updates) = mpsc::channel(1);
        let way = (events.clone(), committed);
        let follower = Follower::new(&config.derived, way, snapshots.clone(), send, &mut tally);
        let mut follower = follower.unwrap();
        follower.open().await;
        let stop = CancellationToken::new();
        tokio::spawn(events.clone().run(stop.clone()));
        Self {
            recorder: events.recorder("shop"),
            task: tokio::spawn(follower.run(stop.clone())),
            store: Some(store),
            events,
            snapshots,
            updates,
            stop,
            folder,
        }
    }

    /// Waits until the task tells what is wanted.
    async fn until(&mut self, wanted: impl Fn(&ActivityFacts) -> bool) -> Observation {
        while let Some(update) = self.updates.recv().await {
            let observation = match update {
                Update::Observation(observation) => observation,
                Update::Source(source) if &*source.name == SOURCE => continue,
                other => panic!("{other:?}"),
            };
            let Some(Facts::Activity(facts)) = &observation.facts else {
                panic!("{observation:?}");
            };
            if wanted(facts) {
                return *observation;
            }
        }
        panic!("the task has ended");
    }

    async fn tell<D: EventData>(&self, data: D) {
        let context = Context::default();
        self.recorder.commit(&context, || data).await.unwrap();
    }

    /// What is in the store.
    async fn kept(&self, filter: EventFilter) -> Vec<Event> {
        let events = self.events.clone();
        let kept = tokio::task::spawn_blocking(move || {
            let mut reader = events.reader(Duration::from_secs(9)).unwrap();
            reader.after(0, &filter, 99).unwrap().events
        });
        let kept = kept.await.unwrap().into_iter();
        kept.map(|kept| kept.event).collect()
    }

    async fn stop(mut self) -> Arc<tempfile::TempDir> {
        self.stop.cancel();
        self.task.await.unwrap();
        self.store.take().unwrap().close().await;
        self.folder
    }
}

fn started(id: &str) -> OperationStarted {
    OperationStarted {
        operation: id.into(),
        name: "mail".into(),
        worker: None,
        queue: None,
        expected_ms: None,
    }
}

fn facts(observation: &Observation) -> &ActivityFacts {
    match &observation.facts {
        Some(Facts::Activity(facts)) => facts,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_committed_is_told_and_what_was_under_way_is_known_after_a_restart() {
    let mut stage = Stage::new().await;
    stage.tell(started("o1")).await;
    let user = None;
    let session = "s".into();
    stage.tell(SessionCreated { session, user }).await;
    let told = stage.until(|facts| facts.events == 2).await;
    assert_eq!(
        (&*told.source, told.staged.writes.is_empty()),
        (SOURCE, false)
    );
    let folder = stage.stop().await;

    let mut stage = Stage::on(folder).await;
    let told = stage.until(|facts| facts.operations.in_flight == 1).await;
    assert_eq!(
        (facts(&told).events, &*facts(&told).operations.active[0].id),
        (0, "o1")
    );
    assert_eq!(
        facts(&told)
            .sessions
            .as_ref()
            .map(|one| (one.open, one.created)),
        Some((1, 0))
    );
    // What comes after is counted, once.
    stage.tell(started("o2")).await;
    let told = stage.until(|facts| facts.events > 0).await;
    assert_eq!(
        (facts(&told).events, facts(&told).operations.in_flight),
        (1, 2)
    );
    stage.stop().await;
}

#[tokio::test]
async fn a_start_that_is_late_recalls_a_page_of_each_sort() {
    let mut stage = Stage::new().await;
    let started = |number| {
        let data = serde_json::json!({ "operation": format!("o{number}"), "name": "n" });
        serde_json::json!({ "kind": "operation.started", "data": data })
    };
    let mut told: Vec<_> = (0..2_001).map(started).collect();
    told.push(serde_json::json!({ "kind": "session.created", "data": { "session": "s" } }));
    let body = serde_json::to_vec(&told).unwrap();
    let batch = stage.events.read(&body, event::Form::Json, false).unwrap();
    stage.events.commit(batch).await.unwrap();
    stage.until(|facts| facts.events == 2_002).await;
    let (back, events) = (Duration::from_secs(3600), stage.events.clone());
    let lasting = [
        ("operation", &[Kind::OperationStarted][..]),
        ("session", &[Kind::SessionCreated][..]),
    ];
    let lasting = lasting.map(|(sort, kinds)| Lasting { sort, kinds, back });
    let recalled = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        recall::read(&events, i64::MAX, &lasting, Instant::now(), &mut found).map(|()| found)
    });
    let found = recalled.await.unwrap().unwrap();
    let of = |kind| found.iter().filter(|one| &*one.event.kind == kind).count();
    assert_eq!((of("operation.started"), of("session.created")), (2_000, 1));
    // What came after the program began is left to whoever follows.
    let before = found.iter().filter(|kept| kept.sequence <= 1_000).count();
    let recalled: Vec<_> = recall::in_order(found, 1_000).collect();
    assert_eq!((recalled.len(), before), (999, 999));
    assert_eq!(&*recalled[0].data, r#"{"operation":"o1","name":"n"}"#);
    stage.stop().await;
}

#[tokio::test]
async fn what_began_long_ago_and_before_much_else_is_known_after_a_restart() {
    let mut stage = Stage::new().await;
    let time =
        |hours| (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string();
    let mut told = vec![
        serde_json::json!({ "kind": "session.created", "time": time(5), "data": { "session": "s" } }),
        serde_json::json!({ "kind": "session.created", "time": time(6), "data": { "session": "t" } }),
        serde_json::json!({ "kind": "session.cleaned_up", "time": time(5), "data": { "session": "t" } }),
        serde_json::json!({ "kind": "worker.started", "time": time(20), "data": { "worker": "w" } }),
        serde_json::json!({ "kind": "operation.started", "data": { "operation": "o", "name": "n", "worker": "w" } }),
    ];
    let thought = serde_json::json!({ "kind": "step.thought", "run": "r", "data": { "step": "1", "text": "t" } });
    told.extend(std::iter::repeat_n(thought, 10_000));
    for events in [10_005, 20_005] {
        let body = serde_json::to_vec(&told).unwrap();
        let batch = stage.events.read(&body, event::Form::Json, false).unwrap();
        stage.events.commit(batch).await.unwrap();
        stage.until(|facts| facts.events == events).await;
        told.drain(..told.len() - 10_000);
    }
    let folder = stage.stop().await;
    let mut stage = Stage::on(folder).await;
    let told = stage.until(|facts| facts.workers.is_some()).await;
    let facts = facts(&told);
    assert_eq!((facts.events, facts.operations.in_flight), (0, 1));
    assert_eq!(facts.sessions.as_ref().map(|one| one.open), Some(1));
    let workers = facts.workers.as_ref().unwrap();
    assert_eq!((workers.total, workers.busy), (1, 1));
    assert_eq!(workers.workers[0].age.as_secs() / 3600, 20);
    stage.stop().await;
}

#[tokio::test]
async fn an_error_rate_that_is_too_high_becomes_an_event() {
    let mut stage = Stage::new().await;
    let context = Context::default();
    for _ in 0..20 {
        let failed = || OperationCompleted {
            operation: None,
            name: "mail".into(),
            worker: None,
            queue: None,
            outcome: EventOutcome::Failure,
            duration_ms: Millis::default(),
            error: None,
        };
        stage.recorder.record(&context, failed).unwrap();
    }
    stage.until(|facts| facts.events == 21).await;
    let crossed = EventFilter {
        kinds: vec!["error_rate.crossed".into()],
        ..EventFilter::default()
    };
    let kept = stage.kept(crossed).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].source.as_deref(), Some("probity"));
    let said: serde_json::Value = serde_json::from_str(&kept[0].data).unwrap();
    assert_eq!(
        (&said["of"], &said["above"]),
        (&"operations".into(), &true.into())
    );
    stage.stop().await;
}

fn snapshot(operations: Vec<Operation>, runs: RunStats) -> Snapshot {
    let source = SourceView {
        info: SourceInfo {
            name: "files".into(),
            kind: SourceKind::Probe,
            interval: INTERVAL,
        },
        generation: 1,
        schema: Arc::default(),
        points: Arc::default(),
        failure: None,
        runs,
    };
    Snapshot {
        sequence: 1,
        timestamp: SystemTime::now(),
        published: Instant::now(),
        whole: true,
        facts: FactSheet::default(),
        sources: vec![Arc::new(source)],
        probes: Vec::new(),
        health: Arc::new(HealthReport::new(Vec::new())),
        operations: operations.into_iter().map(Arc::new).collect(),
    }
}

fn reload(outcome: Result<String, Arc<Failure>>) -> Operation {
    Operation {
        kind: "probe.reload",
        target: "files".into(),
        cause: Cause::Operator,
        started: SystemTime::now(),
        duration: Duration::from_millis(40),
        outcome,
    }
}

#[tokio::test]
async fn the_programs_own_work_is_stored_and_its_probes_runs_are_counted() {
    let mut stage = Stage::new().await;
    let failure = Arc::new(Failure::new("file.text", "a text file"));
    let newest_first = vec![reload(Err(failure)), reload(Ok("generation 2 runs".into()))];
    let runs = RunStats {
        runs: 7,
        failures: 2,
        last: Duration::from_millis(3),
        ..RunStats::default()
    };
    stage.snapshots.publish(snapshot(newest_first, runs));
    // What is stored, and what the snapshot tells of runs, come in either order.
    let is_told = |facts: &ActivityFacts| {
        let mut names = facts.operations.names.iter();
        facts.events == 2 && names.any(|one| &*one.name == "probe.run" && one.outcomes[0] > 0)
    };
    let told = stage.until(is_told).await;
    let names = &facts(&told).operations.names;
    let outcomes = |name: &str| {
        let named = names.iter().find(|one| *one.name == *name);
        named.map(|named| named.outcomes)
    };
    assert_eq!(outcomes("probe.reload"), Some([1, 1, 0, 0]));
    assert_eq!(outcomes("probe.run"), Some([5, 2, 0, 0]));
    let last = &facts(&told).operations.recent[0];
    assert_eq!(last.source.as_deref(), Some("probity"));
    let class = last.error.as_ref().map(|(class, _)| &**class);
    assert_eq!(class, Some("file.text"));
    let kept = stage.kept(EventFilter::default()).await;
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].correlation.as_deref(), Some("files"));
    stage.stop().await;
}

#[test]
fn each_operation_and_each_run_is_followed_once() {
    let mut own = OwnWork::default();
    let runs = |runs, failures| RunStats {
        runs,
        failures,
        ..RunStats::default()
    };
    let first = snapshot(vec![reload(Ok(String::new()))], runs(3, 3));
    let count = |own: &mut OwnWork, of: &Snapshot| {
        let runs = own.runs(of).iter().map(|run| run.count).sum::<u64>();
        (own.operations(of).len(), runs)
    };
    assert_eq!(count(&mut own, &first), (1, 3));
    assert_eq!(count(&mut own, &first), (0, 0));
    let mut second = snapshot(Vec::new(), runs(5, 3));
    second.operations = [Arc::new(reload(Ok(String::new())))]
        .into_iter()
        .chain(first.operations.iter().cloned())
        .collect();
    assert_eq!(count(&mut own, &second), (1, 2));
    // The probe was removed, and is back.
    let third = Snapshot {
        sources: snapshot(Vec::new(), runs(1, 0)).sources,
        ..second
    };
    assert_eq!(count(&mut own, &third), (0, 1));
}
