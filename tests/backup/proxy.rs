//! A proxy before object storage that answers, delays, or cuts the requests that it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, Shared};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// It is passed on, and so is its answer.
    Pass,
    /// It is answered with this status, and not passed on.
    Status(u16),
    /// It is not answered for so long, and then passed on.
    Slow(Duration),
    /// It is not answered before there is another plan, and then passed on.
    Held,
    /// The connection is cut after so many bytes of it.
    CutRequest(usize),
    /// It is passed on, and the connection is cut after so many bytes of the answer.
    CutAnswer(usize),
}

/// A kind of request, as its first line tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BeginUpload,
    Part,
    EndUpload,
    PutManifest,
    Read,
    Head,
    List,
    Other,
}

impl Kind {
    fn of(line: &str) -> Self {
        let has = |text: &str| line.contains(text);
        match line.split(' ').next().unwrap_or("") {
            "POST" if has("?uploads") => Self::BeginUpload,
            "POST" if has("uploadId=") => Self::EndUpload,
            "PUT" if has("partNumber=") => Self::Part,
            "PUT" if has(".manifest.json") => Self::PutManifest,
            "GET" if has("list-type=") => Self::List,
            "GET" => Self::Read,
            "HEAD" => Self::Head,
            _ => Self::Other,
        }
    }
}

/// Says what becomes of the so-manieth request of a kind, counted from 0.
pub type Plan = Box<dyn FnMut(Kind, usize) -> Fault + Send>;

/// The proxy. It ends with the test's runtime.
pub struct Proxy {
    pub address: SocketAddr,
    seen: Shared<Vec<Kind>>,
    /// With what is cancelled when there is another.
    plan: Shared<(Plan, CancellationToken)>,
}

impl Proxy {
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Shared<Vec<Kind>> = Shared::default();
        let pass: Plan = Box::new(|_, _| Fault::Pass);
        let plan = Arc::new(Mutex::new((pass, CancellationToken::new())));
        let (all, wanted) = (seen.clone(), plan.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (all, wanted) = (all.clone(), wanted.clone());
                let choose = move |kind| {
                    let mut seen = all.lock().unwrap();
                    let number = seen.iter().filter(|one| **one == kind).count();
                    seen.push(kind);
                    let (plan, over) = &mut *wanted.lock().unwrap();
                    (plan(kind, number), over.clone())
                };
                tokio::spawn(async move { drop(serve(client, upstream, choose).await) });
            }
        });
        Self {
            address,
            seen,
            plan,
        }
    }

    /// From now on requests fare so, and are counted anew; those that are held go on.
    pub fn plan(&self, plan: impl FnMut(Kind, usize) -> Fault + Send + 'static) {
        self.seen.lock().unwrap().clear();
        let plan: Plan = Box::new(plan);
        let made = (plan, CancellationToken::new());
        let (_, over) = std::mem::replace(&mut *self.plan.lock().unwrap(), made);
        over.cancel();
    }

    /// Waits for the so-manieth request of a kind, counted from 0.
    pub async fn until(&self, (kind, number): (Kind, usize)) {
        let began = Instant::now();
        while self.count(kind) <= number {
            assert!(began.elapsed() < PATIENCE, "no {kind:?} {number}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many requests of a kind there were.
    pub fn count(&self, kind: Kind) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|one| **one == kind).count()
    }
}

/// One connection, which has one request.
async fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    choose: impl FnOnce(Kind) -> (Fault, CancellationToken),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&head);
    let (fault, over) = choose(Kind::of(line.lines().next().unwrap_or("")));
    match fault {
        Fault::Status(status) => return refuse(client, status).await,
        Fault::CutRequest(bytes) => return swallow(client, bytes.saturating_sub(head.len())).await,
        Fault::Slow(pause) => tokio::time::sleep(pause).await,
        Fault::Held => over.cancelled().await,
        Fault::Pass | Fault::CutAnswer(_) => {}
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&head).await?;
    match fault {
        Fault::CutAnswer(bytes) => cut(client, server, bytes).await,
        _ => tokio::io::copy_bidirectional(&mut client, &mut server)
            .await
            .map(drop),
    }
}

/// Says what such storage says, the key's id included.
async fn refuse(mut client: TcpStream, status: u16) -> std::io::Result<()> {
    let code = match status {
        403 => "AccessDenied",
        _ => "InternalError",
    };
    let body =
        format!("<Error><Code>{code}</Code><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId></Error>");
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes()).await?;
    // Closing with something unread would reset the connection under the answer.
    tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Takes so many bytes more, and cuts.
async fn swallow(client: TcpStream, bytes: usize) -> std::io::Result<()> {
    let mut rest = client.take(bytes as u64);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Passes the request on, and so many bytes of the answer, and cuts.
async fn cut(mut client: TcpStream, mut server: TcpStream, bytes: usize) -> std::io::Result<()> {
    let mut part = vec![0; bytes.max(1)];
    {
        let (mut from, _to) = client.split();
        let (mut answer, mut request) = server.split();
        let sending = tokio::io::copy(&mut from, &mut request);
        let receiving = answer.read_exact(&mut part);
        tokio::select! {
            sent = sending => drop(sent?),
            received = receiving => drop(received?),
        }
    }
    client.write_all(&part[..bytes]).await
}
