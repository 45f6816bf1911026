//! `tcp`.

use std::net::SocketAddr;

use probity::model::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::servers::{closing, dripping, endless, serving, silent, targets};
use super::{error, watching};

/// A server that answers a greeting.
async fn well() -> SocketAddr {
    serving(|mut stream| async move {
        let mut said = [0; 6];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"HELLO\n");
        stream.write_all(b"+WELCOME\n").await.unwrap();
        // The client has its answer, and goes.
        let _ = stream.read_u8().await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_that_is_not_well_hides_no_other() {
    let servers = [
        ("silent", silent().await),
        ("closing", closing().await),
        ("endless", endless(b"noise ").await),
        ("dripping", dripping(&[b'x'; 500]).await),
        ("slow", dripping(b"+WELCOME").await),
        ("well", well().await),
    ];
    let more = ", send = \"HELLO\\n\", expect = \"WELCOME\", timeout = \"1s\"";
    let watching = watching("tcp", &targets(&servers, more)).await;
    let silent = "which is empty: no answer within 1000 ms";
    let wanted = [
        ("tcp/silent", Status::Fail, silent),
        ("tcp/endless", Status::Fail, "its answer is too long"),
    ];
    watching.judges(&wanted).await;
    for (name, _) in servers {
        let up = f64::from(u8::from(["slow", "well"].contains(&name)));
        let labels = format!("target=\"{name}\"");
        watching.shows(&[("tcp_up", &labels, up)]).await;
    }
    // Not the time that it was silent for.
    let connected = "tcp_connect_seconds{target=\"silent\"}";
    watching
        .until_value(connected, |seconds| seconds < 1.0)
        .await;
    watching.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grant_the_run_is_denied() {
    let section = "config = { targets = [{ name = \"a\", address = \"127.0.0.1:1\" }] }";
    let watching = watching("tcp", section).await;
    let snapshot = watching
        .running
        .until("it has run", |snapshot| {
            super::place::runs(snapshot, "tcp") > 0
        })
        .await;
    let told = "denied: 127.0.0.1:1 is not granted: add `grant = { tcp = [\"127.0.0.1:1\"] }` to this probe's section";
    assert_eq!(error(&snapshot, "tcp"), told);
    watching.stop().await;
}
