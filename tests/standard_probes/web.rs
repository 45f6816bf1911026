//! Servers that are well, and others that are not.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Words behind which a body without end may follow.
pub const WITHOUT_END: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

/// A server that does this with everybody who comes.
pub async fn serve<F, R>(act: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    let act = Arc::new(act);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let act = act.clone();
            tokio::spawn(async move { act(stream).await });
        }
    });
    address
}

/// Says this once it was told something, and waits for the client to go.
pub async fn answering(words: impl Into<Vec<u8>>) -> SocketAddr {
    let words: Arc<[u8]> = words.into().into();
    serve(move |mut stream| {
        let words = words.clone();
        async move {
            let mut heard = [0; 4096];
            let told = stream.read(&mut heard).await;
            // A client may be gone before it has taken all of it.
            if told.is_ok() && stream.write_all(&words).await.is_ok() {
                let _ = stream.read(&mut heard).await;
            }
        }
    })
    .await
}

/// An answer with its length.
pub fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// A web page.
pub async fn page(body: &str) -> SocketAddr {
    answering(http("200 OK", "", body)).await
}

/// Takes connections and says nothing.
pub async fn silent() -> SocketAddr {
    serve(|stream| async move {
        pending::<()>().await;
        drop(stream);
    })
    .await
}

/// Takes connections and ends them at once.
pub async fn closing() -> SocketAddr {
    serve(|stream| async move { drop(stream) }).await
}

/// Says the first words and then the others without end.
pub async fn endless(first: &'static [u8], then: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let portion = then.repeat(1 + 16_384 / then.len());
        let mut said = stream.write_all(first).await;
        while said.is_ok() {
            said = stream.write_all(&portion).await;
        }
    })
    .await
}

/// Says the first words at once and then the others one byte at a time, again and again.
pub async fn dripping(first: &'static [u8], then: impl Into<Vec<u8>>) -> SocketAddr {
    let then: Arc<[u8]> = then.into().into();
    serve(move |mut stream| {
        let then = then.clone();
        async move {
            stream.set_nodelay(true).unwrap();
            let mut said = stream.write_all(first).await;
            for byte in then.iter().cycle() {
                if said.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                said = stream.write_all(&[*byte]).await;
            }
        }
    })
    .await
}

/// Targets in TOML: the name of each, and its other keys.
pub fn targets(list: &[(&str, String)]) -> String {
    let each = list
        .iter()
        .map(|(name, keys)| format!("{{ name = \"{name}\", {keys} }}"));
    let each: Vec<String> = each.collect();
    format!("config.targets = [{}]\n", each.join(", "))
}

/// A grant of `kind` for all of these addresses, each behind `scheme`.
pub fn grant(kind: &str, scheme: &str, addresses: &[SocketAddr]) -> String {
    let each = addresses
        .iter()
        .map(|address| format!("\"{scheme}{address}\""));
    let each: Vec<String> = each.collect();
    format!("grant.{kind} = [{}]\n", each.join(", "))
}

/// The keys of a target that is asked over HTTP.
pub fn url(address: SocketAddr, more: &str) -> String {
    format!("url = \"http://{address}/\"{more}")
}
