//! Events told to the state, and what it makes of them.

use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::event::kinds::EventData;
use crate::model::{ActivityFacts, NameFacts, Span};

/// The wall clock at the beginning, in microseconds since the Unix epoch.
pub(super) const WALL: i64 = 1_700_000_000_000_000;

/// A state at a made-up time.
pub(super) struct Stage {
    pub(super) derived: Derived,
    begun: Instant,
    /// Since the beginning.
    pub(super) time: Duration,
    next: u64,
}

impl Stage {
    pub(super) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let begun = Instant::now();
        Self {
            derived: Derived::new(&config, begun, wall(Duration::ZERO)),
            begun,
            time: Duration::ZERO,
            next: 0,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.begun + self.time
    }

    pub(super) fn event(&mut self, kind: &str, data: &str) -> (Event, Data) {
        self.next += 1;
        let kind = crate::event::Kind::of(kind).expect("a kind");
        let (data, outcome) = kind.read(data).expect("it says what its kind says");
        let event = Event {
            id: format!("e{}", self.next).into(),
            kind: kind.as_str().into(),
            version: 1,
            time: WALL + i64::try_from(self.time.as_micros()).expect("a short test"),
            source: Some("shop".into()),
            run: Some("r1".into()),
            correlation: None,
            trace: None,
            outcome,
            data: "{}".into(),
        };
        (event, data)
    }

    pub(super) fn tell(&mut self, kind: &str, data: &str) {
        let (event, data) = self.event(kind, data);
        self.derived.apply(&event, &data, self.now());
    }

    /// Tells now what happened so many seconds ago.
    pub(super) fn tell_late(&mut self, kind: &str, data: &str, ago: i64) {
        let (mut event, data) = self.event(kind, data);
        event.time -= ago * 1_000_000;
        self.derived.apply(&event, &data, self.now());
    }

    pub(super) fn start(&mut self, id: &str, name: &str) {
        let data = format!("{{\"operation\": \"{id}\", \"name\": \"{name}\"}}");
        self.tell("operation.started", &data);
    }

    pub(super) fn end(&mut self, id: &str, name: &str, outcome: &str, millis: f64) {
        let data = format!(
            "{{\"operation\": \"{id}\", \"name\": \"{name}\", \"outcome\": \"{outcome}\", \"duration_ms\": {millis}}}"
        );
        self.tell("operation.completed", &data);
    }

    pub(super) fn pass(&mut self, seconds: u64) -> Vec<Crossing> {
        let mut crossings = Vec::new();
        for _ in 0..seconds {
            self.time += Duration::from_secs(1);
            crossings.extend(self.derived.tick(self.now(), wall(self.time)));
        }
        crossings
    }

    pub(super) fn facts(&mut self) -> ActivityFacts {
        self.derived.facts(self.now())
    }

    fn name(&mut self, name: &str) -> std::sync::Arc<NameFacts> {
        let facts = self.facts();
        let named = facts.operations.names.into_iter();
        named
            .into_iter()
            .find(|one| *one.name == *name)
            .expect("it was told")
    }
}

fn wall(time: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(WALL.unsigned_abs()) + time
}

#[test]
fn an_operation_is_in_flight_until_its_end_and_then_counts() {
    let mut stage = Stage::new(|_| {});
    stage.start("o1", "mail");
    stage.pass(3);
    let facts = stage.facts().operations;
    assert_eq!((facts.in_flight, facts.active.len()), (1, 1));
    let active = &facts.active[0];
    assert_eq!(
        (&*active.id, &*active.name, active.elapsed.as_secs()),
        ("o1", "mail", 3)
    );
    assert_eq!((active.expected, active.is_overdue()), (None, false));
    stage.end("o1", "mail", "failure", 3000.0);
    let facts = stage.facts().operations;
    assert_eq!(
        (facts.in_flight, facts.names[0].outcomes),
        (0, [0, 1, 0, 0])
    );
    let result = &facts.recent[0];
    assert_eq!(
        (result.id.as_deref(), result.run.as_deref()),
        (Some("o1"), Some("r1"))
    );
    assert_eq!(result.duration, Some(Duration::from_secs(3)));
    assert_eq!(facts.names[0].last[1][0], *result);
    assert!(facts.names[0].last[0].is_empty());
}

#[test]
fn every_end_counts_whatever_came_of_its_start() {
    let mut stage = Stage::new(|_| {});
    for _ in 0..5 {
        stage.end("job-1", "mail", "success", 1.0);
    }
    stage.start("job-1", "mail");
    let facts = stage.name("mail");
    assert_eq!((facts.outcomes, facts.in_flight), ([5, 0, 0, 0], 0));
    assert_eq!(stage.derived.operations.doubled, 1, "the start is late");
    let anonymous = r#"{"name": "mail", "outcome": "success", "duration_ms": 1}"#;
    stage.tell("operation.completed", anonymous);
    stage.tell("operation.completed", anonymous);
    assert_eq!(
        stage.name("mail").outcomes,
        [7, 0, 0, 0],
        "without an id each is one of its own"
    );
}

#[test]
fn what_never_ends_is_overdue_and_then_lost() {
    let mut stage = Stage::new(|config| {
        config.lost_after = Span::seconds(60);
        config.overdue.default = Some(Span::seconds(30));
        config
            .overdue
            .names
            .insert("slow".into(), Span::seconds(40));
    });
    stage.start("a", "mail");
    stage.start("b", "slow");
    stage.tell(
        "operation.started",
        r#"{"operation": "c", "name": "mail", "expected_ms": 50000}"#,
    );
    let overdue = |stage: &mut Stage| {
        let facts = stage.facts().operations;
        assert_eq!(facts.overdue as usize, facts.overdue_work.len());
        facts
            .overdue_work
            .iter()
            .map(|one| one.id.to_string())
            .collect::<Vec<_>>()
    };
    stage.pass(30);
    assert!(overdue(&mut stage).is_empty());
    stage.pass(1);
    assert_eq!(overdue(&mut stage), ["a"]);
    stage.pass(10);
    assert_eq!(overdue(&mut stage), ["a", "b"]);
    stage.pass(20);
    let facts = stage.facts().operations;
    // Twice what it may take is more than a minute for two of them.
    assert_eq!((facts.in_flight, facts.lost), (2, 1));
    stage.pass(40);
    let facts = stage.facts().operations;
    assert_eq!((facts.in_flight, facts.lost), (0, 3));
    stage.end("a", "mail", "success", 70_000.0);
    assert_eq!(stage.name("mail").outcomes[0], 1, "a late end still counts");
}

#[test]
fn names_beyond_the_bound_are_other_and_what_finds_no_room_is_counted() {
    let mut stage = Stage::new(|config| {
        config.names = 2;
        config.in_flight = 3;
    });
    for name in ["a", "b", "c", "d"] {
        stage.start(name, name);
        stage.end(name, name, "success", 1.0);
    }
    let facts = stage.facts().operations;
    let names: Vec<_> = facts
        .names
        .iter()
        .map(|one| (&*one.name, one.outcomes[0]))
        .collect();
    assert_eq!(names, [("a", 1), ("b", 1), ("other", 2)]);
    assert_eq!(stage.derived.operations.names.overflow(), 4);
    for id in ["1", "2", "3", "4"] {
        stage.start(id, "a");
    }
    assert_eq!(
        (
            stage.facts().operations.in_flight,
            stage.derived.operations.full
        ),
        (3, 1)
    );
}

#[test]
fn a_configured_name_has_its_place_and_its_expectation_whatever_others_take() {
    let mut stage = Stage::new(|config| {
        config.names = 1;
        let names = &mut config.overdue.names;
        names.insert("mail".into(), Span::seconds(10));
        // No label can show it.
        names.insert("a\nb".into(), Span::seconds(10));
    });
    for name in ["x", "y", "mail", "a\\nb"] {
        stage.start(name, name);
    }
    stage.pass(11);
    let facts = stage.facts().operations;
    let names: Vec<_> = facts.names.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["x", "other", "mail", "a\\nb"]);
    let late = facts.overdue_work.iter().map(|one| &*one.name);
    assert_eq!(late.collect::<Vec<_>>(), ["a\\nb", "mail"]);
}

#[test]
fn ten_of_each_outcome_and_a_hundred_of_all_are_kept() {
    let mut stage = Stage::new(|_| {});
    for number in 0..150 {
        let outcome = if number % 2 == 0 {
            "success"
        } else {
            "timeout"
        };
        stage.end(&number.to_string(), "mail", outcome, 1.0);
    }
    let facts = stage.facts().operations;
    assert_eq!(
        (facts.recent.len(), facts.recent[0].id.as_deref()),
        (100, Some("149"))
    );
    let lengths = facts.names[0].last.each_ref().map(Vec::len);
    assert_eq!(lengths, [10, 0, 10, 0]);
    assert_eq!(facts.names[0].last[0][0].id.as_deref(), Some("148"));
}

#[test]
fn an_error_rate_crosses_and_comes_back() {
    let mut stage = Stage::new(|config| config.error_rate.least = 10);
    for number in 0..10 {
        let outcome = if number == 0 { "failure" } else { "success" };
        stage.end(&number.to_string(), "mail", outcome, 1.0);
    }
    let crossings = stage.pass(1);
    assert_eq!(crossings.len(), 1);
    let data = crossings[0].data();
    assert_eq!(
        (&*data.of, &*data.name, data.above),
        ("operations", "mail", true)
    );
    assert_eq!((data.rate, data.threshold, data.count), (0.1, 0.1, 10));
    let read = crate::event::kinds::ErrorRateCrossed::KIND
        .read(&serde_json::to_string(&data).expect("it is data"));
    assert!(read.is_ok(), "it is what its kind says");
    assert!(stage.pass(60).is_empty());
    assert!(stage.name("mail").error_rate.is_some_and(|rate| rate.above));
    let back = stage.pass(300);
    assert_eq!(
        back.iter().map(|one| one.above).collect::<Vec<_>>(),
        [false]
    );
    assert_eq!(stage.name("mail").error_rate, None);
}

#[test]
fn runs_of_probes_cross_nothing() {
    let mut stage = Stage::new(|_| {});
    let now = stage.now();
    let millisecond = Duration::from_millis(1);
    stage
        .derived
        .count_own("probe.run", EventOutcome::Failure, millisecond, 50, now);
    assert!(stage.pass(1).is_empty());
    let facts = stage.name("probe.run");
    assert_eq!((facts.outcomes, facts.durations.count), ([0, 50, 0, 0], 50));
}

#[test]
fn what_is_remembered_is_under_way_and_counts_nothing() {
    let mut stage = Stage::new(|_| {});
    let mut story = Vec::new();
    for (kind, data) in [
        ("worker.started", r#"{"worker": "w", "pool": "p"}"#),
        (
            "operation.started",
            r#"{"operation": "a", "name": "n", "worker": "w"}"#,
        ),
        ("operation.started", r#"{"operation": "b", "name": "n"}"#),
        (
            "operation.completed",
            r#"{"operation": "b", "name": "n", "outcome": "failure", "duration_ms": 9}"#,
        ),
        ("session.created", r#"{"session": "s"}"#),
    ] {
        let (mut event, data) = stage.event(kind, data);
        event.time -= 90_000_000;
        story.push((event, data));
    }
    stage
        .derived
        .remember(story.iter().map(|(event, data)| (event, data)));
    let facts = stage.facts();
    assert_eq!((facts.events, facts.operations.in_flight), (0, 1));
    assert_eq!(facts.operations.active[0].elapsed, Duration::from_secs(90));
    assert_eq!(
        (
            facts.operations.names[0].outcomes,
            facts.operations.recent.len()
        ),
        ([0; 4], 1)
    );
    let sessions = facts.sessions.expect("one was told");
    assert_eq!((sessions.open, sessions.created), (1, 0));
    let workers = facts.workers.expect("one was told");
    assert_eq!((workers.busy, workers.workers[0].age.as_secs()), (1, 90));
    stage.pass(10);
    let workers = stage.facts().workers.expect("one was told");
    assert!(
        (workers.workers[0].utilization - 1.0).abs() < 0.01,
        "{workers:?}"
    );
    stage.end("a", "n", "success", 100_000.0);
    assert_eq!(stage.name("n").outcomes, [1, 0, 0, 0]);
}

#[test]
fn an_error_rate_that_was_too_high_before_a_restart_comes_back_when_it_is_well() {
    for (ended, wait) in [(10, 0), (9, 299)] {
        let mut stage = Stage::new(|config| config.error_rate.least = 10);
        let story = [("mail", true), ("well", true), ("well", false)].map(|(name, above)| {
            let told = format!(r#"{{"of": "operations", "name": "{name}", "above": {above}, "rate": 0.5, "threshold": 0.1, "window_ms": 1, "count": 20}}"#);
            stage.event("error_rate.crossed", &told)
        });
        let told = story.iter().map(|(event, data)| (event, data));
        stage.derived.remember(told);
        let facts = stage.facts().operations;
        let rates = facts.names.iter().filter_map(|one| one.error_rate);
        assert!(rates.map(|rate| (rate.above, rate.count)).eq([(true, 0)]));
        for number in 0..ended {
            stage.end(&number.to_string(), "mail", "success", 1.0);
        }
        assert!(stage.pass(wait).is_empty(), "too few have ended");
        let back = stage.pass(1);
        let back: Vec<_> = back.iter().map(|one| (&*one.name, one.above)).collect();
        assert_eq!(back, [("mail", false)]);
        assert!(stage.pass(400).is_empty());
    }
}

#[test]
fn a_clock_that_is_far_off_is_not_believed() {
    let mut stage = Stage::new(|_| {});
    for (id, off) in [("near", -60), ("far", -7200), ("ahead", 7200)] {
        let data = format!(r#"{{"operation": "{id}", "name": "n"}}"#);
        let (mut event, data) = stage.event("operation.started", &data);
        event.time += off * 1_000_000;
        stage.derived.apply(&event, &data, stage.now());
    }
    let facts = stage.facts().operations;
    let seconds: Vec<_> = facts
        .active
        .iter()
        .map(|one| (&*one.id, one.elapsed.as_secs()))
        .collect();
    assert_eq!(seconds, [("near", 60), ("ahead", 0), ("far", 0)]);
}
