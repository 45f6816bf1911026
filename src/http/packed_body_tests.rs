//! Bodies as they come: packed, too large, too many, and those that never come.

use std::io::Write as _;

use axum::http::header::CONTENT_TYPE;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::model::TallyCounter;

const TYPES: [&str; 2] = ["application/json", "application/x-ndjson"];

fn limits() -> BodyLimits {
    BodyLimits {
        size: 1 << 20,
        time: Duration::from_secs(30),
        timeouts: TallyCounter::default(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::best());
    packing.write_all(bytes).expect("memory takes it");
    packing.finish().expect("memory takes it")
}

async fn send(
    bodies: &PackedBodies,
    media: &str,
    coding: Option<&str>,
    body: Vec<u8>,
) -> Result<Vec<u8>, Problem> {
    let mut request = Request::post("/").header(CONTENT_TYPE, media);
    if let Some(coding) = coding {
        request = request.header(CONTENT_ENCODING, coding);
    }
    let request = request.body(Body::from(body)).expect("a good request");
    let body = bodies.receive(request, &limits(), &TYPES).await?;
    bodies.work(body, |bytes| Ok(bytes.to_vec())).await
}

fn status<T: std::fmt::Debug>(result: Result<T, Problem>) -> u16 {
    result.expect_err("it is refused").status().as_u16()
}

#[tokio::test]
async fn what_was_packed_comes_out_as_it_went_in() {
    let bodies = PackedBodies::new(1 << 20);
    let text = b"{\"a\":1}\n".repeat(10_000);
    for (coding, body) in [
        (None, text.clone()),
        (Some("identity"), text.clone()),
        (Some("GZIP"), gzip(&text)),
    ] {
        let got = send(&bodies, "application/x-ndjson; charset=utf-8", coding, body).await;
        assert_eq!(got.expect("it is taken"), text, "{coding:?}");
    }
    // Two packed one behind the other are the text of both.
    let both = [gzip(b"a"), gzip(b"b")].concat();
    assert_eq!(
        send(&bodies, TYPES[0], Some("gzip"), both)
            .await
            .expect("it is taken"),
        b"ab"
    );
}

#[tokio::test]
async fn h33_a_bomb_is_refused_and_so_is_what_is_no_gzip() {
    let bodies = PackedBodies::new(1 << 20);
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20, "it is small enough to be received");
    assert_eq!(
        status(send(&bodies, TYPES[0], Some("gzip"), bomb).await),
        413
    );
    assert_eq!(
        status(send(&bodies, TYPES[0], Some("gzip"), b"{}".to_vec()).await),
        400
    );
    let mut cut = gzip(b"a text that is cut off");
    cut.truncate(cut.len() - 4);
    assert_eq!(
        status(send(&bodies, TYPES[0], Some("gzip"), cut).await),
        400
    );
    assert_eq!(
        status(send(&bodies, TYPES[0], Some("br"), b"{}".to_vec()).await),
        415
    );
    assert_eq!(
        status(send(&bodies, "text/plain", None, b"{}".to_vec()).await),
        415
    );
    assert_eq!(
        status(send(&bodies, TYPES[0], None, vec![b' '; (1 << 20) + 1]).await),
        413
    );
}

#[tokio::test]
async fn all_bodies_together_have_a_bound() {
    let bodies = PackedBodies::new(1 << 20);
    let request = || {
        let request = Request::post("/").header(CONTENT_TYPE, TYPES[0]);
        request
            .body(Body::from(vec![b' '; 1 << 20]))
            .expect("a good request")
    };
    let mut held = Vec::new();
    for _ in 0..ROOM_KIB >> 10 {
        held.push(
            bodies
                .receive(request(), &limits(), &TYPES)
                .await
                .expect("there is room"),
        );
    }
    let refused = bodies.receive(request(), &limits(), &TYPES).await;
    assert_eq!(status(refused), 429);
    held.pop();
    bodies
        .receive(request(), &limits(), &TYPES)
        .await
        .expect("there is room again");
}

/// What of a body comes, and then nothing more.
struct Stalled {
    bytes: Vec<u8>,
    announced: u64,
}

impl hyper::body::Body for Stalled {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Self::Error>>> {
        match std::mem::take(&mut self.bytes) {
            bytes if bytes.is_empty() => std::task::Poll::Pending,
            bytes => std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(bytes.into())))),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.announced)
    }
}

fn post(coding: &str, body: Body) -> Request<Body> {
    let request = Request::post("/").header(CONTENT_TYPE, TYPES[0]);
    let request = request.header(CONTENT_ENCODING, coding);
    request.body(body).expect("a good request")
}

#[tokio::test]
async fn who_announces_a_body_and_does_not_send_it_takes_no_room() {
    let bodies = PackedBodies::new(1 << 20);
    let limits = limits();
    let mut stalled = Vec::new();
    for coding in ["identity", "gzip"].into_iter().cycle().take(500) {
        let body = Body::new(Stalled {
            bytes: vec![b' '; 1 << 10],
            announced: 1 << 20,
        });
        let mut one = Box::pin(bodies.receive(post(coding, body), &limits, &TYPES));
        let looked = timeout(Duration::ZERO, &mut one).await;
        assert!(looked.is_err(), "it has not come");
        stalled.push(one);
    }
    let mut held = Vec::new();
    for _ in 0..ROOM_KIB >> 10 {
        let body = post("identity", vec![b' '; 1 << 20].into());
        held.push(bodies.receive(body, &limits, &TYPES).await);
    }
    assert!(held.iter().all(Result::is_ok), "there is room for each");
}

#[tokio::test]
async fn small_bodies_get_past_large_ones_that_take_all_the_room() {
    let bodies = PackedBodies::new(1 << 20);
    let mut held = Vec::new();
    while let Ok(body) = bodies
        .receive(
            post("identity", vec![b' '; 1 << 20].into()),
            &limits(),
            &TYPES,
        )
        .await
    {
        held.push(body);
    }
    assert!(held.len() >= ROOM_KIB >> 10);
    let text = b"{\"a\":1}\n".repeat(100);
    for (coding, body) in [(None, text.clone()), (Some("gzip"), gzip(&text))] {
        let got = send(&bodies, TYPES[0], coding, body).await;
        assert_eq!(got.expect("it is taken"), text, "{coding:?}");
    }
}

#[tokio::test]
async fn packed_bodies_hold_up_no_plain_ones_and_wait_no_longer_than_they_may() {
    let bodies = PackedBodies {
        patience: Duration::ZERO,
        ..PackedBodies::new(1 << 20)
    };
    let all = bodies
        .packed
        .clone()
        .acquire_many_owned(PACKED_AT_ONCE as u32)
        .await;
    let packed = gzip(&b"{\"a\":1}\n".repeat(1_000));
    let refused = send(&bodies, TYPES[0], Some("gzip"), packed.clone()).await;
    assert_eq!(status(refused), 429);
    let plain = vec![b' '; LIGHT_BYTES + 1];
    assert!(send(&bodies, TYPES[0], None, plain).await.is_ok());
    drop(all);
    assert!(send(&bodies, TYPES[0], Some("gzip"), packed).await.is_ok());
}

#[tokio::test]
async fn h33_gzip_that_unpacks_to_far_more_than_its_size_is_refused_below_the_bound_of_bodies() {
    let bodies = PackedBodies::new(1 << 20);
    let bomb = gzip(&vec![b' '; 512 << 10]);
    assert_eq!(
        status(send(&bodies, TYPES[0], Some("gzip"), bomb).await),
        413
    );
    assert!(
        send(&bodies, TYPES[0], Some("gzip"), gzip(&vec![b' '; 64 << 10]))
            .await
            .is_ok()
    );
}
