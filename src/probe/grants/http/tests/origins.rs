//! Where a request may go, and with what.

use super::*;
use crate::probe::Tape;

#[tokio::test]
async fn a_granted_origin_is_asked_by_its_path_and_name() {
    let (address, mut heads) = answering(OK).await;
    let found = fetch(&mut to(address), &format!("http://{address}/a?b=c")).await;
    assert_eq!(found, Ok((StatusCode::OK, "ok".into())));
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
    let local = format!("http://localhost:{}", address.port());
    let found = fetch(&mut egress(&[&local]), &local).await;
    assert_eq!(found, Ok((StatusCode::OK, "ok".into())));
}

#[tokio::test]
async fn an_origin_that_is_not_granted_is_refused_and_told() {
    let (address, mut heads) = answering(OK).await;
    let uri = format!("http://{address}/path");
    let mut egress = egress(&["https://api.example", &format!("https://{address}")]);
    assert_eq!(
        fetch(&mut egress, &uri).await,
        Err("HttpRequestDenied".into())
    );
    let grant = format!("grant = {{ http = [\"http://{address}\"] }}");
    let wanted = (format!("HTTP to http://{address}"), Some(grant));
    assert_eq!(told(&egress.denier), [wanted]);
    for uri in [
        "http://user@127.0.0.1/",
        "http://127.1/",
        "http://[::ffff:127.0.0.1]/",
    ] {
        let refused = fetch(&mut egress, uri).await;
        assert_eq!(refused, Err("HttpRequestUriInvalid".into()), "{uri}");
    }
    assert!(heads.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn g38_a_redirect_is_the_guests_to_see_and_its_target_is_checked() {
    let (inner, mut reached) = answering(OK).await;
    let moved =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{inner}/\r\ncontent-length: 0\r\n\r\n");
    let (address, _heads) = answering(moved).await;
    let mut egress = to(address);
    let found = fetch(&mut egress, &format!("http://{address}/")).await;
    assert_eq!(found, Ok((StatusCode::FOUND, String::new())));
    let refused = fetch(&mut egress, &format!("http://{inner}/")).await;
    assert_eq!(refused, Err("HttpRequestDenied".into()));
    assert!(reached.try_recv().is_err());
}

#[tokio::test]
async fn g38_a_granted_name_that_leads_to_this_machine_is_refused() {
    let (address, mut heads) = answering(OK).await;
    let origin = format!("http://rebound.example:{}", address.port());
    let mut egress = egress(&[&origin, "http://169.254.169.254"]);
    let refused = fetch(&mut egress, &origin).await;
    assert_eq!(refused, Err("DestinationIpProhibited".into()));
    let (attempt, grant) = &told(&egress.denier)[0];
    assert!(
        attempt.contains("127.0.0.1, which is loopback"),
        "{attempt}"
    );
    assert_eq!(*grant, None);
    assert!(heads.try_recv().is_err());
}

#[test]
fn a_request_asks_for_a_path_and_nothing_else() {
    for path in ["/", "/a?b=http://x/", "//a"] {
        let uri = target(path).unwrap();
        assert!(uri.authority().is_none() && uri.path_and_query().unwrap() == path);
    }
    for path in [
        "",
        "*",
        "a",
        "a.example:80",
        "http://a.example/",
        "/\n",
        "/ x",
    ] {
        assert!(target(path).is_err(), "{path:?}");
    }
}

#[tokio::test]
async fn a_method_that_tunnels_or_echoes_is_refused() {
    let (address, mut heads) = answering(OK).await;
    for method in [Method::CONNECT, Method::TRACE] {
        let mut request = request(&format!("http://{address}/"));
        *request.method_mut() = method;
        let found = fetch_with(&mut to(address), request, RequestOptions::default()).await;
        assert_eq!(found, Err("HttpRequestMethodInvalid".into()));
    }
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn a_secret_goes_out_in_the_place_of_its_text_and_only_where_it_may() {
    let (address, mut heads) = answering(OK).await;
    let origin = format!("http://{address}");
    let mut egress = to(address);
    let grants = Grants {
        secrets: vec!["token".into(), "elsewhere".into()],
        ..Grants::default()
    };
    let values: &[(&str, &[u8], &[&str])] = &[
        ("token", b"hunter2", &[]),
        ("elsewhere", b"not-for-you", &["https://api.example"]),
    ];
    let granted = GrantedSecrets::new(&grants, &secrets(values), &Tape::default()).unwrap();
    change(&mut egress, |reach| reach.secrets = granted);
    let placeholder =
        |egress: &Egress, name: &str| egress.reach.secrets.placeholder(name).unwrap().to_owned();
    let text = placeholder(&egress, "token");
    let mut asking = request(&format!("{origin}/?key={text}"));
    let value = format!("Bearer {text}").parse().unwrap();
    asking.headers_mut().insert(header::AUTHORIZATION, value);
    let found = fetch_with(&mut egress, asking, RequestOptions::default()).await;
    assert!(found.is_ok(), "{found:?}");
    let head = heads.recv().await.unwrap();
    assert!(
        head.starts_with("GET /?key=hunter2 ") && head.contains("Bearer hunter2"),
        "{head}"
    );

    let uri = format!("{origin}/?{}", placeholder(&egress, "elsewhere"));
    let refused = fetch(&mut egress, &uri).await;
    assert_eq!(refused, Err("HttpRequestDenied".into()));
    let (attempt, grant) = &told(&egress.denier)[0];
    assert_eq!(*attempt, format!("send secret elsewhere to {origin}"));
    assert!(
        grant
            .as_deref()
            .is_some_and(|grant| grant.starts_with("[secrets] elsewhere"))
    );
    assert!(heads.try_recv().is_err());
}

/// A server that speaks TLS, with its certificate.
async fn secure_server() -> (SocketAddr, CertificateDer<'static>) {
    let (certificate, key) = certificate::make();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let address = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                head(&mut stream).await;
                let _ = stream.write_all(OK.as_bytes()).await;
                let _ = stream.read_u8().await;
            }
        }
    })
    .await;
    (address, certificate)
}

#[tokio::test]
async fn d12_tls_holds_the_server_to_its_name_and_to_who_is_trusted() {
    let (address, certificate) = secure_server().await;
    let trusting = |origin: &str, is_trusted: bool| {
        let mut roots = RootCertStore::empty();
        if is_trusted {
            roots.add(certificate.clone()).unwrap();
        }
        let mut egress = egress(&[origin]);
        change(&mut egress, |reach| {
            reach.tls = Arc::new(Tls::with_roots(roots))
        });
        egress
    };
    let origin = format!("https://{address}");
    let found = fetch(&mut trusting(&origin, true), &origin).await;
    assert_eq!(found, Ok((StatusCode::OK, "ok".into())));
    let local = format!("https://localhost:{}", address.port());
    assert!(fetch(&mut trusting(&local, true), &local).await.is_ok());
    let stranger = fetch(&mut trusting(&origin, false), &origin).await;
    assert_eq!(stranger, Err("TlsCertificateError".into()));

    let plain = server(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n").await;
        let _ = stream.read_u8().await;
    })
    .await;
    let origin = format!("https://{plain}");
    let found = fetch(&mut trusting(&origin, true), &origin).await;
    assert_eq!(found, Err("TlsProtocolError".into()));
}
