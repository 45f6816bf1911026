//! Workers, pools, queues, runs, requests and sessions, as events tell of them.

use std::time::Duration;

use super::tests::Stage;
use crate::model::Span;

#[test]
fn workers_are_as_busy_as_their_slots() {
    let mut stage = Stage::new(|_| {});
    stage.tell(
        "worker.started",
        r#"{"worker": "w1", "pool": "p", "slots": 2}"#,
    );
    stage.tell("worker.started", r#"{"worker": "w2", "pool": "p"}"#);
    let by = |id: &str, worker: &str| {
        format!(r#"{{"operation": "{id}", "name": "mail", "worker": "{worker}"}}"#)
    };
    stage.tell("operation.started", &by("a", "w1"));
    stage.pass(30);
    let workers = stage.facts().workers.expect("they were told");
    assert_eq!((workers.total, workers.busy), (2, 1));
    let shares: Vec<f64> = workers.workers.iter().map(|one| one.utilization).collect();
    assert!(
        (shares[0] - 0.5).abs() < 0.01 && shares[1] == 0.0,
        "{shares:?}"
    );
    let pool = workers.pools[0].utilization.expect("there are workers");
    assert!((pool - 1.0 / 3.0).abs() < 0.01, "{pool}");
    stage.end("a", "mail", "success", 30_000.0);
    stage.pass(70);
    let workers = stage.facts().workers.expect("they were told");
    assert_eq!((workers.busy, workers.pools[0].utilization), (0, Some(0.0)));
    let crash = r#"{"worker": "w1", "error": {"kind": "OOM", "message": "no memory"}}"#;
    stage.tell("worker.crashed", crash);
    let workers = stage.facts().workers.expect("they were told");
    assert_eq!(
        (workers.total, workers.crashes, &*workers.pools[0].pool),
        (1, 1, "p")
    );
}

#[test]
fn work_that_is_told_in_one_batch_counts_when_it_happened() {
    let mut stage = Stage::new(|_| {});
    stage.tell("worker.started", r#"{"worker": "w"}"#);
    stage.pass(30);
    let mut told = |id: &str, started, ended| {
        let start = format!(r#"{{"operation": "{id}", "name": "mail", "worker": "w"}}"#);
        stage.tell_late("operation.started", &start, started);
        let end = r#""name": "mail", "outcome": "success", "duration_ms": 10000"#;
        let end = format!(r#"{{"operation": "{id}", {end}}}"#);
        stage.tell_late("operation.completed", &end, ended);
        let workers = stage.facts().workers.expect("one was told");
        workers.workers[0].utilization * 30.0
    };
    let spent = told("a", 20, 10);
    assert!((spent - 10.0).abs() < 0.01, "{spent}");
    // A clock that is not believed: it has ended now.
    let spent = told("b", 7200, 7190);
    assert!((spent - 20.0).abs() < 0.01, "{spent}");
    // No more than there was time for.
    let spent = told("c", 20, 10);
    assert!((spent - 20.0).abs() < 0.01, "{spent}");
}

#[test]
fn work_within_work_is_done_once() {
    let mut stage = Stage::new(|_| {});
    stage.tell("worker.started", r#"{"worker": "w"}"#);
    for id in ["outer", "inner"] {
        let start = format!(r#"{{"operation": "{id}", "name": "n", "worker": "w"}}"#);
        stage.tell("operation.started", &start);
    }
    stage.pass(20);
    stage.end("inner", "n", "success", 20_000.0);
    stage.end("outer", "n", "success", 20_000.0);
    stage.pass(20);
    let workers = stage.facts().workers.expect("one was told");
    let share = workers.workers[0].utilization;
    assert!((share - 0.5).abs() < 0.01, "{share}");
}

#[test]
fn a_worker_that_is_known_by_its_work_alone_is_there_for_a_while() {
    let mut stage = Stage::new(|config| config.lost_after = Span::seconds(20));
    let done = r#"{"name": "mail", "worker": "w", "outcome": "success", "duration_ms": 5000}"#;
    stage.tell("operation.completed", done);
    stage.pass(5);
    let workers = stage.facts().workers.expect("one was told");
    assert!(
        (workers.workers[0].utilization - 0.5).abs() < 0.01,
        "{workers:?}"
    );
    stage.pass(16);
    assert_eq!(stage.facts().workers.map(|workers| workers.total), Some(0));
}

#[test]
fn a_worker_that_was_killed_goes_after_a_while_and_not_while_it_works() {
    let mut stage = Stage::new(|config| {
        config.lost_after = Span::seconds(20);
        config.worker_lost_after = Span::seconds(40);
    });
    stage.tell("worker.started", r#"{"worker": "idle"}"#);
    stage.tell("worker.started", r#"{"worker": "busy"}"#);
    let start = r#"{"operation": "a", "name": "n", "worker": "busy", "expected_ms": 40000}"#;
    stage.tell("operation.started", start);
    let total = |stage: &mut Stage| stage.facts().workers.map(|workers| workers.total);
    stage.pass(40);
    assert_eq!(total(&mut stage), Some(2));
    stage.pass(1);
    assert_eq!(total(&mut stage), Some(1), "nothing was told of it");
    // What it did is lost after twice what was expected, and it is gone a while later.
    stage.pass(40);
    assert_eq!(total(&mut stage), Some(1));
    stage.pass(41);
    assert_eq!(total(&mut stage), Some(0));
}

#[test]
fn what_a_crashed_worker_did_is_lost_and_what_others_do_is_not() {
    let mut stage = Stage::new(|_| {});
    for worker in ["w1", "w2"] {
        let start = format!(r#"{{"operation": "{worker}", "name": "n", "worker": "{worker}"}}"#);
        stage.tell("operation.started", &start);
    }
    let crash = r#"{"worker": "w1", "error": {"kind": "OOM", "message": "no memory"}}"#;
    stage.tell("worker.crashed", crash);
    let facts = stage.facts().operations;
    assert_eq!((facts.in_flight, facts.lost), (1, 1));
    assert_eq!(&*facts.active[0].id, "w2");
    stage.end("w1", "n", "failure", 1.0);
    let facts = stage.facts().operations;
    assert_eq!(facts.names[0].outcomes[1], 1, "a late end still counts");
}

#[test]
fn two_sources_may_use_one_id() {
    let mut stage = Stage::new(|_| {});
    let mut tell = |source: &str, kind: &str, data: &str| {
        let (mut event, data) = stage.event(kind, data);
        event.source = Some(source.into());
        stage.derived.apply(&event, &data, stage.now());
        stage.time += Duration::from_millis(1);
        stage.facts()
    };
    for source in ["shop", "bank"] {
        tell(source, "worker.started", r#"{"worker": "1"}"#);
        tell(source, "session.created", r#"{"session": "1"}"#);
        let start = r#"{"operation": "1", "name": "n", "worker": "1"}"#;
        tell(source, "operation.started", start);
    }
    let end = r#"{"operation": "1", "name": "n", "outcome": "success", "duration_ms": 1}"#;
    let facts = tell("bank", "operation.completed", end);
    let operations = facts.operations;
    assert_eq!((operations.in_flight, operations.lost), (1, 0));
    let workers = facts.workers.expect("they were told");
    assert_eq!((workers.total, workers.busy), (2, 1));
    let active: Vec<_> = workers.workers.iter().map(|one| one.active).collect();
    assert_eq!(active, [1, 0]);
    let sessions = facts.sessions.expect("they were told");
    assert_eq!((sessions.open, sessions.lost), (2, 0));
    // A run is one for all of them.
    tell("shop", "run.started", r#"{"name": "n"}"#);
    let facts = tell("bank", "run.finished", r#"{"outcome": "success"}"#);
    assert_eq!(facts.runs.map(|runs| runs.in_flight), Some(0));
}

#[test]
fn the_work_of_a_worker_that_is_gone_is_not_the_next_ones() {
    let mut stage = Stage::new(|config| config.workers = 1);
    stage.tell("worker.started", r#"{"worker": "w"}"#);
    stage.tell(
        "operation.started",
        r#"{"operation": "a", "name": "n", "worker": "w"}"#,
    );
    stage.tell("worker.started", r#"{"worker": "w"}"#);
    stage.tell(
        "operation.started",
        r#"{"operation": "b", "name": "n", "worker": "w"}"#,
    );
    stage.end("a", "n", "success", 1.0);
    let workers = stage.facts().workers.expect("one was told");
    assert_eq!(
        (workers.workers[0].active, stage.derived.workers.full),
        (1, 0)
    );
    stage.tell("worker.started", r#"{"worker": "w2"}"#);
    assert_eq!(stage.derived.workers.full, 1);
}

#[test]
fn queues_and_pools_say_what_was_told_lately() {
    let mut stage = Stage::new(|_| {});
    let queue = r#"{"name": "jobs", "wait_ms": 40, "depth": 3}"#;
    let start = format!(r#"{{"operation": "a", "name": "n", "queue": {queue}}}"#);
    stage.tell("operation.started", &start);
    let end = format!(
        r#"{{"operation": "a", "name": "n", "queue": {queue}, "outcome": "success", "duration_ms": 1}}"#
    );
    stage.tell("operation.completed", &end);
    stage.tell("pool.started", r#"{"pool": "db", "size": 4}"#);
    stage.tell(
        "pool.saturated",
        r#"{"pool": "db", "size": 5, "in_use": 5, "waiting": 2}"#,
    );
    let facts = stage.facts();
    let queue = &facts.queues[0];
    assert_eq!(
        (queue.depth, queue.taken, queue.waits.count),
        (Some(3), 1, 1)
    );
    let pool = &facts.pools.expect("one was told")[0];
    assert_eq!(
        (pool.size, pool.in_use, pool.waiting),
        (Some(5), Some(5), Some(2))
    );
    stage.pass(301);
    let facts = stage.facts();
    assert_eq!((facts.queues[0].depth, facts.queues[0].taken), (None, 1));
    let pool = &facts.pools.expect("one was told")[0];
    assert_eq!(
        (pool.size, pool.in_use, pool.waiting),
        (Some(5), None, None)
    );
    assert_eq!(pool.saturations, 1);
}

#[test]
fn runs_requests_and_sessions_have_a_beginning_and_an_end() {
    let mut stage = Stage::new(|config| config.session_lost_after = Span::seconds(100));
    let facts = stage.facts();
    assert_eq!(
        (facts.runs, facts.requests, facts.sessions),
        (None, None, None)
    );
    stage.tell("run.started", r#"{"name": "agent"}"#);
    stage.tell(
        "request.started",
        r#"{"request": "q", "route": "/users/{id}"}"#,
    );
    stage.tell("session.created", r#"{"session": "s1"}"#);
    stage.tell("session.created", r#"{"session": "s2"}"#);
    stage.pass(2);
    stage.tell("run.finished", r#"{"outcome": "success"}"#);
    stage.tell(
        "session.cleaned_up",
        r#"{"session": "s1", "duration_ms": 20}"#,
    );
    stage.tell(
        "request.completed",
        r#"{"request": "q", "route": "/users/{id}", "outcome": "timeout", "duration_ms": 2000}"#,
    );
    stage.pass(101);
    let facts = stage.facts();
    let runs = facts.runs.expect("one was told");
    assert_eq!(
        (&*runs.names[0].name, runs.names[0].outcomes),
        ("agent", [1, 0, 0, 0])
    );
    assert_eq!(runs.recent[0].duration, Some(Duration::from_secs(2)));
    let requests = facts.requests.expect("one was told");
    assert_eq!(
        (requests.in_flight, requests.names[0].outcomes),
        (0, [0, 0, 1, 0])
    );
    let sessions = facts.sessions.expect("one was told");
    let counts = (
        sessions.open,
        sessions.created,
        sessions.cleaned_up,
        sessions.lost,
    );
    assert_eq!(counts, (0, 2, 1, 1));
    assert_eq!((sessions.lifetimes.count, sessions.cleanups.count), (1, 1));
}
