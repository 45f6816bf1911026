//! Starting where it cannot, and stopping while clients are at work.

use probity::http::{Config, Handles, HttpError, HttpTally, Server};
use probity::model::{Span, Tally};
use rustix::fs::{CWD, FileType, Mode};

use super::wire::{TestServer, config};
use super::{large, small};

fn bind(config: &Config) -> Result<Server, HttpError> {
    let tally = HttpTally::new(&mut Tally::default());
    Server::bind(config, Handles::new(Default::default(), tally.into()))
}

#[test]
fn c05_a_token_file_that_holds_no_token_is_a_clear_error_and_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let [empty, missing, fifo, large] =
        ["empty", "missing", "fifo", "large"].map(|name| folder.path().join(name));
    std::fs::write(&empty, " \nsecond line").unwrap();
    std::fs::write(&large, vec![b'x'; (8 << 10) + 1]).unwrap();
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
    for (file, why) in [
        (empty, "first line is empty"),
        (missing, "No such file"),
        (fifo, "not a regular file"),
        (large, "more than 8 KiB"),
        ("/dev/zero".into(), "not a regular file"),
    ] {
        let with_token = Config {
            token_file: Some(file.clone()),
            ..config()
        };
        let message = bind(&with_token).err().unwrap().to_string();
        assert!(message.contains(file.to_str().unwrap()), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(
            message.contains("put the token into its first line"),
            "{message}"
        );
    }
}

#[test]
fn c06_a_port_in_use_says_so_and_what_to_do() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Config {
        listen: holder.local_addr().unwrap(),
        ..config()
    };
    let error = bind(&taken).err().unwrap();
    let HttpError::AddressInUse { address } = &error else {
        panic!("{error}");
    };
    assert_eq!(*address, taken.listen);
    let message = error.to_string();
    assert!(
        message.contains(&format!("{address} is already in use")),
        "{message}"
    );
    assert!(message.contains("--listen"), "{message}");
}

#[tokio::test]
async fn p01_the_drain_ends_idle_connections_and_names_those_it_cuts_off() {
    let server = TestServer::start(&config(), Some(large()));
    let (mut idle, mut silent) = (server.connect().await, server.connect().await);
    assert_eq!(idle.get("/livez").await.status, 200);
    let mut stuck = server.connect().await;
    stuck
        .send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20))
        .await;
    assert_eq!(stuck.head().await.status, 200);
    server.await_open(3).await;
    let tally = server.tally.clone();
    let drained = server.stop().await;
    idle.closed().await;
    silent.closed().await;
    assert_eq!(drained.stragglers.len(), 1, "{drained:?}");
    assert!(
        drained.stragglers[0].ends_with(": GET /metrics"),
        "{drained:?}"
    );
    assert_eq!(tally.open_connections(), 0);
}

#[tokio::test]
async fn p01_a_request_under_way_at_shutdown_is_answered_and_learns_that_it_is_no_longer_ready() {
    let patient = Config {
        drain_timeout: Span::seconds(60),
        ..config()
    };
    let server = TestServer::start(&patient, Some(small()));
    let mut client = server.connect().await;
    client.send("GET /readyz HTTP/1.1\r\nHost: loc").await;
    // Bytes sent before are read before: a round trip of another client comes after them.
    assert_eq!(server.get("/livez").await.status, 200);
    let stopping = tokio::spawn(server.stop());
    client.send("alhost\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .text()
            .contains("[-]shutdown failed: no longer ready"),
        "{}",
        answer.text()
    );
    client.closed().await;
    assert!(stopping.await.unwrap().stragglers.is_empty());
}
