//! `/api/v1/backups` of a running Probity, and what it tells of backups elsewhere.

use std::time::Instant;

use probity::app::App;
use probity::backup::{Config, Maker};
use probity::config::Loaded;
use probity::model::{ByteSize, Cause, Span, Status};
use probity::snapshot::Snapshot;
use probity::store::Store;
use serde_json::Value;

use crate::place::{Place, Running};
use crate::proxy::{Fault, Kind, Proxy};
use crate::storage::{self, SECRET, Storage, credentials};
use crate::wire::{Answer, Client};
use crate::{PATIENCE, Scene, names, take_whole};

/// A place whose database has so many bytes already.
async fn place(bytes: usize, change: impl FnOnce(&mut Config)) -> Place {
    let mut place = Place::new();
    change(&mut place.config.backup);
    let state = place.folder.path().join("state");
    let store = Store::open(&state, &mut probity::model::Tally::default()).unwrap();
    store.close().await;
    let filled = Scene::with(bytes).await;
    std::fs::copy(filled.database(), state.join("probity.db")).unwrap();
    place
}

async fn post(running: &Running, path: &str) -> Answer {
    let mut client = Client::connect(running.0.address()).await;
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    client.send(head).await;
    client.answer().await
}

fn check(snapshot: &Snapshot) -> Option<(Status, String)> {
    let mut checks = snapshot.health.checks.iter();
    let check = checks.find(|check| &*check.name == "backup")?;
    Some((check.status, check.message.clone()))
}

fn metric(snapshot: &Snapshot, name: &str) -> f64 {
    let metrics = probity::snapshot::part(snapshot, "metrics", std::time::Instant::now()).unwrap();
    let all = metrics.as_array().unwrap().iter();
    let values = all.filter(|one| one["name"] == name);
    values.map(|one| one["value"].as_f64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_asked_for_followed_and_read() {
    let scene = Scene::with(0).await;
    let storage = Storage::start(&scene).await;
    let proxy = Proxy::start(storage.address).await;
    let config = storage::config(proxy.address);
    let place = place(6_000_000, |own| *own = config).await;
    let loaded = Loaded {
        backup_credentials: Some(credentials(SECRET)),
        ..place.loaded()
    };
    let running = Running(App::start(&loaded).await.unwrap());
    // So that it is under way for as long as it is looked at.
    proxy.plan(|seen, _| match seen {
        Kind::BeginUpload => Fault::Held,
        _ => Fault::Pass,
    });
    let begun = post(&running, "/api/v1/backups").await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let at = begun.header("location").unwrap().to_owned();
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(at, format!("/api/v1/backups/{id}"));
    assert_eq!(begun.json()["state"], "running");
    let second = post(&running, "/api/v1/backups").await;
    assert_eq!(second.status, 409);
    assert!(second.text().contains(&id), "{}", second.text());
    assert_eq!(second.json()["code"], "backup.busy");
    let list = running.get("/api/v1/backups").await.json();
    assert_eq!(
        (&list["running"]["id"], &list["backups"]),
        (&Value::from(&*id), &Value::Array(vec![]))
    );
    assert!(list["running"]["progress"]["phase"].is_string());
    assert_eq!(running.get(&at).await.json()["state"], "running");

    proxy.plan(|_, _| Fault::Pass);
    let now = running
        .until("the operation", |now| !now.operations.is_empty())
        .await;
    let operation = &now.operations[0];
    assert_eq!((operation.kind, &*operation.target), ("backup", &*id));
    assert_eq!(operation.cause, Cause::Operator);
    assert!(operation.outcome.as_ref().unwrap().contains("is stored"));
    let stored = running.get(&at).await.json();
    assert_eq!(
        (&stored["state"], &stored["schema"]),
        (&"good".into(), &Value::from(3))
    );
    assert!(stored["tables"]["probe_state"].as_u64().unwrap() > 100);
    running
        .until("the numbers", |now| {
            metric(now, "probity_backups_total") == 1.0
                && metric(now, "probity_backup_last_success_timestamp_seconds") > 1e9
                && metric(now, "probity_backup_last_size_bytes") > 1e6
                && metric(now, "probity_backups_stored") == 1.0
        })
        .await;
    let text = running.get("/").await;
    assert!(text.text().contains("/api/v1/backups"), "{}", text.text());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_waited_for_is_answered_when_it_is_stored() {
    let place = place(100_000, |config| config.keep = 1).await;
    let running = place.start().await;
    for _ in 0..2 {
        let made = post(&running, "/api/v1/backups?wait=true").await;
        assert_eq!((made.status, &made.json()["state"]), (201, &"good".into()));
        let list = running.get("/api/v1/backups").await.json();
        assert_eq!(list["backups"].as_array().unwrap().len(), 1);
        assert_eq!(list["backups"][0]["id"], made.json()["id"]);
        let got = running.get(made.header("location").unwrap()).await;
        assert_eq!(got.json()["archive"], made.json()["archive"]);
    }
    for (path, status) in [
        ("/api/v1/backups?wait=maybe", 400),
        ("/api/v1/backups?wait=true&wait=true", 400),
        ("/api/v1/backups?when=now", 400),
        ("/api/v1/backups/x", 405),
    ] {
        assert_eq!(post(&running, path).await.status, status, "{path}");
    }
    for path in [
        "/api/v1/backups/x",
        "/api/v1/backups/probity-20260131T140500Z-0f1e2d3c",
    ] {
        assert_eq!(running.get(path).await.status, 404, "{path}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_told_everywhere() {
    let place = place(10_000, |_| ()).await;
    // Nothing can be put into a file.
    std::fs::write(place.folder.path().join("state/backups"), "").unwrap();
    let running = place.start().await;
    let failed = post(&running, "/api/v1/backups?wait=true").await;
    assert_eq!(failed.status, 502, "{}", failed.text());
    assert_eq!(failed.json()["code"], "backup.refused");
    assert!(failed.text().contains("next: "), "{}", failed.text());
    let now = running
        .until("the operation", |now| !now.operations.is_empty())
        .await;
    let failure = now.operations[0].outcome.as_ref().unwrap_err();
    assert_eq!(failure.code, "backup.refused");
    // What lies there cannot be told then, and all else can.
    let list = running.get("/api/v1/backups").await;
    assert_eq!((list.status, &list.json()["backups"]), (200, &Value::Null));
    let reason = list.json()["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.contains("state/backups: ") && reason.contains("next: "),
        "{reason}"
    );
    assert_eq!(list.json()["failed"][0]["id"], failed.json()["id"]);
    std::fs::remove_file(place.folder.path().join("state/backups")).unwrap();
    let id = failed.json()["id"].as_str().unwrap().to_owned();
    let shown = running.get(&format!("/api/v1/backups/{id}")).await.json();
    assert_eq!(shown["state"], "failed");
    assert_eq!(shown["error"]["code"], "backup.refused");
    let list = running.get("/api/v1/backups").await.json();
    assert_eq!(list["failed"][0]["id"], *id);
    // An operator's own failure is theirs to see; the schedule has none.
    let (status, message) = check(&now).unwrap();
    assert_eq!(status, Status::Pass, "{message}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_they_are_switched_off_there_is_nothing() {
    let place = place(10_000, |config| config.enabled = false).await;
    let running = place.start().await;
    assert_eq!(post(&running, "/api/v1/backups").await.status, 404);
    let list = running.get("/api/v1/backups").await;
    assert_eq!(list.status, 404);
    assert!(list.text().contains("backup.enabled"), "{}", list.text());
    let one = running
        .get("/api/v1/backups/probity-20260131T140500Z-0f1e2d3c")
        .await;
    assert_eq!(one.status, 404);
    assert!(!running.get("/").await.text().contains("/api/v1/backups"));
    let now = running.until("the check", |now| check(now).is_some()).await;
    assert!(check(&now).unwrap().1.contains("switched off"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_begins_when_the_program_does_and_goes_on_after_a_restart() {
    let place = place(50_000, |config| config.every = Some(Span::seconds(3_600))).await;
    let folder = place.folder.path().join("state/backups");
    for _ in 0..2 {
        let running = place.start().await;
        let now = running
            .until("it is judged", |now| {
                check(now).is_some_and(|(_, message)| message.contains("the last good one is of"))
            })
            .await;
        let (status, message) = check(&now).unwrap();
        assert_eq!(status, Status::Pass, "{message}");
        assert!(message.contains("one is made every 1h"), "{message}");
        running.stop().await;
        assert_eq!(names(&folder).len(), 2, "only the first start made one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_one_up_and_leaves_nothing() {
    let place = place(20_000_000, |_| ()).await;
    let state = place.folder.path().join("state");
    let folder = state.join("backups");
    let backup = &place.config.backup;
    let maker = Maker::open(backup, &state, ByteSize::mib(8), None).unwrap();
    let began = Instant::now();
    loop {
        let running = place.start().await;
        assert_eq!(post(&running, "/api/v1/backups").await.status, 202);
        running.stop().await;
        assert_eq!(names(&state.join("backing-up")), ["lock"]);
        // One that was whole before the stop says nothing.
        if !take_whole(&maker, &folder).await {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "none is given up");
    }
    assert_eq!(names(&folder), [""; 0]);
}
