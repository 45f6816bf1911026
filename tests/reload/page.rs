//! The status page of a running program: what is dropped into the folder shows, and its forms act.

use probity::model::ProbeState;

use super::place::state;
use super::wire::{Answer, Client};
use super::{Running, running_with_one};

const HTML: &str = "Accept: text/html\r\n";

async fn send(running: &Running, head: &str, headers: &str) -> Answer {
    let mut client = Client::connect(running.0.address()).await;
    let text = format!("{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{headers}\r\n");
    client.send(text).await;
    client.answer().await
}

/// Sends a form as a browser does, and goes where it is led.
pub async fn submit(running: &Running, path: &str) -> Answer {
    let from = "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let answer = send(running, &format!("POST {path}"), from).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location").unwrap().to_owned();
    send(running, &format!("GET {location}"), HTML).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_acts_and_leads_back_to_what_came_of_it() {
    let (_place, running) = running_with_one().await;
    let page = submit(&running, "/probes/a/pause").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("a, pause: "), "{}", page.text());
    running
        .until("a paused probe", |now| {
            state(now, "a") == Some(ProbeState::Paused)
        })
        .await;
    let page = send(&running, "GET /", HTML).await;
    assert!(
        page.text().contains("action=\"/probes/a/resume\""),
        "{}",
        page.text()
    );
    assert!(!page.text().contains("a, pause: "), "it is shown once");
    let page = submit(&running, "/probes/a/resume?from=probe").await;
    assert!(page.text().contains("a, resume: "), "{}", page.text());
    assert!(
        page.text().contains("id=\"access\""),
        "it is the probe's page"
    );
    let page = submit(&running, "/probes/a/release").await;
    assert!(page.text().contains("not done"), "{}", page.text());
    let now = running
        .until("all recorded", |now| now.operations.len() >= 3)
        .await;
    let kinds: Vec<&str> = now.operations.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["probe.release", "probe.resume", "probe.pause"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h17_h18_other_sites_forms_are_refused() {
    let (_place, running) = running_with_one().await;
    for (path, headers, status) in [
        ("/probes/a/pause", "Origin: http://evil.example\r\n", 403),
        ("/probes/a/pause", "Origin: null\r\n", 403),
        ("/probes/a/pause", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("/probes/a/explode", "", 404),
        ("/probes/a/pause?from=elsewhere", "", 400),
        ("/probes/a/pause?next=//evil.example", "", 400),
        ("/probes/nobody/pause", "", 303),
    ] {
        let answer = send(&running, &format!("POST {path}"), headers).await;
        assert_eq!(answer.status, status, "{path} {headers}");
    }
    assert_eq!(send(&running, "GET /?outcome=x", HTML).await.status, 400);
    let now = running.0.snapshots().load().unwrap();
    assert_eq!(state(&now, "a"), Some(ProbeState::Active));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_dropped_in_shows_on_the_page() {
    let (place, running) = running_with_one().await;
    let shape = |answer: &Answer| answer.json()["shape"].clone();
    let before = shape(&running.get("/page/live").await);
    place.put("broken", b"not a component");
    running
        .until("it is looked at", |now| {
            state(now, "broken") == Some(ProbeState::Rejected)
        })
        .await;
    assert_ne!(shape(&running.get("/page/live").await), before);
    let page = send(&running, "GET /", HTML).await;
    assert!(page.text().contains("file.text"), "{}", page.text());
    assert!(page.text().contains("probity inspect "), "{}", page.text());
    assert_eq!(send(&running, "GET /probes/broken", HTML).await.status, 200);
    running.stop().await;
}
