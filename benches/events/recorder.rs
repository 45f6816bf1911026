//! What an event costs the program that tells it: switched off, sampled out, recorded without waiting, and committed; and what
//! reading and taking out secrets cost for one that is sent.

use std::hint::black_box;
use std::time::{Duration, Instant};

use probity::event::kinds::{RequestCompleted, StepThought};
use probity::event::{Committed, Config, Context, Events, Form, Recorder};
use probity::model::{EventOutcome, Tally};
use probity::redact::{self, Redactor};
use probity::store::Store;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Measured at once; the queue has room for all of them.
const EVENTS: usize = 10_000;
const ROUNDS: usize = 15;

/// Prints what one of `EVENTS` took in the quickest round and in the one in the middle.
fn shows(name: &str, mut round: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| round()).collect();
    times.sort();
    let each = |time: Duration| time.as_nanos() as f64 / EVENTS as f64;
    let middle = times[ROUNDS / 2];
    println!(
        "{name:<44} {:>9.1} ns  (middle {:.1} ns)",
        each(times[0]),
        each(middle)
    );
    middle
}

fn timed(mut work: impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..EVENTS {
        work();
    }
    begun.elapsed()
}

fn context(recorder: &Recorder) -> (&Recorder, Context<'static>) {
    let context = Context {
        run: Some("run-2026-01-31-000017"),
        correlation: Some("order-4711"),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ..Context::default()
    };
    (recorder, context)
}

fn request() -> RequestCompleted {
    RequestCompleted {
        request: Some("r-17".into()),
        method: Some("GET".into()),
        route: "/api/orders/{id}".into(),
        status: Some(200),
        outcome: EventOutcome::Success,
        duration_ms: Duration::from_micros(1_234).into(),
        error: None,
        session: None,
    }
}

fn thought() -> StepThought {
    StepThought {
        step: "1".into(),
        parent: None,
        text: "The file has to be read first.".into(),
        duration_ms: None,
    }
}

fn way(config: &Config) -> (Events, Committed) {
    let redaction = redact::Config::default();
    Events::new(config, &redaction, None, &mut Tally::default()).unwrap()
}

fn off_and_sampled_out() {
    let off = Config {
        enabled: false,
        ..Config::default()
    };
    let mut sampled = Config::default();
    sampled.sampling.kinds.insert("step.thought".into(), 1e-9);
    for (name, config) in [("switched off", off), ("sampled out, by trace", sampled)] {
        let (events, _committed) = way(&config);
        let recorder = events.recorder("bench");
        let (recorder, context) = context(&recorder);
        shows(name, || {
            timed(|| recorder.record(black_box(&context), thought).unwrap())
        });
    }
}

fn recorded(runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let (events, mut committed) = way(&Config::default());
    events.open(store.events());
    let stop = CancellationToken::new();
    let task = runtime.spawn(events.clone().run(stop.clone()));
    let recorder = events.recorder("bench");
    let (recorder, context) = context(&recorder);
    let mut durable = Vec::new();
    shows("recorded, not waited for", || {
        let begun = Instant::now();
        let took = timed(|| recorder.record(&context, request).unwrap());
        let mut left = EVENTS;
        while left > 0 {
            let arrived = runtime.block_on(committed.next()).unwrap();
            left -= arrived.new_ones().count();
        }
        durable.push(begun.elapsed());
        // The task gives the room back once it has seen the answer.
        while events.enqueue(batch(&events, EVENTS)).is_err() {
            std::thread::yield_now();
        }
        let mut left = EVENTS;
        while left > 0 {
            left -= runtime
                .block_on(committed.next())
                .unwrap()
                .new_ones()
                .count();
        }
        took
    });
    durable.sort();
    let all = durable[durable.len() / 2].as_secs_f64();
    println!(
        "until all of them were on disk: {:.0} events/s",
        EVENTS as f64 / all
    );
    let begun = Instant::now();
    for _ in 0..100 {
        runtime
            .block_on(recorder.commit(&context, request))
            .unwrap();
        runtime.block_on(committed.next()).unwrap();
    }
    let each = begun.elapsed() / 100;
    println!("committed one by one and waited for: {each:?} each");
    stop.cancel();
    runtime.block_on(task).unwrap();
    runtime.block_on(store.close());
}

fn line() -> String {
    serde_json::json!({
        "kind": "request.completed", "time": "2026-01-31T12:00:00.25Z", "source": "shop", "correlation": "order-4711",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": request(),
    })
    .to_string()
}

fn batch(events: &Events, count: usize) -> probity::event::Batch {
    let lines = format!("{}\n", line()).repeat(count);
    events.read(lines.as_bytes(), Form::Lines, false).unwrap()
}

fn read_and_redacted() {
    let (events, _committed) = way(&Config::default());
    let bytes = line().len();
    let lines = format!("{}\n", line()).repeat(EVENTS);
    shows(&format!("read, of {bytes} bytes"), || {
        let begun = Instant::now();
        black_box(events.read(lines.as_bytes(), Form::Lines, false).unwrap());
        begun.elapsed()
    });
    let redactor = Redactor::default();
    let (clean, secret) = (
        &line()[..250],
        r#"{"step":"1","tool":"http","input":{"headers":{"authorization":"Bearer abcdefgh"},"url":"https://u:p@example.com/"}}"#,
    );
    shows("250 bytes without a secret", || {
        timed(|| drop(black_box(redactor.json(black_box(clean)))))
    });
    shows(&format!("{} bytes with two", secret.len()), || {
        timed(|| drop(black_box(redactor.json(black_box(secret)))))
    });
}

/// All of it.
pub fn run() {
    let runtime = Runtime::new().unwrap();
    off_and_sampled_out();
    recorded(&runtime);
    read_and_redacted();
}
