//! What operators ask for over HTTP.

use probity::model::ProbeState;
use serde_json::Value;

use super::support::bench::named_gauge;
use super::wire::Client;
use super::{Running, generation, running_with_one, value, view};

/// Posts an action; gives the status and the answer's document.
pub async fn post(running: &Running, path: &str, headers: &str) -> (u16, Value) {
    let mut client = Client::connect(running.0.address()).await;
    let head =
        format!("POST /api/v1/probes/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
    client.send(format!("{head}{headers}\r\n")).await;
    let answer = client.answer().await;
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_answers_with_what_came_of_it() {
    let (place, running) = running_with_one().await;
    let (status, answer) = post(&running, "a/reload", "").await;
    assert_eq!(
        (status, answer["outcome"].as_str()),
        (200, Some("generation 2 runs"))
    );
    running
        .until("the same value", |now| {
            generation(now, "a") == Some(2) && value(now, "a") == Some(1.0)
        })
        .await;

    place.put("a", b"no component");
    running
        .until("a refused file", |now| {
            super::is_refused(now, "a", "file.text")
        })
        .await;
    let (status, answer) = post(&running, "a/reload", "").await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (422, Some("file.text")),
        "{answer}"
    );
    let now = running
        .until("both recorded", |now| now.operations.len() >= 3)
        .await;
    assert!(now.operations[0].outcome.is_err());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_without_the_secrets_in_its_reason() {
    let (place, running) = running_with_one().await;
    let leaks = named_gauge("value")
        .text("why", "password=hunter2 was refused")
        .collect("(call $fail (call $failure.other %why))");
    place.put("a", &leaks.build());
    running
        .until("a refused version", |now| {
            super::is_refused(now, "a", "other")
        })
        .await;
    let (status, answer) = post(&running, "a/reload", "").await;
    assert_eq!(status, 422, "{answer}");
    let page = super::page::submit(&running, "/probes/a/reload").await;
    for text in [answer.to_string(), page.text().to_owned()] {
        assert!(text.contains("password=[redacted]"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_paused_and_resumed() {
    let (_place, running) = running_with_one().await;
    assert_eq!(post(&running, "a/pause", "").await.0, 200);
    let now = running
        .until("a paused probe", |now| {
            view(now, "a").unwrap().status.state == ProbeState::Paused
        })
        .await;
    assert_eq!(post(&running, "a/pause", "").await.0, 409, "it is paused");
    let runs = view(&now, "a").unwrap().status.runs;
    let sequence = now.sequence;
    let later = running
        .until("later", |now| now.sequence > sequence + 20)
        .await;
    assert_eq!(view(&later, "a").unwrap().status.runs, runs);
    assert_eq!(post(&running, "a/resume", "").await.0, 200);
    running
        .until("it runs again", |now| {
            view(now, "a").unwrap().status.runs > runs
        })
        .await;
    assert_eq!(
        post(&running, "a/resume", "").await.0,
        409,
        "it is not paused"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_probe_is_released_at_once() {
    let (place, running) = running_with_one().await;
    place.put("b", &named_gauge("x").collect("unreachable").build());
    let crashes =
        |now: &probity::snapshot::Snapshot| view(now, "b").map_or(0, |view| view.status.crashes);
    running.until("a crash", |now| crashes(now) >= 1).await;
    let before = crashes(&running.0.snapshots().load().unwrap());
    assert_eq!(post(&running, "b/release", "").await.0, 200);
    running
        .until("another one", |now| crashes(now) > before)
        .await;
    assert_eq!(
        post(&running, "a/release", "").await.0,
        409,
        "nothing holds it"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said() {
    let (_place, running) = running_with_one().await;
    for (path, headers, wanted) in [
        ("nobody/reload", "", 404),
        ("a/explode", "", 404),
        ("a/reload?x=1", "", 400),
        ("a/reload", "Origin: http://evil.example\r\n", 403),
        ("a/reload", "Origin: null\r\n", 403),
        ("a/reload", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("a/reload", "Origin: http://localhost\r\n", 200),
    ] {
        let (status, answer) = post(&running, path, headers).await;
        assert_eq!(status, wanted, "{path} {headers}: {answer}");
    }
    let mut client = Client::connect(running.0.address()).await;
    assert_eq!(client.get("/api/v1/probes/a/reload").await.status, 405);
    assert_eq!(
        value(&running.0.snapshots().load().unwrap(), "a"),
        Some(1.0)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_and_cannot_be_loaded_is_told_with_its_code() {
    let mut place = super::Place::new().add("cpu", &super::gauge(1.0));
    let section = probity::probe::ProbeConfig::unmentioned("absent");
    place.config.probe.push(section);
    let running = place.start().await;
    let rejected = |now: &probity::snapshot::Snapshot, name| {
        view(now, name).is_some_and(|view| view.status.state == ProbeState::Rejected)
    };
    running
        .until("both shown", |now| {
            rejected(now, "cpu") && rejected(now, "absent")
        })
        .await;
    for (path, code) in [
        ("cpu/reload", "file.name"),
        ("absent/reload", "file.missing"),
        ("absent/pause", "file.missing"),
    ] {
        let (status, answer) = post(&running, path, "").await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (409, Some(code)),
            "{path}"
        );
    }
    // A sampler without such a file is no probe.
    assert_eq!(post(&running, "memory/reload", "").await.0, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_asks_for_a_reload_is_answered() {
    let (_place, running) = running_with_one().await;
    let asked = [0; 4].map(|_| post(&running, "a/reload", ""));
    let answers = futures_of(asked).await;
    for (status, answer) in &answers {
        // Of several at once a later one may take the place of an earlier one, and says so.
        assert!(*status == 200 || answer["code"] == "superseded", "{answer}");
    }
    assert!(answers.iter().any(|(status, _)| *status == 200));
    running.stop().await;
}

/// All of them, at once.
async fn futures_of<F: Future>(futures: [F; 4]) -> [F::Output; 4] {
    let [a, b, c, d] = futures;
    tokio::join!(a, b, c, d).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_while_the_folder_is_away_is_answered_too() {
    let outer = tempfile::tempdir().unwrap();
    let mut place = super::Place::new();
    place.config.probes.folder = outer.path().join("probes");
    place.config.probes.rescan = probity::model::Span::millis(100);
    std::fs::create_dir(outer.path().join("probes")).unwrap();
    std::fs::write(
        outer.path().join("probes/a.wasm"),
        super::gauge(1.0).build(),
    )
    .unwrap();
    let running = place.start().await;
    running
        .until("the first value", |now| value(now, "a") == Some(1.0))
        .await;
    std::fs::rename(outer.path().join("probes"), outer.path().join("away")).unwrap();
    loop {
        let (status, answer) = post(&running, "a/reload", "").await;
        if status == 422 && answer["code"] == "file.missing" {
            break;
        }
        assert!([200, 422].contains(&status), "{answer}");
    }
    running.stop().await;
}
