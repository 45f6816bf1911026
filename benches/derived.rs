//! What it costs to follow events: one event of each sort, a busy mix, and each second's telling of it all.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use probity::event::derived::{Config, Derived, Series};
use probity::event::{Data, Kind};
use probity::model::Event;
use serde_json::{Value, json};

/// Different ids and workers in a mix; each is used again.
const IDS: usize = 5_000;
/// Rounds through a mix.
const ROUNDS: usize = 40;
/// Names of operations and routes.
const NAMES: usize = 50;
/// The wall clock, in microseconds since the Unix epoch.
const WALL: i64 = 1_700_000_000_000_000;

/// Events of one application, ready to be taken.
struct Mix {
    name: &'static str,
    events: Vec<(Event, Data)>,
}

fn event(kind: &str, data: &Value, time: i64) -> (Event, Data) {
    let text = data.to_string();
    let kind = Kind::of(kind).unwrap();
    let (data, outcome) = kind.read(&text).unwrap();
    let event = Event {
        id: "018f4c5e-7d1a-7000-8000-000000000001".into(),
        kind: kind.as_str().into(),
        version: 1,
        time,
        source: Some("shop".into()),
        run: Some("run-1".into()),
        correlation: None,
        trace: None,
        outcome,
        data: text.into(),
    };
    (event, data)
}

fn id(number: usize) -> String {
    format!("018f4c5e-7d1a-7000-8000-{number:012}")
}

fn started(number: usize) -> (Event, Data) {
    let data = json!({ "operation": id(number), "name": format!("operation.{}", number % NAMES),
                       "worker": format!("worker-{}", number % 16), "expected_ms": 500.0 });
    event("operation.started", &data, WALL)
}

fn completed(number: usize) -> (Event, Data) {
    let outcome = if number.is_multiple_of(50) {
        "failure"
    } else {
        "success"
    };
    let data = json!({ "operation": id(number), "name": format!("operation.{}", number % NAMES),
                       "outcome": outcome, "duration_ms": (number % 977) as f64 + 0.5 });
    event("operation.completed", &data, WALL + 1)
}

fn request(number: usize) -> (Event, Data) {
    let data = json!({ "route": format!("/route/{}", number % NAMES), "status": 200, "outcome": "success",
                       "duration_ms": (number % 211) as f64 });
    event("request.completed", &data, WALL)
}

fn step(number: usize) -> (Event, Data) {
    let data = json!({ "step": id(number), "text": "It may be the cache." });
    event("step.thought", &data, WALL)
}

fn mixes() -> Vec<Mix> {
    let all = |of: fn(usize) -> (Event, Data)| (0..IDS).map(of).collect::<Vec<_>>();
    let pairs = (0..IDS).flat_map(|number| [started(number), completed(number)]);
    let mix = (0..IDS).flat_map(|number| {
        [
            started(number),
            request(number),
            step(number),
            completed(number),
        ]
    });
    vec![
        Mix {
            name: "operations, started and completed",
            events: pairs.collect(),
        },
        Mix {
            name: "requests completed",
            events: all(request),
        },
        Mix {
            name: "thoughts",
            events: all(step),
        },
        Mix {
            name: "all of these",
            events: mix.collect(),
        },
    ]
}

fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(WALL.unsigned_abs())
}

/// The mean time of an event in the best of all rounds.
fn apply(mix: &mut Mix) -> (Derived, f64) {
    let begun = Instant::now();
    let mut derived = Derived::new(&Config::default(), begun, wall());
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        // Later, or an id would be one that has ended.
        mix.events.iter_mut().for_each(|(event, _)| event.time += 2);
        let round = Instant::now();
        for (event, data) in &mix.events {
            derived.apply(black_box(event), black_box(data), begun);
        }
        best = best.min(round.elapsed().as_nanos() as f64 / mix.events.len() as f64);
    }
    (derived, best)
}

fn main() {
    let mut busiest = None;
    for mut mix in mixes() {
        let (derived, nanos) = apply(&mut mix);
        let a_second = 1e9 / nanos;
        println!(
            "{:<36} {nanos:7.0} ns an event, {a_second:10.0} events a second",
            mix.name
        );
        busiest = Some(derived);
    }
    let mut derived = busiest.unwrap();
    // As many as may be under way.
    for number in 0..10_000 {
        let (event, data) = started(IDS + number);
        derived.apply(&event, &data, Instant::now());
    }
    let mut series = Series::new(&derived).unwrap();
    let mut took = Duration::MAX;
    for second in 1..=20 {
        let begun = Instant::now();
        let now = begun + Duration::from_secs(second);
        black_box(derived.tick(now, wall() + Duration::from_secs(second)));
        let facts = derived.facts(now);
        black_box(series.write(&mut derived, &facts));
        took = took.min(begun.elapsed());
    }
    println!("telling of {NAMES} names of each sort and 10,000 operations under way: {took:.2?}");
}
