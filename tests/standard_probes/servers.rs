//! Servers that are not well.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// A server that does this with everybody who comes.
pub async fn serving<F, R>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    let serve = std::sync::Arc::new(serve);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serve = serve.clone();
            tokio::spawn(async move { serve(stream).await });
        }
    });
    address
}

/// Takes connections and says nothing.
pub async fn silent() -> SocketAddr {
    serving(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

/// Takes connections and ends them at once.
pub async fn closing() -> SocketAddr {
    serving(|stream| async move { drop(stream) }).await
}

/// Says the same without end.
pub async fn endless(words: &'static [u8]) -> SocketAddr {
    serving(move |mut stream| async move {
        let portion = words.repeat(1 + 16_384 / words.len());
        while stream.write_all(&portion).await.is_ok() {}
    })
    .await
}

/// Says this one byte at a time, and then waits.
pub async fn dripping(words: &'static [u8]) -> SocketAddr {
    serving(move |mut stream| async move {
        stream.set_nodelay(true).unwrap();
        for byte in words {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        std::future::pending::<()>().await;
    })
    .await
}

/// The section of a probe that looks at these, by name, and `more` for each of them.
pub fn targets(addresses: &[(&str, SocketAddr)], more: &str) -> String {
    let granted: Vec<String> = addresses
        .iter()
        .map(|(_, address)| format!("{:?}", address.to_string()))
        .collect();
    let targets: Vec<String> = addresses
        .iter()
        .map(|(name, address)| format!("{{ name = \"{name}\", address = \"{address}\"{more} }}"))
        .collect();
    format!(
        "grant = {{ tcp = [{}] }}\nconfig = {{ targets = [{}] }}\n",
        granted.join(", "),
        targets.join(", ")
    )
}
