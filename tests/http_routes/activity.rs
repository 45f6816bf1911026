//! What applications do, as the snapshot's parts and as overall values.

use serde_json::Value;

use super::snapshots::ageless;
use super::stage::busy;

#[tokio::test]
async fn each_part_says_what_was_told_and_how_old_that_is() {
    let server = super::server(ageless(busy(1)));
    let get = async |path: &str| server.get(path).await.json();
    let operations = get("/snapshot/operations").await;
    assert_eq!(operations["in_flight"], 1);
    assert_eq!(operations["overdue_total"], 1);
    assert_eq!(operations["overdue"][0]["id"], "mail.send");
    assert_eq!(operations["active"][0]["elapsed_ms"], 42_000.0);
    assert_eq!(operations["stale"], false);
    let recent = operations["recent"].as_array().unwrap();
    let told: Vec<_> = recent
        .iter()
        .map(|one| (&one["name"], &one["outcome"]))
        .collect();
    // The program's own reload ended 40 ms after the application's.
    assert_eq!(
        told[0],
        (&Value::from("probe.reload"), &Value::from("success"))
    );
    assert_eq!(
        told[1],
        (&Value::from("mail.send"), &Value::from("timeout"))
    );
    assert_eq!(recent[0]["message"], "generation 2 runs");
    assert_eq!(recent[1]["error"]["code"], "mail.send");
    let name = &operations["names"][0];
    assert_eq!(name["outcomes"]["timeout"], 1);
    assert_eq!(name["last"]["timeout"][0]["duration_ms"], 80.0);
    assert_eq!(name["error_rate"]["rate"], 1.0);
    assert_eq!(operations["queues"][0]["depth"], 4);
    assert_eq!(
        get("/snapshot/requests").await["names"][0]["outcomes"]["success"],
        1
    );
    assert_eq!(get("/snapshot/runs").await, Value::Null, "none was told");
    let workers = get("/snapshot/workers").await;
    assert_eq!(
        (&workers["total"], &workers["busy"]),
        (&2.into(), &1.into())
    );
    assert_eq!(get("/snapshot/pools/pools/0/waiting").await, 2);
    assert_eq!(get("/snapshot/sessions").await["open"], 1);
    assert_eq!(get("/api/v1/overall").await["events_total"], 6);
    server.stop().await;
}

#[tokio::test]
async fn without_events_there_are_the_programs_own_operations_alone() {
    let mut shown = busy(1);
    shown.facts.activity = None;
    let server = super::server(ageless(shown));
    let operations = server.get("/snapshot/operations").await.json();
    assert_eq!(operations["recent"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&operations["in_flight"], &operations["age_ms"]),
        (&0.into(), &Value::Null)
    );
    for part in ["requests", "runs", "workers", "pools", "sessions"] {
        let value = server.get(&format!("/snapshot/{part}")).await.json();
        assert_eq!(value, Value::Null, "{part}");
    }
    server.stop().await;
}
