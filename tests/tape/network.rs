//! Servers that answer on recording and are gone on replay.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::scene::{REACH, SECRET, reach_again, reach_otherwise, record, replay, section};
use crate::wire::nobody;

/// The standard probe that tells how long connecting takes, by the clock that is on the tape.
const TCP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/probes/tcp.wasm");

/// A server that answers each request like that and closes, until it is taken away; it counts its connections.
async fn answering(answer: String) -> (String, Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let echo = head.lines().find(|line| line.starts_with("authorization"));
            let answer = answer.replace("ECHO", echo.unwrap_or_default());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, count, server)
}

#[tokio::test]
async fn an_http_answer_is_had_again_when_the_server_is_gone() {
    let answer = "HTTP/1.1 301 Moved\r\nlocation: /there\r\ncontent-length: 5\r\n\r\nhello";
    let (address, count, server) = answering(answer.into()).await;
    let (granted, to) = (
        format!("http = [\"http://{address}\"]"),
        format!("http://{address}/a?b"),
    );
    let settings = [("do", "http"), ("to", to.as_str())];
    let (said, text) = reach_again(&granted, &settings, || server.abort()).await;
    assert_eq!(said, "ok: 301 /therehello");
    assert_eq!(
        count.load(Ordering::SeqCst),
        1,
        "replaying connects to nobody"
    );
    for part in [
        "\"method\": \"GET\"",
        &format!("\"url\": \"{to}\""),
        "\"body\": \"hello\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }

    let other = format!("http://{address}/other");
    let runs = reach_otherwise(&text, &[("to", &other)]).await;
    assert_eq!(runs.codes(), ["tape.missing"]);
    assert_eq!(runs.said(), [format!("not on the tape: GET {other}")]);
    assert!(
        runs.differences[0].contains(&format!("- asked for GET {to}")),
        "{:?}",
        runs.differences
    );
    // What is not granted is refused as ever.
    let runs = reach_otherwise(&text, &[("to", "http://api.example/")]).await;
    assert_eq!(runs.said(), ["error: HttpRequestDenied"]);
}

#[tokio::test]
async fn a_server_that_refuses_or_breaks_off_does_so_again() {
    let (_taken, gone) = nobody();
    let granted = format!("http = [\"http://{gone}\"]\ntcp = [\"{gone}\"]");
    let to = format!("http://{gone}/");
    let (said, _) = reach_again(&granted, &[("do", "http"), ("to", &to)], || {}).await;
    assert_eq!(said, "error: ConnectionRefused");
    let to = gone.to_string();
    let (said, _) = reach_again(&granted, &[("do", "tcp"), ("to", &to)], || {}).await;
    assert_eq!(said, "error: connection-refused");

    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    let (address, _, server) = answering(broken.into()).await;
    let (granted, to) = (
        format!("http = [\"http://{address}\"]"),
        format!("http://{address}/"),
    );
    let settings = [("do", "http"), ("to", to.as_str())];
    let (said, _) = reach_again(&granted, &settings, || server.abort()).await;
    assert!(said.starts_with("error: "), "{said}");
}

#[tokio::test]
async fn answers_that_are_kept_are_bounded_on_replay_as_on_recording() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            kept.push(stream);
        }
    });
    let (granted, to) = (
        format!("http = [\"http://{address}\"]"),
        format!("http://{address}/"),
    );
    let (said, text) = reach_again(&granted, &[("do", "abandon"), ("to", &to)], || {}).await;
    assert_eq!(said, "ok: 16 and then ConnectionLimitReached");
    assert_eq!(text.matches("\"ends\": \"unread\"").count(), 16, "{text}");
}

#[tokio::test]
async fn a_secret_is_sent_and_is_not_on_the_tape_even_when_the_server_echoes_it() {
    let echo = "HTTP/1.1 200 OK\r\nx-echo: ECHO\r\ncontent-length: 37\r\n\r\nECHO";
    let (address, _, server) = answering(echo.into()).await;
    let granted = format!("http = [\"http://{address}\"]\nsecrets = [\"token\"]");
    let to = format!("http://{address}/");
    let settings = [("do", "http"), ("to", to.as_str()), ("secret", "token")];
    let (recorded, text) = record(REACH, &section("reach", &granted, &settings), 1).await;
    server.abort();
    let echoed = format!("ok: 200 authorization: Bearer {SECRET}");
    assert!(echoed.starts_with(&recorded.said()[0]) && recorded.said()[0].contains("hunter2"));
    assert!(!text.contains("hunter2"), "{text}");
    let replayed = replay(REACH, &text).await;
    assert!(
        replayed.said()[0].contains("Bearer xxxxxxx"),
        "{:?}",
        replayed.said()
    );
    replayed.assert_same();
}

#[tokio::test]
async fn a_revealed_secret_is_replayed_as_so_many_other_bytes() {
    let settings = [("do", "reveal"), ("to", "token")];
    let section = section("reach", "reveal = [\"token\"]", &settings);
    let (recorded, text) = record(REACH, &section, 1).await;
    assert_eq!(recorded.said(), [format!("ok: {SECRET}")]);
    let replayed = replay(REACH, &text).await;
    assert_eq!(
        replayed.said(),
        [format!("ok: {}", "x".repeat(SECRET.len()))]
    );
    replayed.assert_same();

    let (said, _) = reach_again(
        "secrets = [\"token\"]",
        &[("do", "placeholder"), ("to", "token")],
        || {},
    )
    .await;
    assert!(said.starts_with("ok: probity-secret-"), "{said}");
}

#[tokio::test]
async fn a_tcp_conversation_is_had_again_when_the_server_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut ping = [0; 4];
            stream.read_exact(&mut ping).await.unwrap();
            stream.write_all(b"pong").await.unwrap();
        }
    });
    let granted = format!("tcp = [\"{to}\"]");
    let settings = [("do", "tcp"), ("to", to.as_str())];
    let (said, text) = reach_again(&granted, &settings, || server.abort()).await;
    assert_eq!(said, "ok: pong");
    assert!(
        text.contains("{ \"after\": 4, \"data\": \"pong\" }"),
        "{text}"
    );

    let nowhere = "127.0.0.1:1";
    let elsewhere = text.replace(&to, nowhere);
    let runs = reach_otherwise(&elsewhere, &[("to", nowhere)]).await;
    assert_eq!(runs.said(), ["ok: pong"], "a tape may be edited");
    let more = text.replace("\"after\": 4", "\"after\": 5");
    let more = more.replace("\"deadline\": \"10s\"", "\"deadline\": \"5s\"");
    let runs = replay(REACH, &more).await;
    assert_eq!(runs.codes(), ["limits.deadline"]);
    let odd = format!("! TCP to {to}: 4 bytes were sent, and the recorded answer came after 5");
    assert!(runs.differences[0].contains(&odd), "{:?}", runs.differences);
}

#[tokio::test]
async fn a_connection_takes_as_many_looks_at_the_clock_as_it_took() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let mut section = section("tcp", &format!("tcp = [\"{to}\"]"), &[]);
    let targets = format!("targets = [{{ name = \"here\", address = \"{to}\" }}]");
    section.config = toml::from_str(&targets).unwrap();
    let (recorded, text) = record(TCP, &section, 3).await;
    server.abort();
    assert_eq!(recorded.codes(), ["ok"; 3]);
    let replayed = replay(TCP, &text).await;
    replayed.assert_same();
    assert_eq!(recorded.written(), replayed.written());
}

#[tokio::test]
async fn a_server_that_says_nothing_says_nothing_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let closing = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let granted = format!("tcp = [\"{to}\"]");
    let settings = [("do", "tcp"), ("to", to.as_str())];
    let (said, _) = reach_again(&granted, &settings, || closing.abort()).await;
    assert!(said.starts_with("error: "), "{said}");
    // Nobody answers there, and the call ends.
    let mut section = section(
        "reach",
        "tcp = [\"192.0.2.1:9\"]",
        &[("do", "tcp"), ("to", "192.0.2.1:9")],
    );
    section.limits.deadline = Some(probity::model::Span::millis(300));
    let (recorded, text) = record(REACH, &section, 1).await;
    let replayed = replay(REACH, &text).await;
    assert_eq!(recorded.codes(), replayed.codes());
    replayed.assert_same();
}

#[tokio::test]
async fn a_datagram_comes_again_when_the_server_is_gone() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        let mut ping = [0; 4];
        while let Ok((_, from)) = socket.recv_from(&mut ping).await {
            socket.send_to(b"pong", from).await.unwrap();
        }
    });
    let granted = format!("udp = [\"{to}\"]");
    let settings = [("do", "udp"), ("to", to.as_str())];
    let (said, text) = reach_again(&granted, &settings, || server.abort()).await;
    assert_eq!(said, "ok: pong");
    let (said, _) = reach_again("", &settings, || {}).await;
    assert_eq!(said, "error: access-denied");
    let run = text.find("\"ordinal\"").unwrap();
    let empty = text[run..].replacen(&format!("\"to\": \"{to}\""), "\"to\": \"127.0.0.1:1\"", 1);
    let empty = text[..run].to_owned() + &empty;
    assert_ne!(empty, text);
    let runs = replay(
        REACH,
        &empty.replace("\"deadline\": \"10s\"", "\"deadline\": \"5s\""),
    )
    .await;
    assert_eq!(runs.codes(), ["tape.missing"]);
}

#[tokio::test]
async fn names_have_the_addresses_again_that_they_had() {
    let granted = "tcp = [\"localhost:1\", \"nowhere.invalid:1\"]";
    for (name, wanted) in [
        ("localhost", "ok: 127.0.0.1 (0, 0, 0, 0, 0, 0, 0, 1)"),
        ("nowhere.invalid", "error: name-unresolvable"),
        ("db.internal", "error: access-denied"),
    ] {
        let (said, text) = reach_again(granted, &[("do", "resolve"), ("to", name)], || {}).await;
        assert_eq!(said, wanted);
        if name == "nowhere.invalid" {
            let with = text.replace("\"error\"", "\"addresses\": [\"10.1.1.1\"], \"error\"");
            let begin = with.find(", \"error\": \"").unwrap();
            let end = begin + with[begin..].find(" }").unwrap();
            let answered = format!("{}{}", &with[..begin], &with[end..]);
            let runs = replay(REACH, &answered).await;
            assert_eq!(runs.said(), ["ok: 10.1.1.1"], "{answered}");
        }
    }
}

#[tokio::test]
async fn variables_are_those_of_the_recording() {
    let (said, text) = reach_again(
        "env = [\"HOME\", \"UNSET\"]",
        &[("do", "environment")],
        || {},
    )
    .await;
    assert_eq!(said, "ok: HOME=/home/me");
    let other = text.replace("/home/me", "/home/you");
    let runs = replay(REACH, &other).await;
    assert_eq!(
        runs.said(),
        ["ok: HOME=/home/you"],
        "nothing is read of the machine"
    );
}

#[tokio::test]
async fn nothing_listens_and_sockets_are_few_with_a_tape_too() {
    let (said, _) = reach_again("", &[("do", "listen")], || {}).await;
    assert_eq!(said, "error: access-denied");
    let (said, _) = reach_again("", &[("do", "hoard")], || {}).await;
    assert_eq!(said, "ok: 32 and then new-socket-limit");
}
