//! What the program's own verbs ask another instance: answers, refusals, silence.

use std::io::ErrorKind;
use std::time::Duration;

use probity::client::Instance;
use probity::http::Config;

use super::shown;
use super::wire::{PATIENCE, TestServer, config, nobody};

#[tokio::test]
async fn answers_and_refusals_are_read_with_their_reason() {
    let server = TestServer::start(&config(), Some(shown(7)));
    let instance = Instance::at(&format!("http://{}/", server.address), None).unwrap();
    let answer = instance
        .get("/snapshot?fields=sequence", PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.json().unwrap()["sequence"].as_u64()),
        (200, Some(7))
    );
    let refused = instance
        .post("/api/v1/probes/files/pause", PATIENCE)
        .await
        .unwrap();
    assert_eq!(refused.status, 404);
    assert_eq!(refused.reason(), "actions are switched off here (404)");
    server.stop().await;
    let (_taken, address) = nobody();
    let instance = Instance::new(address, None);
    let gone = instance.get("/livez", PATIENCE).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_token_is_shown_to_who_wants_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "secret\n").unwrap();
    let guarded = Config {
        token_file: Some(file),
        ..config()
    };
    let server = TestServer::start(&guarded, Some(shown(1)));
    for (token, status) in [(None, 401), (Some("wrong"), 401), (Some("secret"), 200)] {
        let instance = Instance::new(server.address, token.map(str::to_owned));
        let answer = instance.get("/snapshot", PATIENCE).await.unwrap();
        assert_eq!(answer.status, status, "{token:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_is_waited_for_only_so_long() {
    // The kernel takes the connection; nobody else does.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let instance = Instance::new(silent.local_addr().unwrap(), None);
    let error = instance
        .get("/livez", Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// What `probity top` asks for is there, under the names it asks by.
#[tokio::test]
async fn top_is_answered_what_it_asks() {
    let server = TestServer::start(&config(), Some(shown(7)));
    let instance = Instance::new(server.address, None);
    let answer = instance
        .get(probity::top::QUESTION, PATIENCE)
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.reason());
    let document = answer.json().unwrap();
    for pointer in [
        "/age_ms",
        "/process",
        "/resources/cpu",
        "/scheduler/event_loop",
        "/scheduler/late",
        "/probes/0/state",
        "/health/checks/0/message",
        "/operations/in_flight",
        "/operations/overdue",
        "/operations/recent",
    ] {
        assert!(
            document.pointer(pointer).is_some(),
            "{pointer}: {document:#}"
        );
    }
    server.stop().await;
}
