//! What a guest gets of the network, the environment, secrets and files: what is granted, and an error for the rest.
//!
//! The guest is tests/guests/reach, which does what its configuration says and answers with what came of it.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod reach;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use reach::{Place, answering, denied};

#[tokio::test]
async fn http_goes_to_a_granted_origin_and_nowhere_else() {
    let place = Place::new();
    let (address, mut heads) = answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let origin = format!("http://{address}");
    let granted = format!("http = [\"{origin}\"]");
    let (said, _) = place
        .ask(
            &granted,
            &[("do", "http"), ("to", &format!("{origin}/a?b"))],
        )
        .await;
    assert_eq!(said, "ok: 200 hello");
    assert!(
        heads
            .recv()
            .await
            .unwrap()
            .starts_with("GET /a?b HTTP/1.1\r\n")
    );
    // Without a path it is for the root.
    place
        .ask(&granted, &[("do", "http"), ("to", &origin)])
        .await;
    assert!(
        heads
            .recv()
            .await
            .unwrap()
            .starts_with("GET / HTTP/1.1\r\n")
    );

    for grant in [
        "",
        "http = [\"https://api.example\"]",
        "tcp = [\"127.0.0.1:80\"]",
    ] {
        let (said, status) = place.ask(grant, &[("do", "http"), ("to", &origin)]).await;
        assert_eq!(said, "error: HttpRequestDenied");
        assert_eq!(status.denied, 1);
        let line = format!("grant = {{ http = [\"{origin}\"] }}");
        assert_eq!(denied(&status), [(format!("HTTP to {origin}"), Some(line))]);
    }
    assert!(heads.try_recv().is_err(), "nothing else was sent");
}

#[tokio::test]
async fn g38_metadata_and_the_target_of_a_redirect_are_out_of_reach() {
    let place = Place::new();
    let (inner, mut reached) = answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let answer =
        format!("HTTP/1.1 301 Moved\r\nlocation: http://{inner}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _heads) = answering(answer).await;
    let granted = format!("http = [\"http://{address}\"]");
    let to = format!("http://{address}/");
    let (said, status) = place.ask(&granted, &[("do", "http"), ("to", &to)]).await;
    assert_eq!(said, format!("ok: 301 http://{inner}/"));
    assert_eq!(status.denied, 0);
    for target in [
        format!("http://{inner}/"),
        "http://169.254.169.254/latest/meta-data".into(),
        "http://[fd00:ec2::254]/".into(),
    ] {
        let (said, status) = place
            .ask(&granted, &[("do", "http"), ("to", &target)])
            .await;
        assert_eq!(
            (said.as_str(), status.denied),
            ("error: HttpRequestDenied", 1)
        );
    }
    for disguise in [
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://u@127.0.0.1/",
    ] {
        let (said, _) = place
            .ask(&granted, &[("do", "http"), ("to", disguise)])
            .await;
        assert_eq!(said, "error: HttpRequestUriInvalid", "{disguise}");
    }
    assert!(reached.try_recv().is_err());
}

#[tokio::test]
async fn g26_a_server_that_never_answers_costs_no_more_than_the_run() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await.unwrap();
    });
    let granted = format!("http = [\"http://{address}\"]");
    let to = format!("http://{address}/");
    let mut probe = place.probe(
        &granted,
        &[("do", "http"), ("to", &to)],
        Duration::from_millis(300),
    );
    let said = reach::said(&mut probe).await;
    assert!(
        said.contains("limits.deadline") || said.contains("ConnectionReadTimeout"),
        "{said}"
    );
    // The connection ends with the run.
    tokio::time::timeout(Duration::from_secs(10), silent)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn requests_that_a_guest_keeps_are_bounded_and_gone_after_its_run() {
    let place = Place::new();
    let (address, _heads) = answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
    let granted = format!("http = [\"http://{address}\"]");
    let to = format!("http://{address}/");
    let settings = [("do", "abandon"), ("to", to.as_str())];
    let mut probe = place.probe(&granted, &settings, Duration::from_secs(10));
    for _ in 0..2 {
        let said = reach::said(&mut probe).await;
        assert_eq!(said, "ok: 16 and then ConnectionLimitReached");
    }
}

#[tokio::test]
async fn a_secret_is_sent_without_the_guest_holding_it() {
    let place = Place::new();
    let (address, mut heads) = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let granted = format!("http = [\"http://{address}\"]\nsecrets = [\"token\"]");
    let to = format!("http://{address}/");
    let settings = [("do", "http"), ("to", to.as_str()), ("secret", "token")];
    let (said, _) = place.ask(&granted, &settings).await;
    assert_eq!(said, "ok: 204 ");
    assert!(
        heads
            .recv()
            .await
            .unwrap()
            .contains("authorization: Bearer hunter2\r\n")
    );
    let (said, _) = place
        .ask(&granted, &[("do", "placeholder"), ("to", "token")])
        .await;
    assert!(
        said.starts_with("ok: probity-secret-") && !said.contains("hunter2"),
        "{said}"
    );

    let (said, status) = place
        .ask(&granted, &[("do", "reveal"), ("to", "token")])
        .await;
    assert!(
        said.starts_with("error: denied: no secret `token`"),
        "{said}"
    );
    let line = "grant = { reveal = [\"token\"] }".to_owned();
    assert_eq!(
        denied(&status),
        [("secret token itself".into(), Some(line))]
    );
    let (said, _) = place
        .ask("reveal = [\"token\"]", &[("do", "reveal"), ("to", "token")])
        .await;
    assert_eq!(said, "ok: hunter2");
    let (said, status) = place.ask("reveal = [\"token\"]", &settings).await;
    assert!(said.starts_with("error: denied"), "{said}");
    assert_eq!(status.denied, 1);
}

#[tokio::test]
async fn g37_tcp_goes_to_a_granted_host_and_port_and_nothing_listens() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut ping = [0; 4];
            stream.read_exact(&mut ping).await.unwrap();
            stream.write_all(b"pong").await.unwrap();
        }
    });
    let port = to.rsplit(':').next().unwrap();
    for granted in [
        format!("tcp = [\"{to}\"]"),
        format!("tcp = [\"localhost:{port}\"]"),
    ] {
        let (said, _) = place.ask(&granted, &[("do", "tcp"), ("to", &to)]).await;
        assert_eq!(said, "ok: pong");
    }
    for granted in ["", "tcp = [\"127.0.0.1:1\"]", &format!("udp = [\"{to}\"]")] {
        let (said, status) = place.ask(granted, &[("do", "tcp"), ("to", &to)]).await;
        assert_eq!(said, "error: access-denied");
        let line = format!("grant = {{ tcp = [\"{to}\"] }}");
        assert_eq!(denied(&status), [(format!("TCP to {to}"), Some(line))]);
    }
    let (said, status) = place
        .ask(&format!("tcp = [\"{to}\"]"), &[("do", "listen")])
        .await;
    assert_eq!(said, "error: access-denied");
    assert_eq!(
        denied(&status),
        [("listen for TCP connections".into(), None)]
    );
}

#[tokio::test]
async fn g37_udp_goes_to_a_granted_host_and_port() {
    let place = Place::new();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut ping = [0; 4];
        while let Ok((_, from)) = socket.recv_from(&mut ping).await {
            socket.send_to(b"pong", from).await.unwrap();
        }
    });
    let (said, _) = place
        .ask(&format!("udp = [\"{to}\"]"), &[("do", "udp"), ("to", &to)])
        .await;
    assert_eq!(said, "ok: pong");
    let (said, status) = place
        .ask(&format!("tcp = [\"{to}\"]"), &[("do", "udp"), ("to", &to)])
        .await;
    assert_eq!(said, "error: access-denied");
    let line = format!("grant = {{ udp = [\"{to}\"] }}");
    assert_eq!(denied(&status)[0], (format!("UDP to {to}"), Some(line)));
}

#[tokio::test]
async fn g32_sockets_without_a_grant_are_few_and_free_again_after_the_run() {
    let place = Place::new();
    let mut probe = place.probe("", &[("do", "hoard")], Duration::from_secs(10));
    for _ in 0..2 {
        let said = reach::said(&mut probe).await;
        assert_eq!(said, "ok: 32 and then new-socket-limit");
    }
}

#[tokio::test]
async fn g37_only_granted_names_are_looked_up() {
    let place = Place::new();
    let granted = "tcp = [\"localhost:1\", \"nowhere.invalid:1\"]";
    for (name, wanted) in [
        ("localhost", "ok: 127.0.0.1 (0, 0, 0, 0, 0, 0, 0, 1)"),
        ("LOCALHOST", "ok: 127.0.0.1 (0, 0, 0, 0, 0, 0, 0, 1)"),
        ("10.0.0.1", "ok: 10.0.0.1"),
        ("nowhere.invalid", "error: name-unresolvable"),
        ("a b", "error: invalid-argument"),
        ("db.internal", "error: access-denied"),
    ] {
        let (said, status) = place.ask(granted, &[("do", "resolve"), ("to", name)]).await;
        assert_eq!(said, wanted, "{name}");
        assert_eq!(status.denied, u64::from(wanted.ends_with("access-denied")));
    }
    let (_, status) = place
        .ask("", &[("do", "resolve"), ("to", "db.internal")])
        .await;
    let line = "grant = { tcp = [\"db.internal:PORT\"] }".to_owned();
    assert_eq!(
        denied(&status),
        [("look up db.internal".into(), Some(line))]
    );
}

#[tokio::test]
async fn only_granted_variables_are_seen() {
    let place = Place::new();
    let granted = "env = [\"HOME\", \"UNSET\"]";
    let (said, status) = place.ask(granted, &[("do", "environment")]).await;
    assert_eq!((said.as_str(), status.denied), ("ok: HOME=/home/me", 0));
    let (said, _) = place.ask("", &[("do", "environment")]).await;
    assert_eq!(said, "ok: ");
}

#[tokio::test]
async fn g36_files_are_read_only_and_end_where_the_grant_ends() {
    let place = Place::new();
    let folder = place.folder.path().canonicalize().unwrap();
    std::fs::create_dir(folder.join("in")).unwrap();
    std::fs::write(folder.join("in/file"), "text").unwrap();
    std::fs::write(folder.join("outside"), "secret").unwrap();
    std::os::unix::fs::symlink("../outside", folder.join("in/link")).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let granted = format!("read = [\"{}\"]", path("in"));
    for (verb, to, wanted) in [
        ("read", path("in/file"), "ok: text"),
        (
            "stat",
            path("in/file"),
            "ok: DescriptorType::RegularFile of 4",
        ),
        ("list", String::new(), "ok: file link"),
        ("read", path("in/none"), "error: no-entry"),
        ("read", path("in/../outside"), "error: not-permitted"),
        ("read", path("in/link"), "error: not-permitted"),
        ("write", path("in/file"), "error: not-permitted"),
        ("write", path("in/new"), "error: not-permitted"),
        ("write", path("in/new/"), "error: not-permitted"),
        (
            "read",
            path("outside"),
            "error: nothing granted leads there",
        ),
    ] {
        let (said, status) = place.ask(&granted, &[("do", verb), ("to", &to)]).await;
        assert_eq!(said, wanted, "{verb} {to}");
        let line = format!("grant = {{ read = [\"{}\"] }}", path("outside"));
        for (attempt, grant) in denied(&status) {
            let escaped = attempt == format!("read {}", path("outside"));
            assert_eq!(grant, escaped.then(|| line.clone()), "{attempt}");
        }
    }
    assert!(!folder.join("in/new").exists());
}

#[tokio::test]
async fn a_single_file_is_read_through_its_links_and_nothing_else_of_its_folder() {
    let place = Place::new();
    let folder = place.folder.path().canonicalize().unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(folder.join("target"), "text").unwrap();
    std::fs::create_dir(folder.join("in")).unwrap();
    std::os::unix::fs::symlink("../target", folder.join("in/one")).unwrap();
    std::fs::write(folder.join("in/other"), "secret").unwrap();
    let granted = format!("read = [\"{}\"]", path("in/one"));
    for (verb, to, wanted) in [
        ("read", path("in/one"), "ok: text"),
        (
            "stat",
            path("in/one"),
            "ok: DescriptorType::RegularFile of 4",
        ),
        ("read", path("in/other"), "error: not-permitted"),
        ("stat", path("in/other"), "error: not-permitted"),
        ("read", path("in/../target"), "error: not-permitted"),
        ("write", path("in/one"), "error: not-permitted"),
        ("write", path("in/new/"), "error: not-permitted"),
        ("list", String::new(), "error: not-directory"),
    ] {
        let (said, _) = place.ask(&granted, &[("do", verb), ("to", &to)]).await;
        assert_eq!(said, wanted, "{verb} {to}");
    }
    let (_, status) = place
        .ask(&granted, &[("do", "read"), ("to", &path("in/other"))])
        .await;
    let line = format!("grant = {{ read = [\"{}\"] }}", path("in/other"));
    assert_eq!(denied(&status)[0].1, Some(line));
}

#[tokio::test]
async fn what_a_guest_asks_for_and_what_it_is_granted_are_told_apart() {
    let place = Place::new();
    let granted = "http = [\"https://api.example\"]\nenv = [\"HOME\"]\nsecrets = [\"token\"]";
    let probe = place.probe(granted, &[], Duration::from_secs(1));
    let identity = probe.identity();
    for asked in [
        "HTTP",
        "TCP",
        "UDP",
        "environment",
        "files",
        "name lookup",
        "secrets",
    ] {
        assert!(
            identity.asks.iter().any(|one| one == asked),
            "{asked}: {:?}",
            identity.asks
        );
    }
    let words = ["http https://api.example", "env HOME", "secret token"];
    assert_eq!(identity.granted, words);
}

#[tokio::test]
async fn attempts_are_counted_beyond_the_instance_that_made_them() {
    let place = Place::new();
    let settings = [("do", "resolve"), ("to", "db.internal")];
    let mut probe = place.probe("", &settings, Duration::from_secs(10));
    for _ in 0..3 {
        reach::said(&mut probe).await;
    }
    let attempts = &probe.status().denied_attempts;
    assert_eq!(
        (probe.status().denied, attempts.len(), attempts[0].count),
        (3, 1, 3)
    );
}
