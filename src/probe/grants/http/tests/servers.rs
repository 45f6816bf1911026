//! What servers may do to the one who asks.

use super::*;

#[tokio::test]
async fn an_answer_that_does_not_come_or_stops_is_given_up() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart";
    for answer in ["", "HTTP/1.1 200", begun] {
        let (address, _heads) = answering(answer).await;
        let options = RequestOptions {
            first_byte_timeout: Some(SHORT),
            between_bytes_timeout: Some(SHORT),
            ..RequestOptions::default()
        };
        let uri = format!("http://{address}/");
        let found = fetch_with(&mut to(address), request(&uri), options).await;
        assert_eq!(found, Err("ConnectionReadTimeout".into()), "{answer}");
        // With the call it ends too, whatever the guest asked for.
        let mut hasty = to(address);
        hasty.deadline = Instant::now() + SHORT;
        let long = RequestOptions {
            connect_timeout: Some(Duration::MAX),
            first_byte_timeout: Some(Duration::MAX),
            between_bytes_timeout: Some(Duration::MAX),
        };
        let found = fetch_with(&mut hasty, request(&uri), long).await;
        assert_eq!(found, Err("ConnectionReadTimeout".into()), "{answer}");
    }
}

#[tokio::test]
async fn an_endless_answer_ends_at_its_limit_and_one_at_the_limit_is_whole() {
    let address = server(|mut stream| async move {
        head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sent = stream.write_all(b"400\r\n").await;
            sent = sent.and(stream.write_all(&[b'x'; 1024]).await);
            sent = sent.and(stream.write_all(b"\r\n").await);
        }
    })
    .await;
    let mut egress = to(address);
    change(&mut egress, |reach| reach.sizes.response = 100_000);
    let found = fetch(&mut egress, &format!("http://{address}/")).await;
    assert_eq!(found, Err("HttpResponseBodySize(Some(100000))".into()));
    let (attempt, grant) = &told(&egress.denier)[0];
    assert_eq!(
        *attempt,
        format!("receive from http://{address} a body of more than 100000B")
    );
    assert_eq!(
        grant.as_deref(),
        Some("limits = { http_response = \"200000B\" }")
    );

    let (address, _heads) = answering(OK).await;
    let uri = format!("http://{address}/");
    for (limit, whole) in [(2, true), (1, false)] {
        let mut egress = to(address);
        change(&mut egress, |reach| reach.sizes.response = limit);
        assert_eq!(fetch(&mut egress, &uri).await.is_ok(), whole);
    }
}

#[tokio::test]
async fn a_request_body_over_its_limit_is_cut_off_and_one_at_the_limit_is_sent() {
    let address = server(|mut stream| async move {
        head(&mut stream).await;
        let mut body = [0; 1000];
        if stream.read_exact(&mut body).await.is_ok() {
            let _ = stream.write_all(OK.as_bytes()).await;
        }
    })
    .await;
    for (bytes, wanted) in [
        (1000, Ok((StatusCode::OK, "ok".to_owned()))),
        (1001, Err("HttpRequestBodySize(Some(1000))".to_owned())),
    ] {
        let mut egress = to(address);
        change(&mut egress, |reach| reach.sizes.request = 1000);
        let body = Full::from(vec![b'x'; bytes])
            .map_err(Error::from)
            .boxed_unsync();
        let request = Request::post(format!("http://{address}/"))
            .body(body)
            .unwrap();
        let found = fetch_with(&mut egress, request, RequestOptions::default()).await;
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn too_much_of_a_head_is_refused_in_both_directions() {
    let field = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    for fields in [field(70_000), field(1).repeat(200)] {
        let (address, _heads) = answering(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await;
        let found = fetch(&mut to(address), &format!("http://{address}/")).await;
        let wanted = format!("HttpResponseHeaderSectionSize(Some({MAX_HEADER_BYTES}))");
        assert_eq!(found, Err(wanted));
    }
    let (address, mut heads) = answering(OK).await;
    let mut large = request(&format!("http://{address}/"));
    let value = "y".repeat(70_000).parse().unwrap();
    large.headers_mut().insert("x", value);
    let found = fetch_with(&mut to(address), large, RequestOptions::default()).await;
    assert!(
        found
            .unwrap_err()
            .starts_with("HttpRequestHeaderSectionSize")
    );
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_breaks_off_or_speaks_nonsense_is_an_error() {
    let closing = |answer: &'static str| {
        server(move |mut stream| async move {
            head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        })
    };
    for (answer, wanted) in [
        ("", "HttpResponseIncomplete"),
        ("HTTP/1.1 200 OK\r\ncontent-le", "HttpResponseIncomplete"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart",
            "HttpResponseIncomplete",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", "HttpProtocolError"),
    ] {
        let address = closing(answer).await;
        let found = fetch(&mut to(address), &format!("http://{address}/")).await;
        assert_eq!(found, Err(wanted.into()), "{answer}");
    }
    // Taken, so that nobody else gets it, and nobody listens.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = silent.local_addr().unwrap();
    let found = fetch(&mut to(gone), &format!("http://{gone}/")).await;
    assert_eq!(found, Err("ConnectionRefused".into()));
}

#[tokio::test]
async fn requests_at_once_are_bounded_and_one_that_is_over_makes_room() {
    let (address, _heads) = answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
    let mut egress = to(address);
    let uri = format!("http://{address}/");
    let mut open = Vec::new();
    for _ in 0..MAX_REQUESTS {
        open.push(
            answer(&mut egress, request(&uri), RequestOptions::default())
                .await
                .unwrap(),
        );
    }
    let refused = answer(&mut egress, request(&uri), RequestOptions::default()).await;
    assert_eq!(refused.err().as_deref(), Some("ConnectionLimitReached"));
    open.pop();
    assert!(
        answer(&mut egress, request(&uri), RequestOptions::default())
            .await
            .is_ok()
    );
}
