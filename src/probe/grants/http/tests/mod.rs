//! The sender against servers that behave, and servers that do not.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::probe::grants::Grants;
use crate::probe::grants::denied::tests::{denier, told};
use crate::probe::grants::placeholder::GrantedSecrets;
use crate::probe::grants::resolve::tests::Fixed;
use crate::probe::grants::secrets::tests::secrets;
use crate::probe::grants::tests::reach;

mod certificate;
mod origins;
mod servers;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(50);
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that hands each connection to `serve`.
async fn server<F, S>(serve: S) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TcpStream) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A request's head, as it came over the wire.
async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A server that gives this answer to every request and then waits for the client to go; what it was asked comes out of
/// the channel.
async fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, mpsc::Receiver<String>) {
    let (asked, heads) = mpsc::channel(100);
    let answer = answer.into();
    let address = server(move |mut stream| {
        let (asked, answer) = (asked.clone(), answer.clone());
        async move {
            asked.send(head(&mut stream).await).await.unwrap();
            // The client may have heard enough.
            let _ = stream.write_all(&answer).await;
            let _ = stream.read_u8().await;
        }
    })
    .await;
    (address, heads)
}

/// A guest's way out with these origins granted.
fn egress(origins: &[&str]) -> Egress {
    let grants = Grants {
        http: origins.iter().map(|text| text.parse().unwrap()).collect(),
        ..Grants::default()
    };
    let resolver = Fixed(vec!["127.0.0.1".parse().unwrap()]);
    let mut egress = Egress::new(&reach(grants, resolver), denier());
    egress.deadline = Instant::now() + PATIENCE;
    egress
}

fn to(address: SocketAddr) -> Egress {
    egress(&[&format!("http://{address}")])
}

fn change(egress: &mut Egress, change: impl FnOnce(&mut Reach)) {
    change(Arc::get_mut(&mut egress.reach).unwrap());
}

fn request(uri: &str) -> Request<WasiBody> {
    let body = Full::default().map_err(Error::from).boxed_unsync();
    Request::get(uri).body(body).unwrap()
}

async fn answer(
    egress: &mut Egress,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Answered, String> {
    let sent = egress.send_request(request, Some(options), Box::new(async { Ok(()) }));
    Pin::from(sent).await.map_err(|error| format!("{error:?}"))
}

/// Status and body of the answer, or the error.
async fn fetch_with(
    egress: &mut Egress,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(StatusCode, String), String> {
    let (response, drive) = answer(egress, request, options).await?;
    tokio::spawn(Pin::from(drive));
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| format!("{error:?}"))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn fetch(egress: &mut Egress, uri: &str) -> Result<(StatusCode, String), String> {
    fetch_with(egress, request(uri), RequestOptions::default()).await
}
