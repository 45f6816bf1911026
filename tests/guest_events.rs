//! Events that guests tell: checked at the call, kept when the run went well, and not before.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::sync::{Arc, Mutex};

use probity::model::{Event, Failure, Outcome};
use probity::probe::{Config, EventSink, Limits, Surroundings};
use support::bench::{Bench, run};
use support::guest::{EMIT, Guest};

/// Tells an event and passes on what came of it.
const TELL: &str = "(call $emit %kind %body (i32.const 16))";

/// Takes events of the kind `a.b` and writes down what it was handed.
#[derive(Default)]
struct Desk(Mutex<Vec<(String, Vec<String>)>>);

impl EventSink for Desk {
    fn check(&self, probe: &str, kind: &str, body: &str) -> Result<Option<Event>, Failure> {
        match (kind, body) {
            ("a.b", "{}") => Ok(None),
            ("a.b", body) => Ok(Some(Event {
                id: probe.into(),
                kind: kind.into(),
                version: 1,
                time: 0,
                source: None,
                run: None,
                correlation: None,
                trace: None,
                outcome: None,
                data: body.into(),
            })),
            _ => Err(Failure::new("events.kind", "there is no such kind")),
        }
    }

    fn take(&self, probe: &str, events: Vec<Event>) {
        let said = events.into_iter().map(|event| event.data.into()).collect();
        self.0.lock().unwrap().push((probe.to_owned(), said));
    }
}

impl Desk {
    fn bench(self: &Arc<Self>) -> Bench {
        let around = Surroundings {
            events: Some(self.clone()),
            ..Surroundings::default()
        };
        Bench::within(&Config::default(), around)
    }

    fn taken(&self) -> Vec<(String, Vec<String>)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn guest(kind: &str, body: &str) -> Guest {
    Guest::new()
        .imports(EMIT)
        .text("kind", kind)
        .text("body", body)
        .text("why", "it went wrong")
}

#[tokio::test]
async fn what_start_and_collect_tell_is_taken_together_once_the_run_went_well() {
    let desk = Arc::new(Desk::default());
    let bench = desk.bench();
    // The first collect fails: what it told is gone, and what start told waits.
    let collect = format!(
        "{TELL} (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
         (if (result i32) (i32.eq (global.get $runs) (i32.const 1))
           (then (call $fail (call $failure.other %why))) (else (call $pass-on)))"
    );
    let guest = guest("a.b", "{\"n\":1}")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .start(&format!("{TELL} {TELL} (call $pass-on)"))
        .collect(&collect);
    let mut probe = bench.load(&guest, Limits::default());
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Failed(_)));
    assert_eq!(desk.taken(), []);
    let one = "{\"n\":1}".to_owned();
    for told in [3, 1] {
        assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
        assert_eq!(
            desk.taken(),
            [("guest".to_owned(), vec![one.clone(); told])]
        );
    }
}

#[tokio::test]
async fn a_run_that_crashes_or_breaks_a_limit_tells_nothing() {
    let desk = Arc::new(Desk::default());
    let bench = desk.bench();
    let crashes = guest("a.b", "{\"n\":1}").collect(&format!("{TELL} unreachable"));
    let mut probe = bench.load(&crashes, Limits::default());
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Failed(_)));
    let too_many = guest("a.b", "{\"n\":1}").collect(&format!("{TELL} {TELL} (call $ok)"));
    let limits = Limits {
        events: 1,
        ..Limits::default()
    };
    let mut probe = bench.load(&too_many, limits);
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Failed(_)));
    assert_eq!(desk.taken(), []);
}

#[tokio::test]
async fn what_is_refused_is_the_calls_failure_and_what_is_not_kept_is_none() {
    let desk = Arc::new(Desk::default());
    let bench = desk.bench();
    let passes = format!("{TELL} (call $pass-on)");
    let unknown = guest("c.d", "{}").collect(&passes);
    let Outcome::Failed(failure) = run(&mut bench.load(&unknown, Limits::default()))
        .await
        .outcome
    else {
        panic!("it answers with the failure");
    };
    assert_eq!(failure.to_string(), "events.kind: there is no such kind");
    let mut probe = bench.load(&guest("a.b", "{}").collect(&passes), Limits::default());
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
    assert_eq!(desk.taken(), []);
    // Where nobody takes events, the guest is told so.
    let mut probe = Bench::new().load(&guest("a.b", "{}").collect(&passes), Limits::default());
    let Outcome::Failed(failure) = run(&mut probe).await.outcome else {
        panic!("it answers with the failure");
    };
    assert_eq!(failure.to_string(), "unsupported: nobody takes events here");
}
