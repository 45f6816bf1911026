//! Recorders: what they say of themselves, and what they are held to.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use serde_json::json;

use super::*;
use crate::event::Config;
use crate::event::derived::Derived;
use crate::event::events::tests::{Bench, event};
use crate::event::kinds::{Data, OperationCompleted, OperationStarted, StepThought};
use crate::model::EventOutcome;

fn context() -> Context<'static> {
    Context {
        run: Some("r"),
        correlation: Some("c"),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ..Context::default()
    }
}

fn thought(text: &str) -> StepThought {
    StepThought {
        step: "1".into(),
        parent: None,
        text: text.into(),
        duration_ms: None,
    }
}

#[tokio::test]
async fn a_recorder_tells_what_it_is_and_is_held_to_the_same_rules() {
    let mut bench = Bench::open(&Config::default());
    let recorder = bench.events.recorder("worker");
    let context = context();
    let receipt = recorder
        .commit(&context, || thought("password=hunter2"))
        .await
        .unwrap();
    assert_eq!((receipt.accepted, receipt.last), (1, Some(1)));
    let arrived = bench.committed.next().await.unwrap();
    let new = arrived.new_ones().next().unwrap();
    assert_eq!(
        new.event.data,
        r#"{"step":"1","text":"password=[redacted]"}"#.into()
    );
    assert_eq!(*new.data, Data::StepThought(thought("password=[redacted]")));
    assert_eq!(new.event.source.as_deref(), Some("worker"));
    assert_eq!(
        (new.event.trace.as_deref(), new.event.correlation.as_deref()),
        (context.trace, context.correlation)
    );
    assert_eq!(bench.count("probity_events_redactions_total", ""), 1);
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_told_at_once() {
    let bench = Bench::open(&Config::default());
    let recorder = bench.events.recorder("worker");
    let context = context();
    let told = |context: Context<'_>, text: &str| {
        recorder
            .record(&context, || thought(text))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told(
            Context {
                run: None,
                ..context
            },
            "x"
        ),
        "/run: step.thought is part of a run: it needs one"
    );
    assert_eq!(
        told(
            Context {
                id: Some(""),
                ..context
            },
            "x"
        ),
        "/id: has 0 bytes: it must have 1 to 128"
    );
    assert!(
        told(
            Context {
                trace: Some("x"),
                ..context
            },
            "x"
        )
        .starts_with("/traceparent: must be a W3C")
    );
    assert!(
        told(context, &"x".repeat(70_000)).starts_with("/data: has 70022 bytes: at most 64KiB")
    );
}

#[tokio::test]
async fn what_is_sampled_out_is_counted_by_kind_and_never_made() {
    let mut config = Config::default();
    config.sampling.kinds.insert("step.thought".into(), 0.0);
    let bench = Bench::open(&config);
    let thought = json!({"kind": "step.thought", "run": "r", "data": {"step": "1", "text": "x"}});
    let receipt = bench.commit(json!([thought, event("a")])).await.unwrap();
    assert_eq!(
        (receipt.accepted, receipt.sampled_out, receipt.given.len()),
        (1, 1, 0)
    );
    let recorder = bench.events.recorder("test");
    let context = Context {
        run: Some("r"),
        ..Context::default()
    };
    let never = || -> StepThought { panic!("it is sampled out") };
    recorder.record(&context, never).unwrap();
    assert_eq!(
        recorder.commit(&context, never).await.unwrap().sampled_out,
        1
    );
    assert_eq!(
        bench.count("probity_events_sampled_out_total", "step.thought"),
        3
    );
    assert_eq!(
        bench.count("probity_events_sampled_out_total", "run.started"),
        0
    );
}

/// Events are kept at a share of a half.
fn half() -> Config {
    let mut config = Config::default();
    config.sampling.default = 0.5;
    config
}

fn started(operation: &str) -> OperationStarted {
    OperationStarted {
        operation: operation.into(),
        name: "mail".into(),
        worker: None,
        queue: None,
        expected_ms: None,
    }
}

fn completed(operation: &str) -> OperationCompleted {
    OperationCompleted {
        operation: Some(operation.into()),
        name: "mail".into(),
        worker: None,
        queue: None,
        outcome: EventOutcome::Success,
        duration_ms: Default::default(),
        error: None,
    }
}

#[tokio::test]
async fn a_start_and_its_end_are_kept_together_or_not_at_all_whoever_tells_them() {
    let mut bench = Bench::open(&half());
    let recorder = bench.events.recorder("shop");
    let context = Context::default();
    for number in 0..100 {
        let id = number.to_string();
        let receipt = recorder.commit(&context, || started(&id)).await.unwrap();
        let end = serde_json::to_value(completed(&id)).unwrap();
        let end = json!({"source": "shop", "kind": "operation.completed", "data": end});
        let ended = bench.commit(json!([end])).await.unwrap();
        assert_eq!(receipt.accepted, ended.accepted, "{id}");
    }
    let now = std::time::Instant::now();
    let config = crate::event::derived::Config::default();
    let mut derived = Derived::new(&config, now, std::time::SystemTime::now());
    let left = 200 - bench.count("probity_events_sampled_out_total", "operation.started") * 2;
    for _ in 0..left {
        let arrived = bench.committed.next().await.unwrap();
        for new in arrived.new_ones() {
            derived.apply(new.event, new.data, now);
        }
    }
    let facts = derived.facts(now).operations;
    assert_eq!(facts.in_flight, 0);
    let ended = facts.names[0].outcomes[0];
    assert!((30..70).contains(&ended) && ended * 2 == left, "{ended}");
}

#[tokio::test]
async fn each_declared_kind_is_counted_by_its_own_name() {
    let kind = |name: &str, version| {
        format!("[[kind]]\nname = \"{name}\"\nversion = {version}\nschema = {{}}\n")
    };
    let kinds = kind("order.placed", 1) + &kind("order.placed", 2) + &kind("order.paid", 1);
    let config = format!("sampling.default = 0.0\n{kinds}");
    let bench = Bench::open(&toml::from_str(&config).unwrap());
    for name in ["order.placed", "order.placed", "order.paid"] {
        let told = json!([{ "kind": name, "data": {} }]);
        assert_eq!(bench.commit(told).await.unwrap().sampled_out, 1);
    }
    let count = |kind| bench.count("probity_events_sampled_out_total", kind);
    assert_eq!((count("order.placed"), count("order.paid")), (2, 1));
}

#[tokio::test]
async fn what_a_trace_or_a_run_decides_is_never_made() {
    let bench = Bench::open(&half());
    let recorder = bench.events.recorder("shop");
    let never = || -> OperationStarted { panic!("its run is left out") };
    let context = Context {
        run: Some("run-1"),
        ..Context::default()
    };
    recorder.record(&context, never).unwrap();
    assert_eq!(
        bench.count("probity_events_sampled_out_total", "operation.started"),
        1
    );
}

#[tokio::test]
async fn what_the_program_tells_itself_is_never_sampled() {
    let mut config = Config::default();
    config.sampling.default = 0.0;
    let bench = Bench::open(&config);
    let context = Context::default();
    let own = bench.events.own_recorder();
    let receipt = own.commit(&context, || completed("a")).await.unwrap();
    assert_eq!((receipt.accepted, receipt.sampled_out), (1, 0));
    let other = bench.events.recorder("shop");
    let receipt = other.commit(&context, || completed("a")).await.unwrap();
    assert_eq!((receipt.accepted, receipt.sampled_out), (0, 1));
}

#[tokio::test]
async fn what_is_checked_at_one_time_is_handed_over_at_another() {
    let mut bench = Bench::open(&Config::default());
    let events = bench.events.clone();
    let check = |kind: &str, body: &str| events.check("probe/x", kind, body);
    let told = |kind: &str, body: &str| check(kind, body).unwrap_err().to_string();
    assert_eq!(
        told("run.started", r#"{"name":"n"}"#),
        "/kind: run.started is part of a run, and there is none here"
    );
    assert_eq!(
        told("what.ever", "{}"),
        "/kind: what.ever is no kind of event that is known here"
    );
    assert_eq!(
        told("pool.started", r#"{"pool":1}"#),
        "/data: lacks size; /data/pool: it is not of type \"string\""
    );
    assert!(told("pool.started", "{").starts_with("/data: is not JSON: EOF"));
    assert_eq!(told("pool.started", "[]"), "/data: is no object");
    assert_eq!(bench.count("probity_events_refused_total", "kind"), 2);
    let event = check("pool.started", r#"{"pool":"token=abc","size":1}"#)
        .unwrap()
        .unwrap();
    assert_eq!(&*event.data, r#"{"pool":"token=[redacted]","size":1}"#);
    let receipt = events.hand_over(vec![event]).unwrap();
    assert_eq!(receipt.accepted, 1);
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    events.clone().run(stop).await;
    let arrived = bench.committed.next().await.unwrap();
    let new = arrived.new_ones().next().unwrap();
    assert_eq!(new.event.source.as_deref(), Some("probe/x"));
    assert!(matches!(new.data, Data::PoolStarted(pool) if &*pool.pool == "token=[redacted]"));
}

#[tokio::test]
async fn nobody_records_as_probity() {
    let bench = Bench::open(&Config::default());
    let context = context();
    for source in ["probity", "probe/x"] {
        let recorder = bench.events.recorder(source);
        let told = recorder.record(&context, || thought("x")).unwrap_err();
        assert!(
            told.to_string().starts_with("/source: must not be"),
            "{told}"
        );
    }
    let own = bench.events.own_recorder();
    assert_eq!(own.record(&context, || thought("x")), Ok(()));
}
