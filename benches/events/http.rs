//! The whole way: NDJSON over HTTP to a program as it runs in production, acknowledged when it is on disk.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use probity::app::App;
use probity::config::Loaded;
use tokio::runtime::Runtime;

use super::store::{line, run_of};

/// Says that this process is the server, and where it keeps its state.
pub const ROLE: &str = "PROBITY_BENCH_STATE";

/// Serves until its input ends.
pub fn serve(state: &str) {
    let mut loaded = Loaded {
        state_directory: state.into(),
        ..Loaded::default()
    };
    loaded.config.server.listen = "127.0.0.1:0".parse().unwrap();
    loaded.config.probes.folder = Path::new(state).join("probes");
    std::fs::create_dir_all(&loaded.config.probes.folder).unwrap();
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start(&loaded)).unwrap();
    println!("{}", app.address());
    // The one who started this closes it.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    runtime.block_on(app.stop());
}

/// A server in a process of its own.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(state: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut address).unwrap();
        let address = address.trim().parse().unwrap();
        Self { child, address }
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// One event as an agent sends it, a line.
fn sent(index: usize) -> String {
    let time = jiff::Timestamp::now();
    format!(
        "{{\"id\":\"01910c5e-{:04x}-7{:03x}-8001-{:012x}\",\"kind\":\"step.tool_call\",\"time\":\"{time}\",\"source\":\"agent\",\
         \"run\":\"{}\",\"data\":{{\"step\":\"{index}\",\"tool\":\"search\",\"outcome\":\"success\",\"duration_ms\":12.5,\
         \"output\":\"{}\"}}}}\n",
        index >> 16 & 0xffff,
        index >> 4 & 0xfff,
        index,
        run_of(index),
        "x".repeat(60 + index % 80)
    )
}

/// A connection that is kept.
struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Sends a request and gives the body of a good answer.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.0.write_all(request).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = self.0.read(&mut buffer).unwrap();
            assert!(count > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&answer);
            let Some(end) = text.find("\r\n\r\n") else {
                continue;
            };
            let length = text.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if answer.len() >= end + 4 + length {
                assert!(text.starts_with("HTTP/1.1 20"), "{text}");
                return answer.split_off(end + 4);
            }
        }
    }

    fn post(&mut self, lines: &str) -> Vec<u8> {
        let head = format!(
            "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
            lines.len()
        );
        self.ask(&[head.as_bytes(), lines.as_bytes()].concat())
    }
}

/// Clients that each wait for their acknowledgement before they go on. Gives how long each took.
fn send(address: SocketAddr, clients: usize, bodies: Vec<String>) -> Vec<Duration> {
    let bodies = Arc::new(bodies);
    let next = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (bodies, next) = (bodies.clone(), next.clone());
            thread::spawn(move || {
                let mut client = Client::connect(address);
                let mut times = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    client.post(body);
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    threads
        .into_iter()
        .flat_map(|one| one.join().unwrap())
        .collect()
}

fn bodies(from: usize, count: usize, size: usize) -> Vec<String> {
    let body = |batch: usize| (0..size).map(|n| sent(from + batch * size + n)).collect();
    (0..count / size).map(body).collect()
}

/// Ingest over HTTP beside SQLite's own rate.
pub fn ingest(folder: &Path, raw: f64) {
    let server = Server::start(folder);
    let mut from = 0;
    for (clients, size, rows) in [(16, 1, 4_000), (8, 100, 200_000), (4, 1_000, 200_000)] {
        let bodies = bodies(from, rows, size);
        from += rows;
        let begun = Instant::now();
        let mut times = send(server.address, clients, bodies);
        let rate = rows as f64 / begun.elapsed().as_secs_f64();
        let more = format!(
            "{rate:.0} events/s, {:.0} % of SQLite alone",
            rate / raw * 100.0
        );
        line(
            &format!("HTTP, {clients} clients, batches of {size}"),
            &mut times,
            &more,
        );
    }
    server.stop();
}
