//! A server on a free port and a client that speaks raw bytes to it.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use probity::http::{Config, Drained, Handles, HttpTally, Server};
use probity::model::{Span, Tally};
use probity::snapshot::{Snapshot, SnapshotCell};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A free loopback port, and timeouts that nothing healthy runs into, however slow the machine is.
pub fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        header_timeout: Span::seconds(60),
        body_timeout: Span::seconds(60),
        drain_timeout: Span::millis(400),
        ..Config::default()
    }
}

/// The same with timeouts that a test can wait for.
pub fn hasty() -> Config {
    Config {
        header_timeout: Span::millis(400),
        body_timeout: Span::millis(400),
        ..config()
    }
}

/// An address at which nobody listens, and what keeps it from being given to anybody else.
pub fn nobody() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A running server.
pub struct TestServer {
    pub address: SocketAddr,
    pub cell: Arc<SnapshotCell>,
    pub tally: Arc<HttpTally>,
    pub shutdown: CancellationToken,
    task: JoinHandle<Drained>,
}

impl TestServer {
    /// Starts one that shows `snapshot`, if there is one.
    pub fn start(config: &Config, snapshot: Option<Snapshot>) -> Self {
        Self::start_with(config, snapshot, |handles| handles)
    }

    /// Starts one with more than what it cannot do without.
    pub fn start_with(
        config: &Config,
        snapshot: Option<Snapshot>,
        with: impl FnOnce(Handles) -> Handles,
    ) -> Self {
        let cell = Arc::new(SnapshotCell::new());
        if let Some(snapshot) = snapshot {
            cell.publish(snapshot);
        }
        let tally = Arc::new(HttpTally::new(&mut Tally::default()));
        let handles = with(Handles::new(cell.clone(), tally.clone()));
        let server = Server::bind(config, handles).unwrap();
        let shutdown = CancellationToken::new();
        Self {
            address: server.local_addr(),
            cell,
            tally,
            shutdown: shutdown.clone(),
            task: tokio::spawn(async move { server.run(shutdown).await.unwrap() }),
        }
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One GET on a connection of its own.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "").await
    }

    /// One GET with further header lines, each with its line end.
    pub async fn get_with(&self, path: &str, headers: &str) -> Answer {
        let mut client = self.connect().await;
        client.get_with(path, headers).await
    }

    /// Waits until this many clients listen to the live stream.
    pub async fn await_listeners(&self, count: u64) {
        let clients = || self.tally.stream.clients();
        Self::eventually(|| clients() == count, &format!("{count} clients listen")).await;
    }

    /// Waits until something is so.
    pub async fn eventually(so: impl Fn() -> bool, what: &str) {
        let reached = async {
            while !so() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let reached = timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "not so after a long time: {what}");
    }

    /// Waits until this many connections are open.
    pub async fn await_open(&self, count: u64) {
        let reached = async {
            while self.tally.open_connections() != count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let open = || self.tally.open_connections();
        timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("{} connections are open, not {count}", open()));
    }

    /// Stops it and waits for its end.
    pub async fn stop(self) -> Drained {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// A connection whose system takes next to nothing that is not read.
    pub async fn connect_narrowly(address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self {
            stream: socket.connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.stream.write_all(bytes.as_ref());
        timeout(PATIENCE, sent).await.unwrap().unwrap();
    }

    /// Sends the same bytes again and again until the server will not have more.
    pub async fn send_until_refused(&mut self, bytes: &[u8]) {
        let flood = async { while self.stream.write_all(bytes).await.is_ok() {} };
        timeout(PATIENCE, flood).await.unwrap();
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.get_with(path, "").await
    }

    pub async fn get_with(&mut self, path: &str, headers: &str) -> Answer {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        ))
        .await;
        self.answer().await
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("content-length").map(|l| l.parse().unwrap());
        let length: usize = length.unwrap_or(0);
        while self.read.len() < length {
            assert!(self.fill().await, "the body was cut off");
        }
        answer.body = self.read.drain(..length).collect();
        answer
    }

    /// The next answer's header, without looking for a body.
    pub async fn head(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill().await, "no whole header: {:?}", self.read);
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Answer {
            status,
            headers,
            body: Vec::new(),
        }
    }

    /// Waits for these bytes, which are not taken.
    pub async fn await_bytes(&mut self, pattern: &[u8]) {
        while find(&self.read, pattern).is_none() {
            assert!(self.fill().await, "the connection has ended");
        }
    }

    /// The next piece of a body that is sent in chunks; nothing at its end.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                break end;
            }
            assert!(self.fill().await, "cut off within the body");
        };
        let size: Vec<u8> = self.read.drain(..end + 2).collect();
        let size = std::str::from_utf8(&size[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.read.len() < size + 2 {
            assert!(self.fill().await, "cut off within a chunk");
        }
        let chunk: Vec<u8> = self.read.drain(..size + 2).take(size).collect();
        (size > 0).then_some(chunk)
    }

    /// Waits for the server to close without saying anything more.
    pub async fn closed(&mut self) {
        while self.fill().await {}
        let rest = String::from_utf8_lossy(&self.read);
        assert!(rest.is_empty(), "before the close came {rest}");
    }

    /// Whether nothing can be read now.
    pub fn is_silent(&self) -> bool {
        let mut byte = [0];
        let read = self.stream.try_read(&mut byte);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        // A reset is an end too.
        read.expect("the server went on too long").unwrap_or(0) > 0
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
