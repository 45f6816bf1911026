//! Requests for other hosts, of ambiguous framing, or without the token.

use probity::http::Config;

use super::wire::config;
use super::{refused, small, survives};

#[tokio::test]
async fn h13_only_known_hosts_are_answered() {
    let with_hosts = Config {
        allowed_hosts: vec!["Probity.example".into(), "exact.example:8080".into()],
        ..config()
    };
    survives(with_hosts, small(), async |server| {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "[2001:db8::1]",
            "exact.example",
            "exact.example:80",
        ] {
            let request = format!("GET /snapshot HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = refused(server, &request, 421).await;
            assert!(answer.json()["detail"].as_str().unwrap().contains(host));
        }
        for host in [
            "localhost".to_owned(),
            "LocalHost.:1234".to_owned(),
            "127.8.9.10".to_owned(),
            "[::1]:7762".to_owned(),
            "[::ffff:127.0.0.1]".to_owned(),
            server.address.to_string(),
            "probity.EXAMPLE:9999".to_owned(),
            "exact.example:8080".to_owned(),
        ] {
            let mut client = server.connect().await;
            client
                .send(format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"))
                .await;
            assert_eq!(client.answer().await.status, 200, "{host}");
        }
    })
    .await;
}

#[tokio::test]
async fn h14_none_or_two_hosts_or_no_host_at_all_are_400() {
    survives(config(), small(), async |server| {
        for hosts in [
            "",
            "Host: localhost\r\nHost: localhost\r\n",
            "Host: localhost\r\nhost: evil.example\r\n",
            "Host:\r\n",
            "Host: local host\r\n",
            "Host: me@localhost\r\n",
        ] {
            refused(server, &format!("GET /livez HTTP/1.1\r\n{hosts}\r\n"), 400).await;
        }
        refused(server, "GET /livez HTTP/1.0\r\n\r\n", 400).await;
    })
    .await;
}

#[tokio::test]
async fn h15_a_whole_address_must_name_a_known_host_too() {
    survives(config(), small(), async |server| {
        for (target, host, status) in [
            ("http://evil.example/livez", "localhost", 421),
            ("http://localhost/livez", "evil.example", 421),
            ("https://localhost/livez", "localhost", 421),
            ("http://me@localhost/livez", "localhost", 400),
        ] {
            refused(
                server,
                &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                status,
            )
            .await;
        }
        let mut client = server.connect().await;
        client
            .send("GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn h16_length_and_chunking_together_are_400_and_the_end() {
    survives(config(), small(), async |server| {
        let (length, chunked) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
        for headers in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
            let mut client = server.connect().await;
            // After an ordinary request on the same connection, with the next one smuggled behind.
            assert_eq!(client.get("/livez").await.status, 200);
            client
                .send(format!(
                    "GET /livez HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n0\r\n\r\nGET /snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n"
                ))
                .await;
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
            client.closed().await;
        }
        for header in ["Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: gzip\r\n", "Content-Length: -1\r\n"] {
            let mut client = server.connect().await;
            client.send(format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{header}\r\n")).await;
            assert_eq!(client.answer().await.status, 400, "{header}");
            client.closed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn h30_without_the_token_there_is_nothing_but_liveness_and_readiness() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "open sesame\nnot this\n").unwrap();
    let with_token = Config {
        token_file: Some(file),
        ..config()
    };
    survives(with_token, small(), async |server| {
        for path in [
            "/",
            "/snapshot",
            "/metrics",
            "/health",
            "/healthz",
            "/readyz/collector",
            "/nowhere",
        ] {
            for header in [
                "",
                "Authorization: Bearer open\r\n",
                "Authorization: Bearer\r\n",
                "Authorization: Basic open sesame\r\n",
                // `:open` and `open sesame:`.
                "Authorization: Basic Om9wZW4=\r\n",
                "Authorization: Basic b3BlbiBzZXNhbWU6\r\n",
            ] {
                let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
                let answer = refused(server, &request, 401).await;
                let offered: Vec<&str> = answer
                    .headers
                    .iter()
                    .filter(|(name, _)| name == "www-authenticate")
                    .map(|(_, value)| value.as_str())
                    .collect();
                let basic = "Basic realm=\"probity\", charset=\"UTF-8\"";
                assert_eq!(offered, ["Bearer realm=\"probity\"", basic]);
            }
        }
        for path in ["/snapshot", "/metrics", "/readyz/collector"] {
            for shown in ["bearer open sesame", "basic YW55Ym9keTpvcGVuIHNlc2FtZQ=="] {
                let header = format!("authorization: {shown}\r\n");
                let answer = server.get_with(path, &header).await;
                assert_eq!(answer.status, 200, "{path} {shown}");
            }
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    })
    .await;
}

/// A browser shows the token as a password by itself, whichever page makes it ask.
#[tokio::test]
async fn with_the_token_as_a_password_only_a_page_of_this_server_changes_anything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "word\n").unwrap();
    let with_token = Config {
        token_file: Some(file),
        ..config()
    };
    // `me:word`
    let basic = "Authorization: Basic bWU6d29yZA==\r\n";
    let bearer = "Authorization: Bearer word\r\n";
    survives(with_token, small(), async |server| {
        // What passes is told that nothing can be done here.
        for (shown, from, status) in [
            (basic, "", 403),
            (basic, "Sec-Fetch-Site: none\r\n", 403),
            (basic, "Sec-Fetch-Site: same-site\r\n", 403),
            (basic, "Sec-Fetch-Site: cross-site\r\n", 403),
            (basic, "Origin: null\r\n", 403),
            (basic, "Origin: http://evil.example\r\n", 403),
            (basic, "Sec-Fetch-Site: none\r\nOrigin: http://evil.example\r\n", 403),
            (basic, "Sec-Fetch-Site: same-site\r\nOrigin: https://status.example\r\n", 403),
            // A proxy with TLS has another name than the one that it asks for.
            (basic, "Sec-Fetch-Site: same-origin\r\nOrigin: https://status.example\r\n", 404),
            (bearer, "Sec-Fetch-Site: same-origin\r\nOrigin: https://status.example\r\n", 404),
            (basic, "Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost\r\n", 403),
            (basic, "Origin: http://localhost\r\n", 404),
            (basic, "Sec-Fetch-Site: same-origin\r\n", 404),
            (bearer, "", 404),
            (bearer, "Origin: http://evil.example\r\n", 403),
            ("", "Origin: http://localhost\r\n", 401),
        ] {
            for path in ["/api/v1/probes/files/pause", "/probes/files/pause", "/api/v1/backups"] {
                let request = format!(
                    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{shown}{from}\r\n"
                );
                let mut client = server.connect().await;
                client.send(request).await;
                let answer = client.answer().await;
                assert_eq!(answer.status, status, "{path} {shown}{from}");
            }
        }
    })
    .await;
}
