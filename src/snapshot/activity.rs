//! What applications do, and the program itself, as JSON.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::document::{failure_value, milliseconds, number, timestamp};
use super::{Dated, Freshness, Snapshot};
use crate::model::{
    ActiveWork, ActivityFacts, ErrorRate, EventOutcome, MetricKind, NameFacts, Operation,
    Percentiles, PoolFacts, PoolWorkers, QueueFacts, SessionFacts, WorkFacts, WorkResult,
    WorkerFacts, WorkerState,
};

/// Results shown of operations, the program's own among them.
const RECENT: usize = 100;
/// Who tells of the program's own work.
const OWN_SOURCE: &str = "probity";

/// The part of this name; nothing when there is none of that name here.
pub(super) fn part(snapshot: &Snapshot, name: &str, now: Instant) -> Option<Value> {
    let activity = snapshot.facts.activity.as_ref();
    let part = |of: fn(&ActivityFacts) -> Option<Value>| {
        let value = activity.and_then(|dated| Some((dated, of(&dated.facts)?)));
        value.map_or(Value::Null, |(dated, value)| with_age(value, dated, now))
    };
    Some(match name {
        "operations" => operations(snapshot, now),
        "requests" => part(|facts| facts.requests.as_ref().map(work)),
        "runs" => part(|facts| facts.runs.as_ref().map(work)),
        "workers" => part(|facts| facts.workers.as_ref().map(workers)),
        "pools" => part(|facts| {
            let pools = facts.pools.as_ref()?;
            Some(json!({ "pools": pools.iter().map(pool).collect::<Vec<_>>() }))
        }),
        "sessions" => part(|facts| facts.sessions.as_ref().map(sessions)),
        _ => return None,
    })
}

/// Puts `age_ms` and `stale` beside it, as beside all facts.
fn with_age(mut value: Value, dated: &Dated<ActivityFacts>, now: Instant) -> Value {
    let freshness = Freshness::of(MetricKind::Gauge, dated.read, dated.interval, now);
    let stale = freshness.stale || dated.failure.is_some();
    if let Value::Object(object) = &mut value {
        object.insert("age_ms".into(), milliseconds(freshness.age));
        object.insert("stale".into(), stale.into());
        if let Some(failure) = &dated.failure {
            object.insert("error".into(), failure_value(failure));
        }
    }
    value
}

/// Applications' operations and the program's own, whose last ones are there even when nothing follows events.
fn operations(snapshot: &Snapshot, now: Instant) -> Value {
    let nothing = WorkFacts::default();
    let activity = snapshot.facts.activity.as_ref();
    let facts = activity.map_or(&nothing, |dated| &dated.facts.operations);
    let mut value = work(facts);
    value["recent"] = recent(snapshot).map(|one| one.value()).collect();
    let queues = activity.iter().flat_map(|dated| &dated.facts.queues);
    value["queues"] = queues.map(queue).collect();
    match activity {
        Some(dated) => with_age(value, dated, now),
        None => value,
    }
}

/// An operation that has ended: the program's own, or an application's.
#[derive(Debug, Clone, Copy)]
pub enum Recent<'a> {
    /// The program's own.
    Own(&'a Operation),
    /// An application's, or the program's own before it was started anew.
    Told(&'a WorkResult),
}

impl Recent<'_> {
    /// When it ended, in microseconds since the Unix epoch.
    fn ended(&self) -> i64 {
        match self {
            Self::Own(operation) => operation.ended_micros(),
            Self::Told(result) => result.ended,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Own(one) => operation(one),
            Self::Told(one) => result(one),
        }
    }
}

/// The last operations, applications' and the program's own, the newest first.
pub fn recent(snapshot: &Snapshot) -> impl Iterator<Item = Recent<'_>> {
    let own = snapshot.operations.iter();
    // The program's own are stored as events too, and come back.
    let known: HashSet<(&str, String)> = own.clone().map(|one| (one.kind, one.id())).collect();
    let activity = snapshot.facts.activity.iter();
    let told = activity.flat_map(|dated| &dated.facts.operations.recent);
    let told = told.filter(|one| {
        let id = one
            .id
            .as_deref()
            .filter(|_| one.source.as_deref() == Some(OWN_SOURCE));
        !id.is_some_and(|id| known.contains(&(&*one.name, id.to_owned())))
    });
    let mut all: Vec<Recent<'_>> = own
        .map(|one| Recent::Own(one))
        .chain(told.map(|one| Recent::Told(one)))
        .collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.ended()));
    all.truncate(RECENT);
    all.into_iter()
}

/// One of the program's own operations.
pub fn operation(operation: &Operation) -> Value {
    let (outcome, message, error) = match &operation.outcome {
        Ok(message) => (EventOutcome::Success, Some(message), None),
        Err(failure) => (EventOutcome::Failure, None, Some(failure_value(failure))),
    };
    json!({
        "name": operation.kind,
        "id": operation.id(),
        "target": &*operation.target,
        "source": OWN_SOURCE,
        "cause": operation.cause.as_str(),
        "started": timestamp(operation.started),
        "ended": timestamp(time_of(operation.ended_micros())),
        "duration_ms": milliseconds(operation.duration),
        "outcome": outcome,
        "message": message,
        "error": error,
    })
}

fn result(one: &WorkResult) -> Value {
    let started = one.duration.and_then(|duration| {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        one.ended.checked_sub(micros)
    });
    json!({
        "name": &*one.name,
        "id": one.id,
        "source": one.source,
        "worker": one.worker,
        "run": one.run,
        "started": started.map_or(Value::Null, |started| timestamp(time_of(started))),
        "ended": timestamp(time_of(one.ended)),
        "duration_ms": one.duration.map_or(Value::Null, milliseconds),
        "outcome": one.outcome,
        "error": error(one),
    })
}

fn error(one: &WorkResult) -> Value {
    match &one.error {
        Some((code, message)) => json!({ "code": code, "message": message }),
        None => Value::Null,
    }
}

/// A moment in microseconds since the Unix epoch.
fn time_of(micros: i64) -> SystemTime {
    let away = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(away)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(away)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn work(facts: &WorkFacts) -> Value {
    let list = |all: &[ActiveWork]| all.iter().map(active).collect::<Value>();
    json!({
        "in_flight": facts.in_flight,
        "overdue_total": facts.overdue,
        "lost_total": facts.lost,
        "active": list(&facts.active),
        "overdue": list(&facts.overdue_work),
        "recent": facts.recent.iter().map(|one| result(one)).collect::<Value>(),
        "names": facts.names.iter().map(|one| named(one)).collect::<Value>(),
    })
}

fn active(one: &ActiveWork) -> Value {
    json!({
        "id": &*one.id,
        "name": &*one.name,
        "worker": one.worker.as_deref(),
        "elapsed_ms": milliseconds(one.elapsed),
        "expected_ms": one.expected.map_or(Value::Null, milliseconds),
        "overdue": one.is_overdue(),
    })
}

fn named(one: &NameFacts) -> Value {
    let by_outcome = |value: &dyn Fn(usize) -> Value| {
        let outcomes = EventOutcome::ALL.into_iter().enumerate();
        let values = outcomes.map(|(place, outcome)| (outcome.as_str().to_owned(), value(place)));
        Value::Object(values.collect())
    };
    let last = |place: usize| one.last[place].iter().map(|one| last_result(one)).collect();
    let mut value = json!({
        "name": &*one.name,
        "in_flight": one.in_flight,
        "outcomes": by_outcome(&|place| one.outcomes[place].into()),
        "lost": one.lost,
        "error_rate": one.error_rate.as_ref().map(error_rate),
    });
    if let Value::Object(object) = &mut value {
        object.extend(percentiles("duration", &one.durations));
        object.insert("last".into(), by_outcome(&last));
    }
    value
}

fn last_result(one: &WorkResult) -> Value {
    json!({
        "id": one.id,
        "ended": timestamp(time_of(one.ended)),
        "duration_ms": one.duration.map_or(Value::Null, milliseconds),
        "error": error(one),
    })
}

fn error_rate(rate: &ErrorRate) -> Value {
    json!({ "rate": number(rate.rate), "count": rate.count, "above": rate.above })
}

/// `NAME_count`, and `NAME_p50_ms` and so on, which are null when there are none.
fn percentiles(name: &str, of: &Percentiles) -> Map<String, Value> {
    let known = |duration| match of.count {
        0 => Value::Null,
        _ => milliseconds(duration),
    };
    [
        ("count", of.count.into()),
        ("p50_ms", known(of.p50)),
        ("p95_ms", known(of.p95)),
        ("p99_ms", known(of.p99)),
    ]
    .into_iter()
    .map(|(rest, value)| (format!("{name}_{rest}"), value))
    .collect()
}

fn queue(one: &QueueFacts) -> Value {
    let mut value = json!({ "name": &*one.name, "depth": one.depth, "taken_total": one.taken });
    if let Value::Object(object) = &mut value {
        object.extend(percentiles("wait", &one.waits));
    }
    value
}

fn workers(facts: &WorkerFacts) -> Value {
    let pool = |one: &PoolWorkers| {
        json!({
            "pool": &*one.pool,
            "total": one.total,
            "busy": one.busy,
            "crashes_total": one.crashes,
            "utilization": one.utilization.map(number),
        })
    };
    let worker = |one: &WorkerState| {
        json!({
            "id": &*one.id,
            "pool": &*one.pool,
            "slots": one.slots,
            "active": one.active,
            "utilization": number(one.utilization),
            "since_start_ms": milliseconds(one.age),
        })
    };
    json!({
        "total": facts.total,
        "busy": facts.busy,
        "crashes_total": facts.crashes,
        "pools": facts.pools.iter().map(pool).collect::<Value>(),
        "workers": facts.workers.iter().map(worker).collect::<Value>(),
    })
}

fn pool(one: &PoolFacts) -> Value {
    json!({
        "name": &*one.name,
        "size": one.size,
        "in_use": one.in_use,
        "waiting": one.waiting,
        "saturations_total": one.saturations,
    })
}

fn sessions(facts: &SessionFacts) -> Value {
    let mut value = json!({
        "open": facts.open,
        "created_total": facts.created,
        "cleaned_up_total": facts.cleaned_up,
        "lost_total": facts.lost,
    });
    if let Value::Object(object) = &mut value {
        object.extend(percentiles("lifetime", &facts.lifetimes));
        object.extend(percentiles("cleanup", &facts.cleanups));
    }
    value
}
