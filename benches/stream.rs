//! From publishing a snapshot to the last of many stream clients having it, beside a bare broadcast of as many bytes.
//!
//! Every server runs in a process of its own (this program again, in a role), the clients in this one. The time counts from
//! the byte that tells the server to publish to the last byte that the last client reads, so reading is part of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/snapshots.rs"]
mod snapshots;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use probity::http::{Config, Handles, HttpTally, Server, StreamConfig};
use probity::model::{ProbeState, Span, Tally};
use probity::snapshot::{Snapshot, SnapshotCell};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Says which server this process is.
const ROLE: &str = "PROBITY_BENCH_ROLE";
/// Series shown: some 10 KB of JSON.
const SERIES: usize = 40;
/// Changes published for each number.
const ROUNDS: usize = 200;
/// The pause before each: longer than the interval, so that none is held back.
const PAUSE: Duration = Duration::from_millis(15);
/// Clients, and how many milliseconds the last of them may wait.
const CROWDS: [(usize, f64); 2] = [(100, 2.0), (1000, 20.0)];
/// What is listened to, and the blocks that come before anything happens.
const CASES: [(&str, &str, usize); 2] = [
    ("a probe's change", "topics=probes", 2),
    ("a snapshot", "topics=snapshot", 2),
];

fn main() {
    match std::env::var(ROLE) {
        Ok(role) => serve(&role),
        Err(_) => measure(),
    }
}

// The servers.

fn serve(role: &str) {
    raise_descriptors();
    match role.strip_prefix("bare:") {
        Some(bytes) => bare(bytes.parse().unwrap()),
        None => Runtime::new().unwrap().block_on(probity()),
    }
}

/// A snapshot in which a probe has changed each time.
fn shown(sequence: u64) -> Snapshot {
    let machine = snapshots::sampler("machine", |recorder| {
        for index in 0..SERIES {
            snapshots::gauge(recorder, &format!("bench_value_{index}"), index as f64);
        }
    });
    let mut probe = snapshots::probe_view("files");
    probe.status.state = [ProbeState::Active, ProbeState::Paused][sequence as usize % 2];
    Snapshot {
        probes: vec![Arc::new(probe)],
        ..snapshots::snapshot(sequence, vec![machine])
    }
}

async fn probity() {
    let cell = Arc::new(SnapshotCell::new());
    cell.publish(shown(1));
    let tally = HttpTally::new(&mut Tally::default());
    let handles = Handles::new(cell.clone(), Arc::new(tally));
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        max_connections: 2048,
        stream: StreamConfig {
            interval: Span::millis(10),
            max_clients: 2048,
            keep_alive: Span::seconds(600),
            ..StreamConfig::default()
        },
        ..Config::default()
    };
    let server = Server::bind(&config, handles).unwrap();
    println!("{}", server.local_addr());
    let ended = CancellationToken::new();
    let gone = ended.clone();
    std::thread::spawn(move || {
        let mut next = shown(2);
        while std::io::stdin().read(&mut [0]).is_ok_and(|read| read > 0) {
            let sequence = next.sequence + 1;
            cell.publish(next);
            next = shown(sequence);
        }
        gone.cancel();
    });
    server.run(ended).await.unwrap();
}

/// Writes the same bytes to every client, one after the other, and does nothing else.
fn bare(bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    let mut frame = vec![b'x'; bytes];
    frame[bytes - 2..].copy_from_slice(b"\n\n");
    let mut clients = Vec::new();
    let mut order = [0];
    while std::io::stdin().read(&mut order).is_ok_and(|read| read > 0) {
        if order == *b"+" {
            let (client, _) = listener.accept().unwrap();
            client.set_nodelay(true).unwrap();
            clients.push(client);
        } else {
            for client in &mut clients {
                client.write_all(&frame).unwrap();
            }
        }
    }
}

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            address: line.trim().parse().unwrap(),
        }
    }

    fn order(&mut self, byte: u8) {
        self.child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(&[byte])
            .unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).unwrap();
}

// The clients.

/// What all clients have read.
#[derive(Default)]
struct Heard {
    blocks: AtomicUsize,
    bytes: AtomicUsize,
    moved: Notify,
}

impl Heard {
    /// Waits until the clients have read so many blocks together.
    async fn reach(&self, blocks: usize) {
        loop {
            let moved = self.moved.notified();
            if self.blocks.load(Ordering::Acquire) >= blocks {
                return;
            }
            moved.await;
        }
    }
}

/// Reads to the end, and counts empty lines: one stands behind each event. Who waits is woken when a round may be over.
async fn listen(mut stream: TcpStream, heard: Arc<Heard>, clients: usize) {
    let mut buffer = vec![0; 64 << 10];
    let mut last = 0;
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        let mut blocks = 0;
        for byte in &buffer[..read] {
            blocks += usize::from(last == b'\n' && *byte == b'\n');
            last = *byte;
        }
        heard.bytes.fetch_add(read, Ordering::Relaxed);
        let before = heard.blocks.fetch_add(blocks, Ordering::AcqRel);
        // Only when a round may be over: waking for every client would be part of the time.
        if before / clients != (before + blocks) / clients {
            heard.moved.notify_one();
        }
    }
}

/// Milliseconds from each change to its last client, and the bytes that one client got for one.
async fn rounds(process: &mut Process, heard: &Heard, clients: usize) -> (Vec<f64>, usize) {
    let mut took = Vec::new();
    let before = heard.bytes.load(Ordering::Relaxed);
    let first = heard.blocks.load(Ordering::Relaxed);
    for round in 1..=ROUNDS {
        tokio::time::sleep(PAUSE).await;
        let begun = Instant::now();
        process.order(b'.');
        heard.reach(first + round * clients).await;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let bytes = heard.bytes.load(Ordering::Relaxed) - before;
    took.sort_by(f64::total_cmp);
    (took, bytes / ROUNDS / clients)
}

async fn ours(clients: usize, query: &str, blocks: usize) -> (Vec<f64>, usize) {
    let mut process = Process::start("probity");
    let heard = Arc::new(Heard::default());
    for _ in 0..clients {
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        let request = format!("GET /api/v1/stream?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::spawn(listen(stream, heard.clone(), clients));
    }
    heard.reach(clients * blocks).await;
    rounds(&mut process, &heard, clients).await
}

async fn broadcast(clients: usize, bytes: usize) -> Vec<f64> {
    let mut process = Process::start(&format!("bare:{bytes}"));
    let heard = Arc::new(Heard::default());
    for _ in 0..clients {
        let stream = TcpStream::connect(process.address).await.unwrap();
        process.order(b'+');
        tokio::spawn(listen(stream, heard.clone(), clients));
    }
    rounds(&mut process, &heard, clients).await.0
}

fn measure() {
    raise_descriptors();
    // One thread: the other processor is the server's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("\nfrom publishing to the last client, in ms, {ROUNDS} changes each");
    println!(
        "  {:<18}{:>8}{:>8}{:>9}{:>9}{:>11}{:>11}{:>8}  target",
        "what", "clients", "bytes", "p50", "p99", "bare p50", "bare p99", "ratio"
    );
    for (what, query, blocks) in CASES {
        for (clients, target) in CROWDS {
            let (took, bytes) = runtime.block_on(ours(clients, query, blocks));
            let bare = runtime.block_on(broadcast(clients, bytes));
            let at = |times: &[f64], share: f64| times[(times.len() as f64 * share) as usize];
            let (p50, floor) = (at(&took, 0.5), at(&bare, 0.5));
            let (p99, floor_p99) = (at(&took, 0.99), at(&bare, 0.99));
            println!(
                "  {what:<18}{clients:>8}{bytes:>8}{p50:>9.2}{p99:>9.2}{floor:>11.2}{floor_p99:>11.2}{:>8.1}  {target} ms",
                p50 / floor
            );
        }
    }
}
